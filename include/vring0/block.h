/*
 * Block devices, asynchronous and blocking. Fill a struct block_request, hand one or many to
 * block_submit(), get done() called when the device has answered. Nothing is allocated or copied on
 * the way: request and data belong to the caller until done() runs. block_read() and friends do the
 * same and block the calling thread.
 *
 * Everything may be called on every CPU. A device with several queues gives each CPU its own, as
 * far as they go round, and done() then runs on the CPU that submitted; where queues or interrupts
 * are fewer, it may run on another one, so what it shares with a thread needs a lock.
 */
#ifndef VRING0_BLOCK_H
#define VRING0_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOCK_SECTOR_SIZE 512u /* unit of all sector numbers, whatever the device's block size */

struct block_device;
struct block_request;

enum block_op {
    BLOCK_READ,
    BLOCK_WRITE,
    BLOCK_FLUSH,
    BLOCK_DISCARD,
    BLOCK_WRITE_ZEROES,
    BLOCK_OP_CNT
};

/* One piece of a request's data: any C object, multiple of 512 bytes. */
struct block_segment {
    void *data;
    uint32_t len;
};

struct block_request {
    enum block_op op;
    int status; /* result: 0 or negative errno; valid once done() runs */
    uint64_t sector;
    uint64_t sector_cnt; /* discard and write-zeroes only; else the segments say it */
    const struct block_segment *segs;
    unsigned seg_cnt;
    /* Interrupts are off: interrupt context, or inside block_submit()/block_poll(). */
    void (*done)(struct block_request *req);
    void *user;
    struct block_request *next; /* the driver's until done() runs, then free for any use */
    uint64_t private[8] __attribute__((aligned(16))); /* the driver's: header, status byte */
};

struct block_info {
    const char *name;    /* "blk0" */
    uint64_t sector_cnt; /* capacity in 512-byte sectors; changes when the device is resized */
    uint32_t block_size; /* logical block, 512 or 4096 ...; requests must be multiples of it */
    uint32_t physical_block_size; /* what the medium writes at once; at least block_size */
    uint32_t optimal_len;         /* request length the device likes best, 0: unknown */
    uint32_t seg_max;             /* most segments in a request */
    uint32_t seg_len_max;         /* most bytes in a segment */
    uint32_t request_len_max;     /* most bytes in a request */
    uint32_t queue_depth;         /* requests that fit in flight, in each queue */
    uint32_t queue_cnt;           /* queues: CPUs that submit without sharing one */
    bool read_only, can_flush, can_discard, can_write_zeroes;
    uint64_t discard_sectors_max, write_zeroes_sectors_max;
    char serial[21]; /* NUL-terminated; empty when the device has none */
};

/* What the device did so far: for figures per operation. */
struct block_stats {
    uint64_t request_cnt;   /* requests completed */
    uint64_t error_cnt;     /* of these, with an error from the device */
    uint64_t elsewhere_cnt; /* of these, on another CPU than the one that submitted */
    uint64_t notify_cnt, interrupt_cnt;
};

/* NULL when there is no device of that name ("blk0"), or past the last one. */
struct block_device *block_find(const char *name);
struct block_device *block_get(unsigned index);
const struct block_info *block_info(const struct block_device *dev);
void block_stats(const struct block_device *dev, struct block_stats *stats);

/*
 * Starts up to @cnt requests with at most one notification and returns how many were started; the
 * rest did not fit (try again after a completion). A request that is wrong in itself (range,
 * alignment, read-only, unsupported) counts as started and is completed at once with -EINVAL,
 * -ERANGE, -EROFS or -EOPNOTSUPP; one for sectors that were lost when the device shrank, with -EIO.
 * done() may submit again: what it submits goes out with one
 * notification for all that completed together. Any context.
 */
unsigned block_submit(struct block_device *dev, struct block_request *const *reqs, unsigned cnt);

/* Harvests completions now, without waiting for the interrupt, of what was submitted on this CPU.
 * Number of requests completed. Any context. */
unsigned block_poll(struct block_device *dev);

/*
 * Calls @fn(@dev, @arg) whenever the capacity has changed, which block_info() tells by then: in a
 * thread of vring0's own, which may be on another CPU than the program's, and one call after the
 * other. After block_unwatch() with the same arguments it is not called again, nor running any
 * more, unless it is @fn itself that calls. 0; -ENOMEM. Thread context.
 */
int block_watch(struct block_device *dev, void (*fn)(struct block_device *dev, void *arg),
                void *arg);
void block_unwatch(struct block_device *dev, void (*fn)(struct block_device *dev, void *arg),
                   void *arg);

/*
 * Blocking calls for threads. @len and the byte position implied by @sector must be multiples of
 * the block size. Large transfers are split and run several at a time. A device that completes
 * nothing for 30 s is given up: it is reset, so that it writes to no buffer any more, and what was
 * in flight ends with -ETIMEDOUT. block_flush() of a device without a volatile cache has nothing to
 * do and answers 0. 0, or the first error: -EIO, -EINVAL, -ERANGE, -EROFS, -EOPNOTSUPP, -ETIMEDOUT.
 */
int block_read(struct block_device *dev, uint64_t sector, void *data, size_t len);
int block_write(struct block_device *dev, uint64_t sector, const void *data, size_t len);
int block_flush(struct block_device *dev);
int block_discard(struct block_device *dev, uint64_t sector, uint64_t sector_cnt);
int block_write_zeroes(struct block_device *dev, uint64_t sector, uint64_t sector_cnt);

#endif
