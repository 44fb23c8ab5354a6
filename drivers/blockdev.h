/* Block devices from the driver's side: what a driver implements, and the register of devices. */
#ifndef DRIVERS_BLOCKDEV_H
#define DRIVERS_BLOCKDEV_H

#include "kernel/list.h"
#include "kernel/mutex.h"
#include "vring0/block.h"

/* Called with interrupts off, on any CPU. Every request that add() took is completed in bounded
 * time, by the device or by the driver giving the device up; no lock is held meanwhile. */
struct block_ops {
    /* This CPU's queue, locked until end(). */
    void *(*begin)(struct block_device *dev);
    /* Takes a checked request, not yet visible to the device: reads and writes, and the others. 0;
     * -ENOSPC no room; else why it must fail. */
    int (*add_data)(void *queue, struct block_request *req);
    int (*add_rare)(void *queue, struct block_request *req);
    /* Makes what add() took visible, with at most one notification, and unlocks. */
    void (*end)(void *queue);
    unsigned (*poll)(struct block_device *dev); /* this CPU's queue */
    void (*stats)(const struct block_device *dev, struct block_stats *stats);
};

struct block_device {
    struct list link;
    struct block_info info; /* set by the driver; later block_set_capacity() changes sector_cnt */
    uint64_t sector_max;    /* largest capacity so far */
    const struct block_ops *ops;
    void *driver_data;
    struct list watches; /* guarded by lock, as is the next */
    bool telling;        /* watchers are called; by whoever holds the lock */
    struct mutex lock;
};

/* Makes @dev known under info.name; info, ops and driver_data must be set. Thread context. */
void block_register(struct block_device *dev);
void block_unregister(struct block_device *dev);

/* The device has @sectors now: "@event kind=resize" and the watchers' callbacks, if that is news.
 * Thread context. */
void block_set_capacity(struct block_device *dev, uint64_t sectors);

/* May sectors [@sector, @sector + @cnt) be asked for? 0; -ERANGE they never existed; -EIO they are
 * gone since the device shrank. Any context. */
int block_check_range(const struct block_device *dev, uint64_t sector, uint64_t cnt);

/* For block_register(): nobody watches yet. */
void block_watch_init(struct block_device *dev);

/* Calls done() of each request in @list, linked by next, with its status set. No lock is held. */
static inline void block_complete(struct block_request *list)
{
    while (list != NULL) {
        struct block_request *req = list;

        list = req->next;
        req->done(req);
    }
}

/* "read", "write", ... */
const char *block_op_name(enum block_op op);

#endif
