/* Internet addresses, byte order. */
#ifndef POSIX_NETINET_IN_H
#define POSIX_NETINET_IN_H

#include <sys/socket.h>

#endif
