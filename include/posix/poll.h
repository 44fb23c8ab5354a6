/* poll() on sockets. */
#ifndef POSIX_POLL_H
#define POSIX_POLL_H

#include <sys/socket.h>

#endif
