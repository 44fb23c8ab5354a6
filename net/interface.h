/* One network device under the IP stack. Fields belong to the core lock unless noted. */
#ifndef NET_INTERFACE_H
#define NET_INTERFACE_H

#include <stdbool.h>

#include "arch/spinlock.h"
#include "kernel/timer.h"
#include "lwip/netif.h"
#include "vring0/netdev.h"

#define INTERFACE_TX_BATCH 32

struct interface {
    struct netif netif;
    struct netdev *dev;
    const char *name; /* the device's, "net0" */
    bool attached;    /* the stack has the device open */
    bool use_dhcp;
    bool has_address;
    unsigned held_cnt; /* receive buffers that packets in the stack live in; atomic */
    unsigned held_max; /* beyond it, frames are copied so that the device does not run dry */

    /* Set by interrupt handlers of any CPU, cleared by the net thread before it looks. */
    bool rx_waiting;

    /* Frames to be sent together. The timer sends them too, on the CPU that it was armed on. */
    struct spinlock tx_lock;
    struct netbuf *tx[INTERFACE_TX_BATCH];
    unsigned tx_cnt;
    struct timer tx_timer;
};

extern struct interface *interfaces[INTERFACE_MAX];
extern unsigned interface_cnt;

/* For who waits between looks at one: none goes meanwhile. Thread context. */
void interfaces_hold(void);
void interfaces_release(void);

struct interface *interface_find(const char *name);

static inline unsigned interface_prefix_len(const struct interface *iface)
{
    uint32_t mask = lwip_ntohl(ip4_addr_get_u32(netif_ip4_netmask(&iface->netif)));

    return mask == 0 ? 0 : 32 - (unsigned)__builtin_ctz(mask);
}

/* ---- netif_vring.c: frames ---- */

/* With the core lock. */
err_t vring_netif_init(struct netif *netif);

/* Opens the device for the stack. 0 or netdev_open()'s error. Both without the core lock, which the
 * device's events need. */
int vring_open(struct interface *iface);
void vring_close(struct interface *iface);

/* Hands one batch of received frames to the stack; true when there may be more. With the core lock.
 */
bool vring_receive(struct interface *iface);

/* Sends what waits; true when some still does because the ring is full. Thread
 * context. */
bool vring_flush(struct interface *iface);

/* ---- net.c ---- */

/* Makes the net thread look at all interfaces. Any context. */
void net_wake(void);

/* True while the net thread works on a batch, at the end of which it sends what waits. */
bool net_in_batch(void);

/* ---- address.c ---- */

/* Reads the boot option ip=. */
void address_init(void);

/* @ip as text; IPv6 in lower case (RFC 5952), which lwIP's own function does not write. Returns
 * @buf. */
#define ADDRESS_TEXT_MAX 48
const char *address_text(const ip_addr_t *ip, char buf[ADDRESS_TEXT_MAX]);

/* Waits while interfaces are still getting their addresses. False when none is, or some still are
 * in the end. */
bool address_settle(bool v6, unsigned timeout_ms);

/* Configures a new interface, and gives its addresses up. With the core lock. */
void address_start(struct interface *iface, unsigned index);
void address_stop(struct interface *iface);

#endif
