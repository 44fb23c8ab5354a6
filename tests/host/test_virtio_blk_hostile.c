/* The block driver against a disk that errs, lies, is slow or silent. */
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

#include "arch/clock.h"
#include "blk_driver.h"
#include "drivers/virtio_blk_spec.h"
#include "fake_clock.h"
#include "fake_virtio.h"

static void test_answers_of_the_device(void **state)
{
    static const struct {
        int status;
        bool unwritten;
        uint32_t used_len;
        int result;
    } cases[] = {
        {VIRTIO_BLK_S_IOERR, false, 0, -EIO},
        {VIRTIO_BLK_S_UNSUPP, false, 0, -EOPNOTSUPP},
        {3, false, 0, -EIO},
        {255, false, 0, -EIO},
        {0, true, 0, -EIO},  /* status byte untouched */
        {0, false, 9999, 0}, /* a legacy device's length means nothing */
        {0, false, 1, 0},
    };
    static uint8_t data[512];
    struct block_segment seg = {data, 512};

    (void)state;
    blk_start_driver();
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fake_disk.status = cases[i].status;
        fake_disk.status_unwritten = cases[i].unwritten;
        fake_disk.used_len = cases[i].used_len;
        assert_int_equal(blk_submit_one(BLOCK_READ, 40, &seg, 1), cases[i].result);
    }
    assert_true(fake_log_has("kind=io-error op=read sector=40"));
    assert_true(fake_log_has("device left status 0xff for a read"));
    assert_null(fake_disk_dev.dead);
}

