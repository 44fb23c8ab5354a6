/* The block driver on rings of two entries and of one. */
/* sources: tests/host/fake/blk_driver.c drivers/virtio_blk_io.c drivers/virtio_blk_config.c
 * drivers/virtio_blk_bounce.c drivers/virtio_blk_watchdog.c drivers/blockdev.c
 * drivers/blockdev_wait.c drivers/blockdev_watch.c virtio/virtio.c virtio/virtio_features.c
 * virtio/virtio_queues.c virtio/virtio_config.c virtio/virtio_watchdog.c virtio/virtqueue.c
 * virtio/virtqueue_split.c virtio/virtqueue_split_alloc.c kernel/bootopt.c kernel/error.c
 * kernel/format.c tests/host/fake/mutex.c kernel/timer.c tests/host/fake/log.c
 * tests/host/fake/clock.c tests/host/fake/memory.c tests/host/fake/fake_disk.c
 * tests/host/fake/work.c tests/host/fake/wait.c tests/host/fake/fake_dma.c
 * tests/host/fake/fake_ring.c tests/host/fake/fake_virtio.c virtio/virtio_ring.c
 * virtio/virtqueue_packed.c virtio/virtqueue_packed_in_order.c virtio/virtqueue_packed_alloc.c
 * virtio/virtqueue_split_in_order.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "blk_driver.h"
#include "drivers/virtio_blk_spec.h"
#include "fake_dma.h"
#include "fake_log.h"
#include "fake_virtio.h"

#define SECTORS_MAX 32u /* data of one request: 16 KiB */

static int setup(void **state)
{
    blk_setup(state);
    fake_virtio.queue_size[0] = 2;
    fake_virtio.offered |= BIT(VIRTIO_F_VERSION_1);
    fake_disk.any_framing = true;
    return 0;
}

static void check_contents(void)
{
    static uint8_t buf[FAKE_DISK_SECTORS * 512], copy[FAKE_DISK_SECTORS * 512];

    memcpy(copy, fake_disk.data, sizeof(copy));
    assert_int_equal(block_read(blk_block, 0, buf, sizeof(buf)), 0);
    assert_memory_equal(buf, copy, sizeof(buf));
    for (unsigned i = 0; i < 100 * 512; i++)
        copy[7 * 512 + i] = buf[i] = (uint8_t)(i * 13 + i / 512);
    assert_int_equal(block_write(blk_block, 7, buf, 100 * 512), 0);
    assert_memory_equal(fake_disk.data, copy, sizeof(copy));
    assert_int_equal(block_flush(blk_block), 0);
    assert_int_equal(block_discard(blk_block, 300, 250), 0);
    memset(copy + 300 * 512, 0, 250 * 512);
    assert_memory_equal(fake_disk.data, copy, sizeof(copy));
    assert_int_equal(fake_disk.erases, 3);
    assert_int_equal(fake_disk.flushes, 1);
}

static void test_all_kinds_of_requests(void **state)
{
    (void)state;
    blk_start_driver();
    assert_string_equal(block_info(blk_block)->serial, "A?C45678901234567890");
    assert_int_equal(block_info(blk_block)->seg_max, 1);
    assert_int_equal(block_info(blk_block)->request_len_max, SECTORS_MAX * 512);
    assert_int_equal(block_info(blk_block)->queue_depth, 2);
    check_contents();
}

static void test_without_indirect_descriptors(void **state)
{
    (void)state;
    fake_virtio.offered &= ~BIT(VIRTIO_RING_F_INDIRECT_DESC);
    blk_start_driver();
    assert_int_equal(block_info(blk_block)->queue_depth, 1);
    check_contents();
}

static void test_legacy_device_with_any_layout(void **state)
{
    (void)state;
    fake_virtio.offered &= ~BIT(VIRTIO_F_VERSION_1);
    fake_virtio.offered |= BIT(VIRTIO_F_ANY_LAYOUT);
    blk_start_driver();
    check_contents();
}

/* Each has its buffer: what two requests read or write at once is not mixed up. */
static void test_two_in_flight(void **state)
{
    static uint8_t data[3][512];
    struct block_segment segs[3] = {{data[0], 512}, {data[1], 512}, {data[2], 512}};
    struct block_request reqs[3], *list[3];

    (void)state;
    blk_start_driver();
    blk_done_cnt = 0;
    memset(data[1], 0x77, 512);
    for (unsigned i = 0; i < 3; i++) {
        blk_prepare(&reqs[i], i == 1 ? BLOCK_WRITE : BLOCK_READ, 10 + i, &segs[i], 1);
        list[i] = &reqs[i];
    }
    assert_int_equal(block_submit(blk_block, list, 3), 2);
    assert_int_equal(reqs[2].status, 12345);
    fake_disk_step();
    assert_int_equal(blk_done_cnt, 2);
    assert_int_equal(block_submit(blk_block, list + 2, 1), 1);
    fake_disk_step();
    assert_int_equal(blk_done_cnt, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(reqs[i].status, 0);
        assert_memory_equal(data[i], fake_disk.data + (10 + i) * 512, 512);
    }
}

