/* Options of TCP sockets: TCP_NODELAY, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT. */
#ifndef POSIX_NETINET_TCP_H
#define POSIX_NETINET_TCP_H

#include <sys/socket.h>

#endif
