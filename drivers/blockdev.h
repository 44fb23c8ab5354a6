/* Block devices from the driver's side: what a driver implements, and the register of devices. */
#ifndef DRIVERS_BLOCKDEV_H
#define DRIVERS_BLOCKDEV_H

#include "kernel/list.h"
#include "vring0/block.h"

/* Called with interrupts off. Every request that add() took is completed in bounded time, by the
 * device or by the driver giving the device up. */
struct block_ops {
    /* Takes a checked request, not yet visible to the device. 0; -ENOSPC no room; else why it must
     * fail. */
    int (*add)(struct block_device *dev, struct block_request *req);
    /* Makes what add() took visible, with at most one notification. */
    void (*kick)(struct block_device *dev);
    unsigned (*poll)(struct block_device *dev);
    void (*stats)(const struct block_device *dev, struct block_stats *stats);
};

struct block_device {
    struct list link;
    struct block_info info; /* set by the driver; sector_cnt may change while in use */
    const struct block_ops *ops;
    void *driver_data;
};

/* Makes @dev known under info.name; all other fields must be set. Thread context. */
void block_register(struct block_device *dev);
void block_unregister(struct block_device *dev);

static inline void block_complete(struct block_request *req, int status)
{
    req->status = status;
    req->done(req);
}

/* "read", "write", ... */
const char *block_op_name(enum block_op op);

#endif
