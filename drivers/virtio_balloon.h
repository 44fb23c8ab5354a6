/*
 * Private to the balloon driver: virtio_balloon.c has the device's life and its statistics,
 * virtio_balloon_pages.c the pages, given and taken back by a thread of its own.
 *
 * Pages stand in a stack of leaves in the order in which they were given; the device reads their
 * numbers from there. "Given" pages are the host's. Where memory runs out and the device allows it,
 * the last ones are used again at once and stay recorded, above the given ones, until the host has
 * been told.
 */
#ifndef DRIVERS_VIRTIO_BALLOON_H
#define DRIVERS_VIRTIO_BALLOON_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/memory.h"
#include "arch/spinlock.h"
#include "drivers/virtio_balloon_spec.h"
#include "kernel/list.h"
#include "kernel/thread.h"
#include "virtio/virtio.h"

#define VIRTIO_BALLOON_RESERVE_PAGES ((16u << 20) / PAGE_SIZE) /* that stay free */
#define VIRTIO_BALLOON_STAT_CNT      3
#define VIRTIO_BALLOON_LEAF_PAGES    1024u

/* Page numbers. */
struct virtio_balloon_leaf {
    struct list link; /* last one last */
    uint32_t recorded, given;
    uint32_t pfns[VIRTIO_BALLOON_LEAF_PAGES];
};

struct virtio_balloon {
    struct virtio_device *dev;
    struct thread *thread;
    struct wait_queue wait; /* for an answer, for something to do */
    struct spinlock lock;   /* what follows */
    struct virtqueue *inflateq, *deflateq, *statsq;
    struct list leaves;
    uint32_t recorded, given; /* sums of the leaves' */
    uint32_t target;
    bool look;      /* at the configuration */
    bool stop;      /* the thread ends */
    bool inflating; /* pages are on their way to the host */
    bool reclaims;  /* memory may be taken back without asking */
    bool reclaimed; /* which happened: no inflating before the host says something new */
    struct virtio_balloon_stat *stats;
    uint64_t stats_pa;
};

/* Thread: makes the balloon what the host wants, until told to stop. */
void virtio_balloon_run(void *balloon);

/* Takes up to max(@cnt, one batch) pages back without waiting; how many it were. None where more
 * than the reserve would be left with @cnt taken: it is not that which is missing. Any context. */
size_t virtio_balloon_reclaim(struct virtio_balloon *balloon, size_t cnt);

/* All pages are ours again: the device has been reset. */
void virtio_balloon_empty(struct virtio_balloon *balloon);

#endif
