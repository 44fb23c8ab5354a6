/* The block driver under test on the fake disk. */
#include "blk_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "arch/clock.h"
#include "fake_clock.h"
#include "fake_dma.h"
#include "fake_driver_set.h"
#include "fake_log.h"
#include "fake_virtio.h"
#include "kernel/bootopt.h"

/* Included for its entry of the linker set, which here is the whole set. */
#include "drivers/virtio_blk.c"
FAKE_DRIVER_SET(blk);

struct block_device *blk_block;

void blk_config32(unsigned off, uint32_t value)
{
    memcpy(fake_virtio.config + off, &value, sizeof(value));
}

int blk_setup(void **state)
{
    (void)state;
    bootopt_init("");
    fake_log_clear();
    fake_clock_now_ns = 0;
    timers_init();
    fake_disk_reset();
    fake_virtio_reset();
    fake_virtio_ops.irq = &fake_disk_irq_ops;
    fake_virtio.offered = BLK_RING | BIT(VIRTIO_BLK_F_SEG_MAX) | BIT(VIRTIO_BLK_F_FLUSH) |
                          BIT(VIRTIO_BLK_F_DISCARD) | BIT(VIRTIO_BLK_F_WRITE_ZEROES);
    blk_config32(VIRTIO_BLK_CFG_CAPACITY, FAKE_DISK_SECTORS);
    blk_config32(VIRTIO_BLK_CFG_SEG_MAX, 4);
    blk_config32(VIRTIO_BLK_CFG_MAX_DISCARD_SECTORS, 100);
    blk_config32(VIRTIO_BLK_CFG_MAX_DISCARD_SEG, 1);
    blk_config32(VIRTIO_BLK_CFG_MAX_WRITE_ZEROES_SECTORS, 0xffffffff);
    blk_config32(VIRTIO_BLK_CFG_MAX_WRITE_ZEROES_SEG, 1);
    blk_block = NULL;
    return 0;
}

void blk_start_driver(void)
{
    assert_int_equal(virtio_device_add(&fake_disk_dev), 0);
    blk_block = block_find(fake_disk_dev.name);
    assert_non_null(blk_block);
    fake_disk.requests = fake_disk.max_batch = 0;
}

int blk_teardown(void **state)
{
    (void)state;
    if (blk_block != NULL)
        virtio_device_remove(&fake_disk_dev);
    return fake_dma_in_use != 0;
}

unsigned blk_done_cnt;

static void on_done(struct block_request *req)
{
    blk_done_cnt++;
    assert_ptr_equal(req->user, &blk_done_cnt);
}

void blk_prepare(struct block_request *req, enum block_op op, uint64_t sector,
                 const struct block_segment *segs, unsigned seg_cnt)
{
    memset(req, 0, sizeof(*req));
    req->op = op;
    req->sector = sector;
    req->segs = segs;
    req->seg_cnt = seg_cnt;
    req->done = on_done;
    req->user = &blk_done_cnt;
    req->status = 12345;
}

/* Status of one request, after the device has had its turn. */
int blk_submit_one(enum block_op op, uint64_t sector, const struct block_segment *segs,
                   unsigned cnt)
{
    struct block_request req, *reqs = &req;

    blk_prepare(&req, op, sector, segs, cnt);
    req.sector_cnt = 8;
    blk_done_cnt = 0;
    assert_int_equal(block_submit(blk_block, &reqs, 1), 1);
    fake_disk_step();
    assert_int_equal(blk_done_cnt, 1);
    return req.status;
}
