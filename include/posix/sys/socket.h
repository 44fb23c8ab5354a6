/* BSD sockets. */
#ifndef POSIX_SYS_SOCKET_H
#define POSIX_SYS_SOCKET_H

#include <lwip/sockets.h>

#ifndef SOMAXCONN
#define SOMAXCONN 128
#endif

#endif
