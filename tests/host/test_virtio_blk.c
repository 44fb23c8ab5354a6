/* The block driver and the blocking calls against a disk in memory. */
/* sources: tests/host/fake/blk_driver.c drivers/virtio_blk_io.c drivers/virtio_blk_config.c
 * drivers/virtio_blk_watchdog.c drivers/blockdev.c drivers/blockdev_wait.c
 * drivers/blockdev_watch.c virtio/virtio.c virtio/virtio_features.c virtio/virtio_queues.c
 * virtio/virtio_config.c virtio/virtio_watchdog.c virtio/virtqueue.c virtio/virtqueue_split.c
 * virtio/virtqueue_split_alloc.c kernel/bootopt.c kernel/error.c kernel/format.c
 * tests/host/fake/mutex.c kernel/timer.c tests/host/fake/log.c tests/host/fake/clock.c
 * tests/host/fake/memory.c tests/host/fake/fake_disk.c tests/host/fake/work.c
 * tests/host/fake/wait.c tests/host/fake/fake_dma.c tests/host/fake/fake_ring.c
 * tests/host/fake/fake_virtio.c */
/* sources: virtio/virtio_ring.c virtio/virtqueue_split_in_order.c virtio/virtqueue_packed.c
 * virtio/virtqueue_packed_alloc.c virtio/virtqueue_packed_in_order.c drivers/virtio_blk_bounce.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "blk_driver.h"
#include "drivers/virtio_blk_spec.h"
#include "fake_log.h"
#include "fake_virtio.h"

static void test_contents_go_both_ways(void **state)
{
    static uint8_t buf[FAKE_DISK_SECTORS * 512], copy[FAKE_DISK_SECTORS * 512];

    (void)state;
    blk_start_driver();
    memcpy(copy, fake_disk.data, sizeof(copy));
    assert_int_equal(block_read(blk_block, 0, buf, sizeof(buf)), 0);
    assert_memory_equal(buf, copy, sizeof(buf));
    memset(buf, 0x5a, 3 * 512);
    assert_int_equal(block_write(blk_block, 1000, buf, 3 * 512), 0);
    memset(copy + 1000 * 512, 0x5a, 3 * 512);
    assert_memory_equal(fake_disk.data, copy, sizeof(copy));
    assert_int_equal(block_flush(blk_block), 0);
    assert_int_equal(fake_disk.flushes, 1);
    assert_int_equal(block_discard(blk_block, 0, 250), 0);
    assert_int_equal(fake_disk.erases, 3); /* the device takes 100 sectors at a time */
    assert_int_equal(block_write_zeroes(blk_block, 500, 500), 0);
    assert_int_equal(fake_disk.erases, 4);
    memset(copy, 0, 250 * 512);
    memset(copy + 500 * 512, 0, 500 * 512);
    assert_memory_equal(fake_disk.data, copy, sizeof(copy));
    assert_string_equal(block_info(blk_block)->serial, "A?C45678901234567890");
}

static void test_segments_and_batches(void **state)
{
    struct block_request reqs[6], *list[6];
    static uint8_t a[512], b[1024], c[512];
    struct block_segment segs[3] = {{a, 512}, {b, 1024}, {c, 512}};

    (void)state;
    blk_start_driver();
    blk_done_cnt = 0;
    fake_virtio.notifies = 0;
    for (unsigned i = 0; i < 6; i++) {
        blk_prepare(&reqs[i], BLOCK_READ, i * 4, segs, 3);
        list[i] = &reqs[i];
    }
    assert_int_equal(block_submit(blk_block, list, 6), 6);
    assert_int_equal(fake_virtio.notifies, 1);
    fake_disk_step();
    assert_int_equal(blk_done_cnt, 6);
    assert_int_equal(fake_disk.max_batch, 6);
    assert_memory_equal(a, fake_disk.data + 20 * 512, 512);
    assert_memory_equal(b, fake_disk.data + 21 * 512, 1024);
    assert_memory_equal(c, fake_disk.data + 23 * 512, 512);
}

