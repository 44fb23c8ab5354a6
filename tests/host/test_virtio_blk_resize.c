/* A disk's capacity while it is in use. */
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
#include "fake_virtio.h"

static void config_changed(uint64_t sectors)
{
    blk_config32(VIRTIO_BLK_CFG_CAPACITY, (uint32_t)sectors);
    blk_config32(VIRTIO_BLK_CFG_CAPACITY + 4, (uint32_t)(sectors >> 32));
    fake_disk_dev.driver->config_changed(&fake_disk_dev);
}

static void test_capacity_of_any_size(void **state)
{
    static uint8_t data[1024];

    (void)state;
    blk_config32(VIRTIO_BLK_CFG_CAPACITY, 0);
    blk_start_driver();
    assert_int_equal(block_read(blk_block, 0, data, 512), -ERANGE);
    config_changed(0xffffffffffffffff);
    assert_int_equal(block_info(blk_block)->sector_cnt, (1ull << 54) - 1);
    config_changed(1);
    assert_true(fake_log_has("kind=resize sectors=1 capacity=1\n"));
    assert_int_equal(block_read(blk_block, 0, data, 1024), -EIO);
    assert_int_equal(block_read(blk_block, 0, data, 512), 0);
}

static void test_shrinking_is_an_io_error_where_there_was_something(void **state)
{
    static uint8_t data[1024];
    struct block_segment seg = {data, 1024};

    (void)state;
    blk_start_driver();
    config_changed(100);
    fake_disk.requests = 0;
    assert_int_equal(blk_submit_one(BLOCK_READ, 99, &seg, 1), -EIO);
    assert_int_equal(blk_submit_one(BLOCK_WRITE, 100, &seg, 1), -EIO);
    assert_int_equal(blk_submit_one(BLOCK_READ, FAKE_DISK_SECTORS - 2, &seg, 1), -EIO);
    assert_int_equal(blk_submit_one(BLOCK_READ, FAKE_DISK_SECTORS - 1, &seg, 1), -ERANGE);
    assert_int_equal(blk_submit_one(BLOCK_DISCARD, 93, NULL, 0), -EIO);
    assert_int_equal(block_write(blk_block, 50, fake_disk.data, 51 * 512ul), -EIO);
    assert_int_equal(fake_disk.requests, 0);
    assert_int_equal(blk_submit_one(BLOCK_READ, 98, &seg, 1), 0);
    config_changed(200);
    assert_int_equal(blk_submit_one(BLOCK_READ, 198, &seg, 1), 0);
    assert_int_equal(blk_submit_one(BLOCK_READ, 199, &seg, 1), -EIO);
}

static unsigned seen_cnt;
static uint64_t seen_sectors;

static void on_resize(struct block_device *dev, void *arg)
{
    assert_ptr_equal(dev, blk_block);
    assert_ptr_equal(arg, &seen_cnt);
    seen_cnt++;
    seen_sectors = block_info(dev)->sector_cnt;
}

static void test_watchers_hear_of_changes_only(void **state)
{
    (void)state;
    blk_start_driver();
    seen_cnt = 0;
    assert_int_equal(block_watch(blk_block, on_resize, &seen_cnt), 0);
    config_changed(FAKE_DISK_SECTORS);
    assert_int_equal(seen_cnt, 0);
    assert_false(fake_log_has("kind=resize"));
    config_changed(500);
    assert_int_equal(seen_cnt, 1);
    assert_int_equal(seen_sectors, 500);
    block_unwatch(blk_block, on_resize, &seen_cnt);
    config_changed(600);
    assert_int_equal(seen_cnt, 1);
    assert_int_equal(block_info(blk_block)->sector_cnt, 600);
}

static void unwatch_itself(struct block_device *dev, void *arg)
{
    ++*(unsigned *)arg;
    block_unwatch(dev, unwatch_itself, arg);
}

/* Takes the next in the list along. */
static void unwatch_both(struct block_device *dev, void *arg)
{
    unsigned *cnts = arg;

    cnts[0]++;
    block_unwatch(dev, unwatch_both, cnts);
    block_unwatch(dev, unwatch_itself, cnts + 1);
}

static void test_watchers_may_stop_watching_when_told(void **state)
{
    unsigned cnts[3] = {0};

    (void)state;
    blk_start_driver();
    assert_int_equal(block_watch(blk_block, unwatch_itself, cnts + 2), 0);
    assert_int_equal(block_watch(blk_block, unwatch_both, cnts), 0);
    assert_int_equal(block_watch(blk_block, unwatch_itself, cnts + 1), 0);
    seen_cnt = 0;
    assert_int_equal(block_watch(blk_block, on_resize, &seen_cnt), 0);
    config_changed(500);
    config_changed(600);
    assert_int_equal(cnts[0], 1);
    assert_int_equal(cnts[1], 0);
    assert_int_equal(cnts[2], 1);
    assert_int_equal(seen_cnt, 2);
    block_unwatch(blk_block, on_resize, &seen_cnt);
}

static void test_a_capacity_that_never_settles_changes_nothing(void **state)
{
    (void)state;
    blk_start_driver();
    blk_config32(VIRTIO_BLK_CFG_CAPACITY, 500);
    fake_virtio.config_reads_change = 1000;
    fake_disk_dev.driver->config_changed(&fake_disk_dev);
    assert_true(fake_log_has("configuration at 0 never settles"));
    assert_int_equal(block_info(blk_block)->sector_cnt, FAKE_DISK_SECTORS);
    fake_virtio.config_reads_change = 3;
    blk_config32(VIRTIO_BLK_CFG_CAPACITY, 500);
    fake_disk_dev.driver->config_changed(&fake_disk_dev);
    assert_int_equal(block_info(blk_block)->sector_cnt, 503);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, blk_setup, blk_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(capacity_of_any_size),
        TEST(shrinking_is_an_io_error_where_there_was_something),
        TEST(watchers_hear_of_changes_only),
        TEST(watchers_may_stop_watching_when_told),
        TEST(a_capacity_that_never_settles_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
