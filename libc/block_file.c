/* Block devices as files: any position and length; whole blocks go straight between device and
 * caller's memory. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/mutex.h"
#include "libc/file.h"
#include "vring0/block.h"

/* Held while a block is read, changed in part and written back. */
static struct mutex edge_lock = {.waiters = WAIT_QUEUE_INIT(edge_lock.waiters)};

static off_t block_size_of(struct file *file)
{
    return (off_t)(block_info(file->device)->sector_cnt * BLOCK_SECTOR_SIZE);
}

/* Bytes from @pos on that one step handles: whole blocks if it can start with one, else the part of
 * a block. */
static size_t step_len(off_t pos, size_t len, size_t block)
{
    size_t into = (size_t)pos % block;

    if (into == 0 && len >= block)
        return len - len % block;
    return len < block - into ? len : block - into;
}

static int read_edge(struct block_device *dev, off_t pos, char *data, size_t len)
{
    size_t block = block_info(dev)->block_size;
    size_t into = (size_t)pos % block;
    char *bounce = malloc(block);
    int rc;

    if (bounce == NULL)
        return -ENOMEM;
    rc = block_read(dev, ((size_t)pos - into) / BLOCK_SECTOR_SIZE, bounce, block);
    if (rc == 0)
        memcpy(data, bounce + into, len);
    free(bounce);
    return rc;
}

static int write_edge(struct block_device *dev, off_t pos, const char *data, size_t len)
{
    size_t block = block_info(dev)->block_size;
    size_t into = (size_t)pos % block;
    uint64_t sector = ((size_t)pos - into) / BLOCK_SECTOR_SIZE;
    char *bounce = malloc(block);
    int rc;

    if (bounce == NULL)
        return -ENOMEM;
    mutex_lock(&edge_lock);
    rc = block_read(dev, sector, bounce, block);
    if (rc == 0) {
        memcpy(bounce + into, data, len);
        rc = block_write(dev, sector, bounce, block);
    }
    mutex_unlock(&edge_lock);
    free(bounce);
    return rc;
}

static ssize_t block_file_read(struct file *file, void *data, size_t len, off_t pos)
{
    struct block_device *dev = file->device;
    size_t block = block_info(dev)->block_size;
    off_t size = block_size_of(file);
    size_t done = 0;

    if (pos >= size)
        return 0;
    if (len > (size_t)(size - pos))
        len = (size_t)(size - pos);
    while (done < len) {
        off_t at = pos + (off_t)done;
        char *to = (char *)data + done;
        size_t step = step_len(at, len - done, block);
        int rc;

        if (step % block == 0)
            rc = block_read(dev, (size_t)at / BLOCK_SECTOR_SIZE, to, step);
        else
            rc = read_edge(dev, at, to, step);
        if (rc != 0)
            return done > 0 ? (ssize_t)done : rc;
        done += step;
    }
    return (ssize_t)done;
}

static ssize_t block_file_write(struct file *file, const void *data, size_t len, off_t pos)
{
    struct block_device *dev = file->device;
    size_t block = block_info(dev)->block_size;
    off_t size = block_size_of(file);
    size_t done = 0;

    if (pos >= size)
        return len == 0 ? 0 : -ENOSPC;
    if (len > (size_t)(size - pos))
        len = (size_t)(size - pos);
    while (done < len) {
        off_t at = pos + (off_t)done;
        const char *from = (const char *)data + done;
        size_t step = step_len(at, len - done, block);
        int rc;

        if (step % block == 0)
            rc = block_write(dev, (size_t)at / BLOCK_SECTOR_SIZE, from, step);
        else
            rc = write_edge(dev, at, from, step);
        if (rc != 0)
            return done > 0 ? (ssize_t)done : rc;
        done += step;
    }
    return (ssize_t)done;
}

static int block_file_sync(struct file *file)
{
    int rc = block_flush(file->device);

    return rc == -EOPNOTSUPP ? 0 : rc; /* no cache to flush */
}

const struct file_ops block_file_ops = {
    .read = block_file_read,
    .write = block_file_write,
    .size = block_size_of,
    .sync = block_file_sync,
    .mode = S_IFBLK | 0600,
};