static void test_wrong_requests_never_reach_the_device(void **state)
{
    static uint8_t data[4096];
    struct block_segment seg = {data, 512}, odd = {data, 100}, none = {data, 0};
    struct block_segment many[5] = {
        {data, 512}, {data, 512}, {data, 512}, {data, 512}, {data, 512}};

    (void)state;
    blk_start_driver();
    assert_int_equal(blk_submit_one(BLOCK_READ, 0, &odd, 1), -EINVAL);
    assert_int_equal(blk_submit_one(BLOCK_READ, 0, &none, 1), -EINVAL);
    assert_int_equal(blk_submit_one(BLOCK_READ, 0, &seg, 0), -EINVAL);
    assert_int_equal(blk_submit_one(BLOCK_READ, 0, many, 5), -EINVAL);
    assert_int_equal(blk_submit_one(BLOCK_READ, FAKE_DISK_SECTORS, &seg, 1), -ERANGE);
    assert_int_equal(blk_submit_one(BLOCK_WRITE, UINT64_MAX, &seg, 1), -ERANGE);
    assert_int_equal(blk_submit_one(BLOCK_READ, 1ull << 55, &seg, 1), -ERANGE);
    assert_int_equal(blk_submit_one(BLOCK_DISCARD, FAKE_DISK_SECTORS - 1, NULL, 0), -ERANGE);
    assert_int_equal(blk_submit_one(BLOCK_OP_CNT, 0, &seg, 1), -EINVAL);
    assert_int_equal(block_read(blk_block, FAKE_DISK_SECTORS - 1, data, 1024), -ERANGE);
    assert_int_equal(block_read(blk_block, 0, data, 100), -EINVAL);
    assert_int_equal(fake_disk.requests, 0);
}

static void test_read_only_and_missing_abilities(void **state)
{
    static uint8_t data[512];
    struct block_segment seg = {data, 512};

    (void)state;
    fake_virtio.offered = BLK_RING | BIT(VIRTIO_BLK_F_RO) | BIT(VIRTIO_BLK_F_DISCARD);
    blk_start_driver();
    assert_int_equal(blk_submit_one(BLOCK_READ, 0, &seg, 1), 0);
    assert_int_equal(blk_submit_one(BLOCK_WRITE, 0, &seg, 1), -EROFS);
    assert_int_equal(blk_submit_one(BLOCK_DISCARD, 0, NULL, 0), -EROFS);
    assert_int_equal(blk_submit_one(BLOCK_WRITE_ZEROES, 0, NULL, 0), -EOPNOTSUPP);
    assert_int_equal(blk_submit_one(BLOCK_FLUSH, 0, NULL, 0), -EOPNOTSUPP);
    assert_int_equal(block_write(blk_block, 0, data, 512), -EROFS);
    assert_int_equal(block_flush(blk_block), 0); /* nothing volatile to flush */
    assert_int_equal(fake_disk.requests, 1);
}

static void test_large_blocks_want_aligned_requests(void **state)
{
    static uint8_t data[4096];
    struct block_segment half = {data, 2048}, whole = {data, 4096},
                         two[2] = {{data, 2048}, {data, 2048}};

    (void)state;
    fake_virtio.offered |= BIT(VIRTIO_BLK_F_BLK_SIZE);
    blk_config32(VIRTIO_BLK_CFG_BLK_SIZE, 4096);
    blk_config32(VIRTIO_BLK_CFG_CAPACITY, FAKE_DISK_SECTORS - 3);
    blk_start_driver();
    assert_true(fake_log_has("the last 5 sectors (512 bytes) are no whole block of 4096 bytes"));
    assert_int_equal(block_info(blk_block)->sector_cnt, FAKE_DISK_SECTORS - 8);
    assert_int_equal(blk_submit_one(BLOCK_READ, 0, &half, 1), -EINVAL);
    assert_int_equal(blk_submit_one(BLOCK_READ, 4, &whole, 1), -EINVAL);
    assert_int_equal(blk_submit_one(BLOCK_READ, 8, &whole, 1), 0);
    assert_int_equal(blk_submit_one(BLOCK_READ, 8, two, 2), 0);
    assert_int_equal(blk_submit_one(BLOCK_READ, FAKE_DISK_SECTORS - 8, &whole, 1), -ERANGE);
}

static void test_more_requests_than_the_ring_holds(void **state)
{
    struct block_request reqs[40], *list[40];
    static uint8_t data[40][512];
    struct block_segment segs[40];
    unsigned sent;

    (void)state;
    blk_start_driver();
    blk_done_cnt = 0;
    for (unsigned i = 0; i < 40; i++) {
        segs[i] = (struct block_segment){data[i], 512};
        blk_prepare(&reqs[i], BLOCK_READ, i, &segs[i], 1);
        list[i] = &reqs[i];
    }
    sent = block_submit(blk_block, list, 40);
    assert_int_equal(sent, 16);
    assert_int_equal(reqs[16].status, 12345);
    while (sent < 40) {
        fake_disk_step();
        sent += block_submit(blk_block, list + sent, 40 - sent);
    }
    fake_disk_step();
    assert_int_equal(blk_done_cnt, 40);
    assert_memory_equal(data, fake_disk.data, sizeof(data));
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, blk_setup, blk_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(contents_go_both_ways),
        TEST(segments_and_batches),
        TEST(wrong_requests_never_reach_the_device),
        TEST(read_only_and_missing_abilities),
        TEST(large_blocks_want_aligned_requests),
        TEST(more_requests_than_the_ring_holds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
