/* Requests on sockets: FIONBIO and FIONREAD, which <sys/socket.h> defines. */
#ifndef POSIX_SYS_IOCTL_H
#define POSIX_SYS_IOCTL_H

#ifdef __cplusplus
extern "C" {
#endif

int ioctl(int fd, unsigned long request, ...);

#ifdef __cplusplus
}
#endif

#endif
