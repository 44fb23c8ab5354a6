/* Ports as files: streams that wait unless O_NONBLOCK says otherwise. */
#include <fcntl.h>

#include "libc/file.h"
#include "vring0/port.h"

static uint64_t timeout_of(const struct file *file)
{
    return (file->flags & O_NONBLOCK) != 0 ? 0 : PORT_WAIT_FOREVER;
}

static ssize_t port_file_read(struct file *file, void *data, size_t len, off_t pos)
{
    (void)pos;
    return port_read(file->device, data, len, timeout_of(file));
}

static ssize_t port_file_write(struct file *file, const void *data, size_t len, off_t pos)
{
    (void)pos;
    return port_write(file->device, data, len, timeout_of(file));
}

static void port_file_close(struct file *file)
{
    port_close(file->device);
}

const struct file_ops port_file_ops = {
    .read = port_file_read,
    .write = port_file_write,
    .close = port_file_close,
    .mode = S_IFCHR | 0600,
};
