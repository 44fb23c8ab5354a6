/* The checks of "selftest virtio" that concern disks: each sees its violation. */
/* sources: drivers/virtio_blk_check_cmd.c tests/host/fake/blk_driver.c drivers/virtio_blk_io.c
 * drivers/virtio_blk_config.c drivers/virtio_blk_watchdog.c drivers/blockdev.c
 * drivers/blockdev_wait.c drivers/blockdev_watch.c virtio/virtio.c virtio/virtio_features.c
 * virtio/virtio_queues.c virtio/virtio_config.c virtio/virtio_watchdog.c virtio/virtqueue.c
 * virtio/virtqueue_split.c virtio/virtqueue_split_alloc.c kernel/bootopt.c kernel/error.c
 * kernel/format.c tests/host/fake/mutex.c kernel/timer.c tests/host/fake/log.c
 * tests/host/fake/clock.c tests/host/fake/memory.c tests/host/fake/fake_disk.c
 * tests/host/fake/work.c tests/host/fake/wait.c tests/host/fake/fake_dma.c
 * tests/host/fake/fake_ring.c tests/host/fake/fake_virtio.c drivers/virtio_blk_bounce.c
 * virtio/virtio_ring.c virtio/virtqueue_packed.c virtio/virtqueue_packed_in_order.c
 * virtio/virtqueue_packed_alloc.c virtio/virtqueue_split_in_order.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "blk_driver.h"
#include "drivers/virtio_blk.h"
#include "drivers/virtio_blk_spec.h"
#include "fake_virtio.h"
#include "virtio/virtio_check.h"

static struct virtio_blk *blk;

static void start(uint64_t more)
{
    fake_virtio.offered |= more;
    blk_start_driver();
    blk = blk_block->driver_data;
}

static void expect(unsigned id, enum virtio_verdict verdict)
{
    const struct virtio_check *check = virtio_blk_checks;
    const char *why = NULL;

    while (check->id != id)
        assert_int_not_equal((check++)->id, 0);
    if (check->fn(blk->dev, &why) != verdict)
        fail_msg("check %u: %s", id, why != NULL ? why : "passes");
}

#define PASS(id) expect(id, VIRTIO_CHECK_PASS)
#define FAIL(id) expect(id, VIRTIO_CHECK_FAIL)
#define SKIP(id) expect(id, VIRTIO_CHECK_SKIP)

static void test_a_sound_disk_passes(void **state)
{
    static const unsigned ids[] = {101, 103, 104, 105, 107, 108, 109};

    (void)state;
    start(0);
    for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
        PASS(ids[i]);
    SKIP(106);
}

static void test_features(void **state)
{
    (void)state;
    start(0);
    blk->block.info.can_flush = false;
    FAIL(101);
    SKIP(107);
    blk->dev->features &= ~BIT(VIRTIO_BLK_F_FLUSH);
    FAIL(101);
    blk->dev->features |= BIT(17);
    FAIL(103);
}

static void test_capacity(void **state)
{
    (void)state;
    start(0);
    blk->block.sector_max = 8;
    blk->block.info.sector_cnt = 8;
    FAIL(104);
    PASS(105);
    fake_virtio.config_reads_change = 1000000; /* never settles */
    SKIP(104);
    fake_virtio.config_reads_change = 0;
}

static void test_read_only(void **state)
{
    (void)state;
    start(BIT(VIRTIO_BLK_F_RO));
    PASS(106);
    blk->block.info.read_only = false;
    FAIL(106);
    blk->block.info.read_only = true;
    blk->dev->features &= ~BIT(VIRTIO_BLK_F_RO);
    FAIL(106);
}

/* Whatever the request says that it need not: the fake disk looks. */
static void test_a_flush_has_no_place_and_no_data(void **state)
{
    (void)state;
    start(0);
    assert_int_equal(blk_submit_one(BLOCK_FLUSH, 5, NULL, 0), 0);
    assert_int_equal(fake_disk.flushes, 1);
}

static void test_limits(void **state)
{
    (void)state;
    start(0);
    blk->block.info.seg_max = 0;
    FAIL(109);
    blk->block.info.seg_max = 1000;
    FAIL(109);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, blk_setup, blk_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_sound_disk_passes), TEST(features), TEST(capacity),
        TEST(read_only),           TEST(limits),   TEST(a_flush_has_no_place_and_no_data),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
