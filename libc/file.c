/* The table of open files, and the POSIX calls on file descriptors. */
#include "libc/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "arch/spinlock.h"
#include "vring0/block.h"
#include "vring0/port.h"

#define DEVICE_FOLDER "/dev/"
#define PORT_FOLDER   "/dev/vport/"
#define TRANSFER_MAX  0x7ffff000ul /* newlib's read() and write() return int */

static struct file files[FILE_SLOTS] = {
    [STDIN_FILENO] = {.ops = &console_file_ops, .flags = O_RDONLY},
    [STDOUT_FILENO] = {.ops = &console_file_ops, .flags = O_WRONLY},
    [STDERR_FILENO] = {.ops = &console_file_ops, .flags = O_WRONLY},
};
static struct spinlock files_lock; /* of which slots are free: callbacks open files on any CPU */
static const struct socket_ops *socket_ops;

void libc_set_socket_ops(const struct socket_ops *ops)
{
    socket_ops = ops;
}

ssize_t libc_result(ssize_t rc)
{
    if (rc >= 0)
        return rc;
    errno = (int)-rc;
    return -1;
}

const struct socket_ops *libc_socket_ops(int fd)
{
    return fd >= FILE_SLOTS ? socket_ops : NULL;
}

static bool is_socket(int fd)
{
    return libc_socket_ops(fd) != NULL;
}

static struct file *file_get(int fd)
{
    return fd >= 0 && fd < FILE_SLOTS && files[fd].ops != NULL ? &files[fd] : NULL;
}

static bool can_read(const struct file *file)
{
    return (file->flags & O_ACCMODE) != O_WRONLY;
}

static bool can_write(const struct file *file)
{
    return (file->flags & O_ACCMODE) != O_RDONLY;
}

static int file_new(const struct file *file)
{
    uint64_t irq = spin_lock(&files_lock);
    int fd = 0;

    while (fd < FILE_SLOTS && files[fd].ops != NULL)
        fd++;
    if (fd < FILE_SLOTS)
        files[fd] = *file;
    spin_unlock(&files_lock, irq);
    return fd < FILE_SLOTS ? fd : -EMFILE;
}

static void file_free(struct file *file)
{
    uint64_t irq = spin_lock(&files_lock);

    *file = (struct file){0};
    spin_unlock(&files_lock, irq);
}

static int open_port(const char *name, int flags)
{
    struct port *port = port_find(name);
    int rc = port != NULL ? port_open(port) : -ENOENT;

    if (rc != 0)
        return rc;
    rc = file_new(&(struct file){.ops = &port_file_ops, .device = port, .flags = flags});
    if (rc < 0)
        port_close(port);
    return rc;
}

static int open_device(const char *path, int flags)
{
    struct block_device *dev = NULL;

    if (strncmp(path, PORT_FOLDER, strlen(PORT_FOLDER)) == 0)
        return open_port(path + strlen(PORT_FOLDER), flags);
    if (strncmp(path, DEVICE_FOLDER, strlen(DEVICE_FOLDER)) == 0)
        dev = block_find(path + strlen(DEVICE_FOLDER));
    if (dev == NULL)
        return (flags & O_CREAT) != 0 ? -EROFS : -ENOENT;
    if ((flags & O_ACCMODE) != O_RDONLY && block_info(dev)->read_only)
        return -EROFS;
    return file_new(&(struct file){.ops = &block_file_ops, .device = dev, .flags = flags});
}

int open(const char *path, int flags, ...)
{
    return (int)libc_result(open_device(path, flags));
}

int close(int fildes)
{
    struct file *file = file_get(fildes);

    if (is_socket(fildes))
        return (int)libc_result(socket_ops->close(fildes));
    if (file == NULL)
        return (int)libc_result(-EBADF);
    if (file->ops->close != NULL)
        file->ops->close(file);
    file_free(file);
    return 0;
}

static ssize_t file_read(struct file *file, void *data, size_t len, off_t pos)
{
    if (file == NULL || !can_read(file))
        return -EBADF;
    return file->ops->read(file, data, len, pos);
}

static ssize_t file_write(struct file *file, const void *data, size_t len, off_t pos)
{
    if (file == NULL || !can_write(file))
        return -EBADF;
    return file->ops->write(file, data, len, pos);
}

_READ_WRITE_RETURN_TYPE read(int fd, void *data, size_t len)
{
    struct file *file = file_get(fd);
    ssize_t done;

    if (len > TRANSFER_MAX)
        len = TRANSFER_MAX;
    if (is_socket(fd))
        return (int)libc_result(socket_ops->read(fd, data, len));
    done = file_read(file, data, len, file != NULL ? file->pos : 0);
    if (done > 0)
        file->pos += done;
    return (int)libc_result(done);
}

