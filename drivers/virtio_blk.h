/* Private to the virtio block driver. */
#ifndef DRIVERS_VIRTIO_BLK_H
#define DRIVERS_VIRTIO_BLK_H

#include <stdbool.h>
#include <stdint.h>

#include "drivers/blockdev.h"
#include "kernel/log.h"
#include "kernel/thread.h"
#include "kernel/timer.h"
#include "virtio/virtio.h"

#define VIRTIO_BLK_SEG_MAX 126u /* data segments a request; a chain has two more pieces */

/* A disk. */
struct virtio_blk {
    struct block_device block;
    struct virtio_device *dev;
    struct virtqueue *vq;
    bool harvesting; /* completions are being handed out: kick once, behind them */
    uint64_t completed_cnt;
    uint64_t error_cnt;
    struct log_limit error_log, status_log;

    struct timer watchdog; /* armed while requests are in flight */
    bool watchdog_armed;
    uint64_t watchdog_seen; /* completed_cnt at the last tick */
    unsigned stalled_ticks; /* ticks without a completion */
    int dead_status;        /* what requests in flight end with when the device is given up */

    struct block_request id_req; /* asks for the serial number */
    struct wait_queue id_wait;
    bool id_done;
    char id[20];
};

/* Reads and checks configuration into blk->block.info; the queue must exist. 0, -EIO, -EINVAL. */
int virtio_blk_configure(struct virtio_blk *blk);

/* Reads capacity again; true when it changed. Any context. */
bool virtio_blk_update_capacity(struct virtio_blk *blk);

/* Asks the device for its serial number and waits a moment for the answer. Thread context. */
void virtio_blk_read_serial(struct virtio_blk *blk);

/* Starts the watchdog unless it runs; interrupts are off. */
void virtio_blk_watchdog_start(struct virtio_blk *blk);
void virtio_blk_watchdog_setup(struct virtio_blk *blk);

/* Lets the watchdog harvest again after a breath for others: there was more to do than one pass may
 * take. */
void virtio_blk_watchdog_soon(struct virtio_blk *blk);

/* Data path, in virtio_blk_io.c. */
extern const struct block_ops virtio_blk_ops;
unsigned virtio_blk_harvest(struct virtio_blk *blk);
void virtio_blk_complete_all(struct virtio_blk *blk, int status);
int virtio_blk_add_id(struct virtio_blk *blk);

static inline uint64_t virtio_blk_in_flight(const struct virtio_blk *blk)
{
    return blk->vq->chain_cnt - blk->completed_cnt;
}

#endif