static void test_errors_of_the_device(void **state)
{
    static uint8_t data[512];
    struct block_segment seg = {data, 512};

    (void)state;
    blk_start_driver();
    fake_disk.status = VIRTIO_BLK_S_IOERR;
    assert_int_equal(blk_submit_one(BLOCK_READ, 0, &seg, 1), -EIO);
    assert_int_equal(blk_submit_one(BLOCK_WRITE, 0, &seg, 1), -EIO);
    fake_disk.status = VIRTIO_BLK_S_UNSUPP;
    assert_int_equal(blk_submit_one(BLOCK_READ, 0, &seg, 1), -EOPNOTSUPP);
    fake_disk.status = -1;
    fake_disk.status_unwritten = true;
    assert_int_equal(blk_submit_one(BLOCK_READ, 0, &seg, 1), -EIO);
    fake_disk.status_unwritten = false;
    assert_int_equal(blk_submit_one(BLOCK_READ, 0, &seg, 1), 0);
}

/* A request in flight ends, and what comes later fails at once. */
static void test_device_that_is_given_up(void **state)
{
    static uint8_t data[2][512];
    struct block_segment segs[2] = {{data[0], 512}, {data[1], 512}};
    struct block_request reqs[2], *list[2] = {&reqs[0], &reqs[1]};

    (void)state;
    blk_start_driver();
    fake_disk.silent = true;
    blk_done_cnt = 0;
    for (unsigned i = 0; i < 2; i++)
        blk_prepare(&reqs[i], BLOCK_READ, i, &segs[i], 1);
    assert_int_equal(block_submit(blk_block, list, 2), 2);
    virtio_device_kill(&fake_disk_dev, "test");
    assert_int_equal(blk_done_cnt, 2);
    assert_int_equal(reqs[0].status, -EIO);
    assert_int_equal(blk_submit_one(BLOCK_READ, 0, segs, 1), -EIO);
}

/* A piece of header and data, too, is at most size_max long. */
static void test_limit_of_a_segment(void **state)
{
    (void)state;
    fake_virtio.offered |= BIT(VIRTIO_BLK_F_SIZE_MAX);
    blk_config32(VIRTIO_BLK_CFG_SIZE_MAX, 2048);
    blk_start_driver();
    assert_int_equal(block_info(blk_block)->seg_len_max, 1536);
    check_contents();
}

static void test_block_larger_than_the_usual_buffer(void **state)
{
    static uint8_t data[32768];
    struct block_segment seg = {data, sizeof(data)};

    (void)state;
    fake_virtio.offered |= BIT(VIRTIO_BLK_F_BLK_SIZE);
    blk_config32(VIRTIO_BLK_CFG_BLK_SIZE, sizeof(data));
    blk_start_driver();
    assert_int_equal(block_info(blk_block)->request_len_max, sizeof(data));
    assert_int_equal(blk_submit_one(BLOCK_READ, 64, &seg, 1), 0);
    assert_memory_equal(data, fake_disk.data + 64 * 512, sizeof(data));
}

static void check_refused(const char *reason)
{
    assert_int_equal(virtio_device_add(&fake_disk_dev), -EINVAL);
    assert_true(fake_log_has(reason));
    assert_int_equal(fake_dma_in_use, 0);
}

static void test_refusals(void **state)
{
    (void)state;
    fake_virtio.offered &= ~BIT(VIRTIO_F_VERSION_1);
    check_refused("a ring of 2 entries holds no header, data and status, and the device has no "
                  "VIRTIO_F_ANY_LAYOUT");
    setup(state);
    fake_virtio.queue_size[0] = 1;
    check_refused("a ring of 1 entry holds no request");
    setup(state);
    fake_virtio.offered |= BIT(VIRTIO_BLK_F_SIZE_MAX);
    blk_config32(VIRTIO_BLK_CFG_SIZE_MAX, 512);
    check_refused("device takes at most 1 segments of 0 bytes, less than its block of 512");
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, blk_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_kinds_of_requests),
        TEST(without_indirect_descriptors),
        TEST(legacy_device_with_any_layout),
        TEST(two_in_flight),
        TEST(errors_of_the_device),
        TEST(device_that_is_given_up),
        TEST(limit_of_a_segment),
        TEST(block_larger_than_the_usual_buffer),
        TEST(refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
