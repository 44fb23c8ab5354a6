/* newlib's, with room in fd_set for every socket. */
#ifndef POSIX_SYS_SELECT_H
#define POSIX_SYS_SELECT_H

#define FD_SETSIZE 256

#include_next <sys/select.h>

#endif
