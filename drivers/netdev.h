/* Network devices from the driver's side: what a driver implements, the register of devices, their
 * buffer pools. */
#ifndef DRIVERS_NETDEV_H
#define DRIVERS_NETDEV_H

#include <stddef.h>

#include "arch/spinlock.h"
#include "kernel/list.h"
#include "kernel/mutex.h"
#include "kernel/thread.h"
#include "kernel/work.h"
#include "vring0/netdev.h"

#define NETDEV_MTU_MIN 68u /* smallest IPv4 must carry */
#define NETDEV_MTU_MAX (NETDEV_FRAME_MAX - 14u)

#define NETDEV_NAME_MAX 8 /* "net123" */

#define NETDEV_PAIR_MAX CPU_MAX /* pairs of queues of a device that are ever used */

struct netdev_ops {
    /* Any context, no lock held. As netdev_send(), but for the link. */
    unsigned (*send)(struct netdev *dev, struct netbuf *const *bufs, unsigned cnt);
    unsigned (*receive)(struct netdev *dev, struct netbuf **bufs, unsigned cnt);
    bool (*pending)(struct netdev *dev); /* frames wait; if not, interrupts are asked for */
    /* Buffers are back after the pool was empty. With the pair's lock. */
    void (*refill)(struct netdev_pair *pair);
};

/* Fixed-size buffers in contiguous memory, their descriptors apart from what the device can write.
 */
struct netbuf_pool {
    struct netbuf *free; /* linked by next */
    unsigned free_cnt, total_cnt;
    struct netbuf *bufs;
    void *memory;
};

/* A receive and a transmit queue with their buffers; the driver embeds it. */
struct netdev_pair {
    struct spinlock lock; /* guards what follows, and both queues */
    bool starved;         /* the receive ring wants buffers that the pool did not have */
    bool gone;            /* the queues must not be touched any more */
    struct netdev *dev;
    struct netbuf_pool pool;
    struct netdev_stats stats; /* kept by the driver */
};

struct netdev {
    struct list link;
    struct netdev_info info; /* set by the driver */
    const struct netdev_ops *ops;
    void *driver_data;
    struct netdev_pair *pairs[NETDEV_PAIR_MAX]; /* set by the driver, info.pair_cnt of them */
    struct netdev_pair *cpu_pairs[CPU_MAX];     /* which one a CPU sends on; set by the driver */
    bool link_up;
    bool lost; /* the device does not work any more, so the link is down */
    struct wait_queue rx_wait;
    void (*rx)(void *arg); /* set after user */
    void *user;
    struct work lost_work;
    struct mutex events; /* held while an event is told; guards what follows */
    bool link_told;      /* the link state that users know */
    bool opened;
    netdev_event_fn event;
    netdev_event_fn watch;
    void *watch_arg;
};

/*
 * Network devices of every kind are numbered together, net0, net1, ..., as they are found; whoever
 * comes later gets the lowest number that is free. Thread context.
 */
unsigned netdev_number_take(void);
void netdev_number_put(unsigned number);

/*
 * Has @fn called when a device is registered, and when one is about to be unregistered, which its
 * user must close by then. One observer, who has seen the devices so far by netdev_get(). The
 * callback runs in thread context.
 */
void netdev_observe(void (*fn)(struct netdev *dev, bool added));

/* Prepares @dev; before anything else here. */
void netdev_init(struct netdev *dev);

/* Makes @dev known under info.name; info, ops, driver_data, link_up, pairs, cpu_pairs and pools
 * must be set. Thread context. */
void netdev_register(struct netdev *dev);

/* After netdev_lost(). False while a user has @dev open: then it must stay in memory. Thread
 * context. */
bool netdev_unregister(struct netdev *dev);

/* For drivers' interrupt handlers: frames wait. */
void netdev_rx_ready(struct netdev *dev);

/* The link went up or down; the device asks for an announcement. Back when users have been told.
 * Thread context. */
void netdev_set_link(struct netdev *dev, bool up);
void netdev_announce(struct netdev *dev);

/* The device works no more: its link is down for good. Users are told by a thread. Any context. */
void netdev_lost(struct netdev *dev);

/* The pair that this CPU sends on. */
static inline struct netdev_pair *netdev_this_pair(const struct netdev *dev)
{
    return dev->cpu_pairs[cpu_this()->id];
}

/* A pool of @cnt buffers for @pair, whose dev must be set. 0, -ENOMEM. Thread context. */
int netbuf_pool_init(struct netdev_pair *pair, unsigned cnt);

/* Frees the pool. False while buffers are still lent out, of which *@lent is told the number: then
 * their memory is kept. Thread context. */
bool netbuf_pool_free(struct netdev_pair *pair, unsigned *lent);

/* Takes and returns buffers, with the lock of @pool's pair. */
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

/* For buffers that cannot be freed under the lock of another pair: puts @buf, with its chain, on
 * @list, for netdev_buf_free() once no lock is held. */
void netbuf_put_aside(struct netbuf **list, struct netbuf *buf);

/* Finishes a NETBUF_CSUM_PARTIAL frame in software. False when the offsets lie outside the frame.
 */
bool netbuf_checksum(struct netbuf *buf);

#endif
