/* What lwIP's configuration puts in place of lwIP's own. */
#ifndef NET_HOOKS_H
#define NET_HOOKS_H

#include <stddef.h>

#include "lwip/arch.h"
#include "lwip/err.h"
#include "lwip/ip_addr.h"

/*
 * Memory for packets and connections: blocks of two sizes that are reused, all others from
 * malloc(); together at most an eighth of the machine's memory. NULL when that is used up.
 */
void *net_malloc(size_t len);
void *net_calloc(size_t cnt, size_t len);
void net_free(void *data);

/* Bytes that net_malloc() has handed out, and the most it will. */
size_t net_memory_used(void);
size_t net_memory_max(void);

struct tcp_pcb;
struct tcp_hdr;
struct pbuf;

/* Sees each segment of a connection before lwIP does; ERR_ABRT when there is nothing more to do
 * about it. */
err_t net_tcp_input(struct tcp_pcb *pcb, struct tcp_hdr *hdr, struct pbuf *data);

/* Initial sequence number of a connection: not to be guessed from those of other connections (RFC
 * 6528). */
u32_t net_tcp_isn(const ip_addr_t *local_ip, u16_t local_port, const ip_addr_t *remote_ip,
                  u16_t remote_port);

#endif