static void test_a_lying_ring_ends_all_requests_and_the_device(void **state)
{
    struct block_request reqs[3], *list[3];
    static uint8_t data[512];
    struct block_segment seg = {data, 512};

    (void)state;
    blk_start_driver();
    for (unsigned i = 0; i < 3; i++) {
        blk_prepare(&reqs[i], BLOCK_READ, i, &seg, 1);
        list[i] = &reqs[i];
    }
    blk_done_cnt = 0;
    assert_int_equal(block_submit(blk_block, list, 3), 3);
    fake_ring_use(&fake_disk_rings[0], 15, 1);
    virtqueue_interrupt(fake_disk_dev.queues[0]);
    assert_int_equal(blk_done_cnt, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(reqs[i].status, -EIO);
    assert_string_equal(fake_disk_dev.dead, "used id is not in flight");
    assert_int_equal(fake_virtio.status, 0);
    fake_disk.silent = true;
    assert_int_equal(blk_submit_one(BLOCK_READ, 0, &seg, 1), -EIO);
}

static void test_silence_ends_with_a_timeout_and_a_reset(void **state)
{
    static uint8_t data[512];
    uint64_t before;

    (void)state;
    blk_start_driver();
    fake_disk.silent = true;
    before = clock_ns();
    fake_virtio.notifies = 0;
    assert_int_equal(block_read(blk_block, 0, data, 512), -ETIMEDOUT);
    assert_true(clock_ns() - before >= 29 * SECOND && clock_ns() - before <= 33 * SECOND);
    assert_true(fake_virtio.notifies > 20); /* the watchdog asked again */
    assert_int_equal(fake_virtio.status, 0);
    assert_true(fake_log_has("kind=dead reason=\"no request completed for 30 s\""));
    assert_int_equal(block_read(blk_block, 0, data, 512), -EIO);
}

static void test_slow_is_not_silent(void **state)
{
    static uint8_t data[512];
    struct block_segment seg = {data, 512};
    struct block_request reqs[4], *list[4];
    struct fake_chain chain;

    (void)state;
    blk_start_driver();
    blk_done_cnt = 0;
    for (unsigned i = 0; i < 4; i++) {
        blk_prepare(&reqs[i], BLOCK_READ, i, &seg, 1);
        list[i] = &reqs[i];
    }
    assert_int_equal(block_submit(blk_block, list, 4), 4);
    for (unsigned i = 0; i < 4; i++) {
        fake_clock_advance(25 * SECOND);
        assert_true(fake_ring_pop(&fake_disk_rings[0], &chain));
        fake_disk_serve(0, &chain);
        virtqueue_interrupt(fake_disk_dev.queues[0]);
    }
    assert_int_equal(blk_done_cnt, 4);
    assert_null(fake_disk_dev.dead);
    fake_clock_advance(100 * SECOND);
    assert_null(fake_disk_dev.dead);
}

static void test_a_lost_interrupt_is_made_up_for(void **state)
{
    static uint8_t data[512];

    (void)state;
    blk_start_driver();
    fake_disk.quiet = true;
    assert_int_equal(block_read(blk_block, 0, data, 512), 0);
    assert_null(fake_disk_dev.dead);
    assert_memory_equal(data, fake_disk.data, 512);
    assert_int_equal(fake_disk_dev.queues[0]->lost_cnt, 1);
}

static void test_nonsense_in_the_configuration(void **state)
{
    static const uint32_t bad_sizes[] = {0, 3, 513, 256, 0x80000000};
    const struct block_info *info;

    (void)state;
    fake_virtio.offered |= BIT(VIRTIO_BLK_F_BLK_SIZE) | BIT(VIRTIO_BLK_F_SIZE_MAX);
    blk_config32(VIRTIO_BLK_CFG_SEG_MAX, 0);
    blk_config32(VIRTIO_BLK_CFG_MAX_DISCARD_SEG, 0);
    blk_config32(VIRTIO_BLK_CFG_MAX_WRITE_ZEROES_SECTORS, 0);
    for (unsigned i = 0; i < sizeof(bad_sizes) / sizeof(bad_sizes[0]); i++) {
        blk_config32(VIRTIO_BLK_CFG_BLK_SIZE, bad_sizes[i]);
        blk_config32(VIRTIO_BLK_CFG_SIZE_MAX, i % 2);
        blk_start_driver();
        info = block_info(blk_block);
        assert_int_equal(info->block_size, 512);
        assert_int_equal(info->seg_max, 1);
        assert_true(info->seg_len_max >= 512);
        assert_false(info->can_discard || info->can_write_zeroes);
        virtio_device_remove(&fake_disk_dev);
        blk_block = NULL;
    }
    blk_config32(VIRTIO_BLK_CFG_BLK_SIZE, 4096);
    blk_config32(VIRTIO_BLK_CFG_SIZE_MAX, 512);
    assert_int_equal(virtio_device_add(&fake_disk_dev), -EINVAL);
    assert_true(fake_log_has("device takes at most 1 segments of 512 bytes, less than its block"));
}

static void test_a_device_that_keeps_its_serial_number(void **state)
{
    (void)state;
    fake_disk.silent = true;
    blk_start_driver();
    assert_true(fake_log_has("device does not tell its serial number"));
    assert_string_equal(block_info(blk_block)->serial, "");
}

static void test_physical_blocks_of_any_size(void **state)
{
    static const struct {
        uint32_t size;
        uint8_t exp;
        uint32_t physical;
    } cases[] = {
        {512, 0, 512},         {512, 3, 4096},        {512, 11, 1 << 20},     {512, 12, 512},
        {4096, 8, 1 << 20},    {4096, 9, 4096},       {512, 32, 512},         {512, 255, 512},
        {1 << 20, 0, 1 << 20}, {1 << 20, 1, 1 << 20}, {1 << 20, 12, 1 << 20},
    };

    fake_virtio.offered |= BIT(VIRTIO_BLK_F_BLK_SIZE) | BIT(VIRTIO_BLK_F_TOPOLOGY);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        blk_config32(VIRTIO_BLK_CFG_BLK_SIZE, cases[i].size);
        fake_virtio.config[VIRTIO_BLK_CFG_PHYSICAL_BLOCK_EXP] = cases[i].exp;
        blk_start_driver();
        assert_int_equal(block_info(blk_block)->block_size, cases[i].size);
        assert_int_equal(block_info(blk_block)->physical_block_size, cases[i].physical);
        blk_teardown(state);
        blk_block = NULL;
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, blk_setup, blk_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(answers_of_the_device),
        TEST(a_lying_ring_ends_all_requests_and_the_device),
        TEST(silence_ends_with_a_timeout_and_a_reset),
        TEST(slow_is_not_silent),
        TEST(a_lost_interrupt_is_made_up_for),
        TEST(nonsense_in_the_configuration),
        TEST(a_device_that_keeps_its_serial_number),
        TEST(physical_blocks_of_any_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
