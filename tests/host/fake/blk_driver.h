/* The block driver under test on the fake disk: what its tests share. Link
 * tests/host/fake/blk_driver.c and what it drives. */
#ifndef BLK_DRIVER_H
#define BLK_DRIVER_H

#include <stdint.h>

#include "fake_disk.h"
#include "vring0/block.h"

#define BIT(n)   (1ull << (n))
#define BLK_RING (BIT(VIRTIO_RING_F_INDIRECT_DESC) | BIT(VIRTIO_RING_F_EVENT_IDX))
#define SECOND   1000000000ull

extern struct block_device *blk_block; /* the disk; NULL until blk_start_driver() */
extern unsigned blk_done_cnt;          /* completions of requests made by blk_prepare() */

/* A sound disk of FAKE_DISK_SECTORS that offers the usual; and the end of it all. */
int blk_setup(void **state);
int blk_teardown(void **state);

/* Device configuration. */
void blk_config32(unsigned off, uint32_t value);

/* Brings the device up, which must work. */
void blk_start_driver(void);

void blk_prepare(struct block_request *req, enum block_op op, uint64_t sector,
                 const struct block_segment *segs, unsigned seg_cnt);

/* Status of one request, after the device has had its turn. */
int blk_submit_one(enum block_op op, uint64_t sector, const struct block_segment *segs,
                   unsigned cnt);

#endif
