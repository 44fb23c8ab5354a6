/* readv() and writev(). */
#include <errno.h>
#include <stdbool.h>
#include <sys/uio.h>
#include <unistd.h>

#include "libc/file.h"

/* One piece after the other, until one is not filled or not taken whole. */
static ssize_t in_pieces(int fd, const struct iovec *pieces, int cnt, bool writing)
{
    ssize_t done = 0;

    if (cnt < 0 || cnt > IOV_MAX)
        return libc_result(-EINVAL);
    for (int i = 0; i < cnt; i++) {
        ssize_t step = writing ? write(fd, pieces[i].iov_base, pieces[i].iov_len)
                               : read(fd, pieces[i].iov_base, pieces[i].iov_len);

        if (step < 0)
            return done > 0 ? done : -1;
        done += step;
        if ((size_t)step < pieces[i].iov_len)
            break;
    }
    return done;
}

ssize_t readv(int fd, const struct iovec *pieces, int cnt)
{
    const struct socket_ops *sockets = libc_socket_ops(fd);

    if (sockets != NULL)
        return libc_result(sockets->readv(fd, pieces, cnt));
    return in_pieces(fd, pieces, cnt, false);
}

ssize_t writev(int fd, const struct iovec *pieces, int cnt)
{
    const struct socket_ops *sockets = libc_socket_ops(fd);

    if (sockets != NULL)
        return libc_result(sockets->writev(fd, pieces, cnt));
    return in_pieces(fd, pieces, cnt, true);
}
