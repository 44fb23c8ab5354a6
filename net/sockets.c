/* Sockets as file descriptors: read, write, close, fcntl and ioctl on them. */
#include <errno.h>
#include <fcntl.h>

#include "libc/file.h"
#include "lwip/sockets.h"
#include "net/private.h"

_Static_assert(LWIP_SOCKET_OFFSET == FILE_SLOTS, "socket numbers begin where files end");
_Static_assert(LWIP_SOCKET_OFFSET + MEMP_NUM_NETCONN <= FD_SETSIZE, "every socket fits an fd_set");

/* lwIP has set errno already; libc wants it returned. */
static ssize_t result(ssize_t rc)
{
    return rc < 0 ? -errno : rc;
}

static ssize_t socket_read(int fd, void *data, size_t len)
{
    return result(lwip_read(fd, data, len));
}

static ssize_t socket_write(int fd, const void *data, size_t len)
{
    return result(lwip_write(fd, data, len));
}

static ssize_t socket_readv(int fd, const struct iovec *pieces, int cnt)
{
    return result(lwip_readv(fd, pieces, cnt));
}

static ssize_t socket_writev(int fd, const struct iovec *pieces, int cnt)
{
    return result(lwip_writev(fd, pieces, cnt));
}

static int socket_close(int fd)
{
    return (int)result(lwip_close(fd));
}

static int socket_fcntl(int fd, int cmd, int arg)
{
    if (cmd == F_GETFD || cmd == F_SETFD) /* close-on-exec: there is no exec */
        return 0;
    return (int)result(lwip_fcntl(fd, cmd, arg));
}

static int socket_ioctl(int fd, unsigned long request, void *arg)
{
    return (int)result(lwip_ioctl(fd, (long)request, arg));
}

static const struct socket_ops ops = {
    .read = socket_read,
    .write = socket_write,
    .readv = socket_readv,
    .writev = socket_writev,
    .close = socket_close,
    .fcntl = socket_fcntl,
    .ioctl = socket_ioctl,
};

void net_sockets_init(void)
{
    libc_set_socket_ops(&ops);
}
