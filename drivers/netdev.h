/* Network devices from the driver's side: what a driver implements, the register of devices, their
 * buffer pools. */
#ifndef DRIVERS_NETDEV_H
#define DRIVERS_NETDEV_H

#include <stddef.h>

#include "kernel/list.h"
#include "kernel/thread.h"
#include "vring0/netdev.h"

#define NETDEV_MTU_MIN 68u /* smallest IPv4 must carry */
#define NETDEV_MTU_MAX (NETDEV_FRAME_MAX - 14u)

/* Called with interrupts off. */
struct netdev_ops {
    unsigned (*send)(struct netdev *dev, struct netbuf *const *bufs, unsigned cnt);
    unsigned (*receive)(struct netdev *dev, struct netbuf **bufs, unsigned cnt);
    bool (*pending)(struct netdev *dev); /* frames wait; if not, interrupts are asked for */
    void (*refill)(struct netdev *dev);  /* buffers are back after the pool was empty */
};

/* Fixed-size buffers in contiguous memory, their descriptors apart from what the device can write.
 */
struct netbuf_pool {
    struct netbuf *free; /* linked by next */
    unsigned free_cnt, total_cnt;
    struct netbuf *bufs;
    void *memory;
};

struct netdev {
    struct list link;
    struct netdev_info info; /* set by the driver */
    const struct netdev_ops *ops;
    void *driver_data;
    struct netdev_stats stats; /* kept by the driver */
    bool link_up;
    bool starved; /* the receive ring wants buffers that the pool did not have */
    struct netbuf_pool pool;
    bool opened;
    void (*rx)(void *arg);
    void (*link_changed)(void *arg, bool up);
    void *user;
    struct wait_queue rx_wait;
};

/* Makes @dev known under info.name; info, ops, driver_data, link_up and the pool must be set.
 * Thread context. */
void netdev_register(struct netdev *dev);

/* From here on @dev takes and gives nothing, and its ops are not called. False while a user has it
 * open: then it must stay in memory. */
bool netdev_unregister(struct netdev *dev);

/* For drivers' interrupt handlers: frames wait; the link went up or down. */
void netdev_rx_ready(struct netdev *dev);
void netdev_set_link(struct netdev *dev, bool up);

/* A pool of @cnt buffers for @dev. 0, -ENOMEM. Thread context. */
int netbuf_pool_init(struct netdev *dev, unsigned cnt);

/* Frees the pool. False, with a warning, while buffers are still lent out: then their memory is
 * kept. */
bool netbuf_pool_free(struct netdev *dev);

/* Takes and returns buffers with interrupts off. */
static inline struct netbuf *netbuf_take(struct netbuf_pool *pool)
{
    struct netbuf *buf = pool->free;

    if (buf != NULL) {
        pool->free = buf->next;
        pool->free_cnt--;
    }
    return buf;
}

static inline void netbuf_give(struct netbuf_pool *pool, struct netbuf *buf)
{
    buf->next = pool->free;
    pool->free = buf;
    pool->free_cnt++;
}

/* Finishes a NETBUF_CSUM_PARTIAL frame in software. False when the offsets lie outside the frame.
 */
bool netbuf_checksum(struct netbuf *buf);

#endif