_READ_WRITE_RETURN_TYPE write(int fd, const void *data, size_t len)
{
    struct file *file = file_get(fd);
    ssize_t done;

    if (len > TRANSFER_MAX)
        len = TRANSFER_MAX;
    if (is_socket(fd))
        return (int)libc_result(socket_ops->write(fd, data, len));
    if (file != NULL && (file->flags & O_APPEND) != 0 && file->ops->size != NULL)
        file->pos = file->ops->size(file);
    done = file_write(file, data, len, file != NULL ? file->pos : 0);
    if (done > 0)
        file->pos += done;
    return (int)libc_result(done);
}

static bool is_stream(const struct file *file)
{
    return file != NULL && file->ops->size == NULL;
}

ssize_t pread(int fd, void *buf, size_t nbytes, off_t offset)
{
    struct file *file = file_get(fd);

    if (is_socket(fd) || is_stream(file))
        return libc_result(-ESPIPE);
    return libc_result(offset < 0 ? -EINVAL : file_read(file, buf, nbytes, offset));
}

ssize_t pwrite(int fd, const void *buf, size_t nbytes, off_t offset)
{
    struct file *file = file_get(fd);

    if (is_socket(fd) || is_stream(file))
        return libc_result(-ESPIPE);
    return libc_result(offset < 0 ? -EINVAL : file_write(file, buf, nbytes, offset));
}

off_t lseek(int fildes, off_t offset, int whence)
{
    struct file *file = file_get(fildes);
    off_t base, pos;

    if (is_socket(fildes) || is_stream(file))
        return libc_result(-ESPIPE);
    if (file == NULL)
        return libc_result(-EBADF);
    if (whence == SEEK_SET)
        base = 0;
    else if (whence == SEEK_CUR)
        base = file->pos;
    else if (whence == SEEK_END)
        base = file->ops->size(file);
    else
        return libc_result(-EINVAL);
    if (__builtin_add_overflow(base, offset, &pos) || pos < 0)
        return libc_result(-EINVAL);
    file->pos = pos;
    return pos;
}

int fsync(int fd)
{
    struct file *file = file_get(fd);

    if (is_socket(fd))
        return (int)libc_result(-EINVAL);
    if (file == NULL)
        return (int)libc_result(-EBADF);
    return (int)libc_result(file->ops->sync != NULL ? file->ops->sync(file) : -EINVAL);
}

int fstat(int fd, struct stat *sbuf)
{
    struct file *file = file_get(fd);

    if (!is_socket(fd) && file == NULL)
        return (int)libc_result(-EBADF);
    *sbuf = (struct stat){.st_mode = S_IFSOCK | 0666, .st_nlink = 1, .st_blksize = 4096};
    if (file != NULL) {
        sbuf->st_mode = file->ops->mode;
        sbuf->st_size = file->ops->size != NULL ? file->ops->size(file) : 0;
        sbuf->st_blocks = sbuf->st_size / 512;
    }
    return 0;
}

int stat(const char *path, struct stat *sbuf)
{
    int fd = open(path, O_RDONLY);
    int rc;

    if (fd < 0)
        return -1;
    rc = fstat(fd, sbuf);
    close(fd);
    return rc;
}

int isatty(int fildes)
{
    struct file *file = file_get(fildes);

    if (file != NULL && file->ops == &console_file_ops)
        return 1;
    errno = is_socket(fildes) || file != NULL ? ENOTTY : EBADF;
    return 0;
}

int fcntl(int fd, int cmd, ...)
{
    struct file *file = file_get(fd);
    va_list args;
    int arg;

    va_start(args, cmd);
    arg = va_arg(args, int);
    va_end(args);
    if (is_socket(fd))
        return (int)libc_result(socket_ops->fcntl(fd, cmd, arg));
    if (file == NULL)
        return (int)libc_result(-EBADF);
    switch (cmd) {
    case F_GETFL:
        return file->flags;
    case F_SETFL: /* access mode stays; a disk or a console does not care for O_NONBLOCK */
        file->flags = (file->flags & O_ACCMODE) | (arg & (O_APPEND | O_NONBLOCK));
        return 0;
    case F_GETFD:
    case F_SETFD:
        return 0;
    default:
        return (int)libc_result(-EINVAL);
    }
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list args;
    void *arg;

    va_start(args, request);
    arg = va_arg(args, void *);
    va_end(args);
    if (is_socket(fd))
        return (int)libc_result(socket_ops->ioctl(fd, request, arg));
    return (int)libc_result(file_get(fd) != NULL ? -ENOTTY : -EBADF);
}
