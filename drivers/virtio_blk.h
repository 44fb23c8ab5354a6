/* Private to the virtio block driver. */
#ifndef DRIVERS_VIRTIO_BLK_H
#define DRIVERS_VIRTIO_BLK_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/spinlock.h"
#include "drivers/blockdev.h"
#include "kernel/log.h"
#include "kernel/thread.h"
#include "kernel/timer.h"
#include "virtio/virtio.h"

#define VIRTIO_BLK_SEG_MAX   126u /* data segments a request; a chain has two more pieces */
#define VIRTIO_BLK_CHAIN_MIN 3u   /* header, data, status */

struct virtio_blk_bounce;

/* One request queue. CPUs that do not share a queue share no line of memory on a request's way. */
struct virtio_blk_queue {
    struct virtio_blk *blk;
    struct virtqueue *vq;
    struct spinlock lock;  /* the virtqueue and what follows; not held while done() runs */
    uint8_t submitter;     /* CPU that holds the lock to submit */
    cpu_mask_t harvesting; /* CPUs that hand out completions: each kicks once, behind them */
    uint64_t completed_cnt;
    uint64_t error_cnt;
    uint64_t elsewhere_cnt; /* completed on another CPU than the one that submitted */

    /* Both are armed only while they are not, so each is in one CPU's list at a time. */
    struct timer watchdog; /* runs while requests are in flight */
    struct timer rest;     /* harvests what was more than one pass may take */
    bool watchdog_armed, rest_armed;
    uint64_t watchdog_seen; /* completed_cnt at the last tick */
    unsigned stalled_ticks; /* ticks without a completion */

    struct virtio_blk_bounce *bounce; /* of rings that are too small for a chain; else NULL */
} __attribute__((aligned(64)));

/* A disk. */
struct virtio_blk {
    struct block_device block;
    struct virtio_device *dev;
    struct virtio_blk_queue *queues;
    unsigned queue_cnt;
    struct virtio_blk_queue *cpu_queues[CPU_MAX]; /* where each CPU submits */
    int dead_status; /* what requests in flight end with when the device is given up */
    struct log_limit error_log, status_log, capacity_log;

    struct block_request id_req; /* asks for the serial number */
    struct wait_queue id_wait;
    bool id_done;
    char id[20];
};

/* Queues that the device has and the CPUs in use can use, at least 1. */
unsigned virtio_blk_wanted_queues(struct virtio_blk *blk);

/* Reads and checks configuration into blk->block.info; the queues must exist. 0, -EIO, -EINVAL. */
int virtio_blk_configure(struct virtio_blk *blk);

/* Capacity as the device has it now, in whole blocks. 0, -EIO when the device never settles. */
int virtio_blk_read_capacity(struct virtio_blk *blk, uint64_t *sectors);

/* Can a ring of @ring_size entries carry requests, as they are or joined? 0; -EINVAL, and has said
 * why not. */
int virtio_blk_bounce_check(const struct virtio_blk *blk, unsigned ring_size);

/* Has all queues join the pieces of a chain to two, with data of at most info.seg_len_max bytes in
 * one segment. 0, -ENOMEM. _free() undoes it, and does nothing where it was not done. */
int virtio_blk_bounce_setup(struct virtio_blk *blk);
void virtio_blk_bounce_free(struct virtio_blk *blk);

/* Asks the device for its serial number and waits a moment for the answer. Thread context. */
void virtio_blk_read_serial(struct virtio_blk *blk);

/* The watchdog of a queue. */
void virtio_blk_watchdog_setup(struct virtio_blk_queue *q);
void virtio_blk_watchdog_start(struct virtio_blk_queue *q); /* q->lock held; not watchdog_armed */
void virtio_blk_watchdog_cancel(struct virtio_blk_queue *q);

/* Has @q harvested again after a breath for others. q->lock held. */
void virtio_blk_harvest_later(struct virtio_blk_queue *q);

/* Data path, in virtio_blk_io.c. */
extern const struct block_ops virtio_blk_ops;

/* Completes what the device has finished, at most one ring of it; how many. Interrupts off. */
unsigned virtio_blk_harvest(struct virtio_blk_queue *q);

/* Stops all queues for @reason and completes what was in flight with @status. Any context; no
 * queue's lock held. */
void virtio_blk_complete_all(struct virtio_blk *blk, const char *reason, int status);

/* Sends blk->id_req, which asks for the serial number. 0, or why it was not taken. */
int virtio_blk_send_id(struct virtio_blk *blk);

static inline uint64_t virtio_blk_in_flight(const struct virtio_blk_queue *q)
{
    return q->vq->chain_cnt - q->completed_cnt;
}

#endif
