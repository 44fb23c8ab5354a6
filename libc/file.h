/* Open files: one table of slots, each with the operations of its kind. Sockets have their own,
 * above the slots. */
#ifndef LIBC_FILE_H
#define LIBC_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

#define FILE_SLOTS 16 /* file descriptors from here on are sockets */

struct file;

/* Functions return negative errno. NULL: the kind cannot do it. Thread context; all may block. */
struct file_ops {
    ssize_t (*read)(struct file *file, void *data, size_t len, off_t pos);
    ssize_t (*write)(struct file *file, const void *data, size_t len, off_t pos);
    off_t (*size)(struct file *file); /* NULL: a stream, without positions */
    int (*sync)(struct file *file);
    void (*close)(struct file *file); /* NULL: nothing to do */
    mode_t mode;                      /* as in st_mode */
};

struct file {
    const struct file_ops *ops; /* NULL: the slot is free */
    void *device;
    off_t pos;
    int flags; /* O_* */
};

/* Sockets speak through lwIP, which libc does not know: net registers this. Negative errno as
 * above. */
struct socket_ops {
    ssize_t (*read)(int fd, void *data, size_t len);
    ssize_t (*write)(int fd, const void *data, size_t len);
    ssize_t (*readv)(int fd, const struct iovec *pieces, int cnt);
    ssize_t (*writev)(int fd, const struct iovec *pieces, int cnt);
    int (*close)(int fd);
    int (*fcntl)(int fd, int cmd, int arg);
    int (*ioctl)(int fd, unsigned long request, void *arg);
};
void libc_set_socket_ops(const struct socket_ops *ops);

/* Those operations when @fd is a socket's number, else NULL. */
const struct socket_ops *libc_socket_ops(int fd);

/* @rc as POSIX tells it: negative errno becomes -1 and errno. */
ssize_t libc_result(ssize_t rc);

extern const struct file_ops console_file_ops;
extern const struct file_ops block_file_ops;
extern const struct file_ops port_file_ops;

#endif
