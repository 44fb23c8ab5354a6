/* Interface names and numbers. */
#ifndef POSIX_NET_IF_H
#define POSIX_NET_IF_H

#include <lwip/if_api.h>
#include <sys/socket.h>

#endif
