/* Reading and writing in pieces. */
#ifndef POSIX_SYS_UIO_H
#define POSIX_SYS_UIO_H

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef IOV_MAX
#define IOV_MAX 1024
#endif

struct iovec {
    void *iov_base;
    size_t iov_len;
};
/* lwIP defines its own struct of that name unless this is a macro. */
#define iovec iovec

ssize_t readv(int fd, const struct iovec *pieces, int cnt);
ssize_t writev(int fd, const struct iovec *pieces, int cnt);

#ifdef __cplusplus
}
#endif

#endif
