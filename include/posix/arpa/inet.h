/* Addresses as text and back, byte order. */
#ifndef POSIX_ARPA_INET_H
#define POSIX_ARPA_INET_H

#include <lwip/inet.h>
#include <sys/socket.h>

#endif
