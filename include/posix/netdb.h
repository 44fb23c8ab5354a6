/* Names to addresses and back. */
#ifndef POSIX_NETDB_H
#define POSIX_NETDB_H

#include <lwip/netdb.h>

/* lwIP has macros of these names; here they are functions. */
#undef gethostbyname
#undef gethostbyname_r
#undef getaddrinfo
#undef freeaddrinfo

#define NI_MAXHOST     256
#define NI_MAXSERV     32
#define NI_NUMERICHOST 1
#define NI_NUMERICSERV 2
#define NI_NAMEREQD    8
#define NI_DGRAM       16

#define EAI_OVERFLOW 205

#ifdef __cplusplus
extern "C" {
#endif

struct hostent *gethostbyname(const char *name);
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **result);
void freeaddrinfo(struct addrinfo *info);
const char *gai_strerror(int err);

/* Always numeric: there is no reverse look-up. NI_NAMEREQD gives EAI_NONAME. */
int getnameinfo(const struct sockaddr *addr, socklen_t addr_len, char *host, socklen_t host_len,
                char *service, socklen_t service_len, int flags);

#ifdef __cplusplus
}
#endif

#endif
