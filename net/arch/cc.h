/* What lwIP needs to know of compiler and C library. */
#ifndef NET_ARCH_CC_H
#define NET_ARCH_CC_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>

#define LWIP_ERRNO_STDINCLUDE 1
#define LWIP_NO_UNISTD_H      1
#ifndef SSIZE_MAX
#define SSIZE_MAX LONG_MAX
#endif
#ifndef BYTE_ORDER
#define BYTE_ORDER LITTLE_ENDIAN
#endif

#define lwip_htons(x) ((u16_t)__builtin_bswap16(x))
#define lwip_htonl(x) ((u32_t)__builtin_bswap32(x))

_Noreturn void net_assert_failed(const char *message, const char *file, int line);
unsigned net_random(void);
unsigned short net_checksum(const void *data, int len);

#define LWIP_PLATFORM_DIAG(x)   ((void)0)
#define LWIP_PLATFORM_ASSERT(x) net_assert_failed(x, __FILE__, __LINE__)
#define LWIP_RAND()             net_random()

/* Its allocators, named by net/lwipopts.h. */
void *net_malloc(size_t len);
void *net_calloc(size_t cnt, size_t len);
void net_free(void *data);

#endif
