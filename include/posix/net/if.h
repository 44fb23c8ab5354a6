/* Interface names ("net0") and numbers. */
#ifndef POSIX_NET_IF_H
#define POSIX_NET_IF_H

#include <lwip/if_api.h>
#include <sys/socket.h>

/* lwIP has macros of these names; here they are functions. */
#undef if_nametoindex
#undef if_indextoname

#ifdef __cplusplus
extern "C" {
#endif

/* 0 when there is no such interface. */
unsigned if_nametoindex(const char *name);

/* NULL with ENXIO when there is no such interface; @name has room for IF_NAMESIZE bytes. */
char *if_indextoname(unsigned index, char *name);

#ifdef __cplusplus
}
#endif

#endif
