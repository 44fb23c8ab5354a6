/* A virtio device's life after its start: configuration changes, being given up, the end. */
/* sources: virtio/virtio.c virtio/virtio_features.c virtio/virtio_queues.c virtio/virtio_config.c
 * virtio/virtio_watchdog.c virtio/virtqueue.c virtio/virtqueue_split.c
 * virtio/virtqueue_split_alloc.c kernel/bootopt.c kernel/error.c kernel/format.c kernel/timer.c
 * tests/host/fake/log.c tests/host/fake/clock.c tests/host/fake/work.c tests/host/fake/fake_dma.c
 * tests/host/fake/fake_virtio.c tests/host/fake/fake_driver.c */
/* sources: virtio/virtio_ring.c virtio/virtqueue_split_in_order.c virtio/virtqueue_packed.c
 * virtio/virtqueue_packed_alloc.c virtio/virtqueue_packed_in_order.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_dma.h"
#include "fake_driver.h"
#include "fake_log.h"
#include "fake_virtio.h"
#include "fake_work.h"
#include "kernel/bootopt.h"
#include "kernel/panic.h"

static void test_config_interrupts_wait_for_driver_ok(void **state)
{
    (void)state;
    fake_driver_bring_up();
    assert_true(virtio_config_interrupt(&fake_driver_dev));
    assert_int_equal(fake_driver.config_changes, 0); /* not in interrupt context */
    assert_int_equal(fake_work_run(), 1);
    assert_int_equal(fake_driver.config_changes, 1);
    fake_driver_dev.driver_ok = false;
    assert_false(virtio_config_interrupt(&fake_driver_dev));
    assert_int_equal(fake_work_run(), 0);
    assert_int_equal(fake_driver.config_changes, 1);
    virtio_device_remove(&fake_driver_dev);
}

static void poke(struct virtqueue *vq)
{
    (void)vq;
}

static void test_a_queue_without_callback_has_no_affinity(void **state)
{
    (void)state;
    assert_int_equal(virtio_device_add(&fake_driver_dev), 0);
    assert_int_equal(virtio_queue_set_affinity(fake_driver_dev.queues[0], 2), -EINVAL);
    assert_int_equal(fake_driver_dev.queues[0]->affinity, 0);
    fake_driver_dev.queues[0]->callback = poke;
    assert_int_equal(virtio_queue_set_affinity(fake_driver_dev.queues[0], 2), 0);
    assert_int_equal(fake_driver_dev.queues[0]->affinity, 2);
    virtio_device_remove(&fake_driver_dev);
}

static void test_a_change_during_start_is_told_after_it(void **state)
{
    (void)state;
    fake_driver.change_at_start = true;
    assert_int_equal(virtio_device_add(&fake_driver_dev), 0);
    assert_int_equal(fake_driver.starts, 1);
    assert_int_equal(fake_work_run(), 1);
    assert_int_equal(fake_driver.config_changes, 1);
    virtio_device_remove(&fake_driver_dev);
}

static void test_a_change_is_not_told_after_the_end(void **state)
{
    (void)state;
    assert_int_equal(virtio_device_add(&fake_driver_dev), 0);
    assert_true(virtio_config_interrupt(&fake_driver_dev));
    virtio_device_remove(&fake_driver_dev);
    assert_int_equal(fake_work_run(), 0);
    assert_int_equal(virtio_device_add(&fake_driver_dev), 0);
    assert_true(virtio_config_interrupt(&fake_driver_dev));
    virtio_device_kill(&fake_driver_dev, "it lies");
    fake_work_run();
    assert_int_equal(fake_driver.config_changes, 0);
    virtio_device_remove(&fake_driver_dev);
}

/* Between probe(), which reads the configuration, and DRIVER_OK no interrupt tells of a change. */
static void test_the_driver_looks_again_after_the_start(void **state)
{
    (void)state;
    fake_driver_bring_up();
    virtio_device_remove(&fake_driver_dev);
}

static void test_a_device_that_goes_during_probe_leaves_no_work_behind(void **state)
{
    (void)state;
    fake_driver.gone_at_probe = true;
    fake_driver.probe_error = -EIO;
    assert_int_equal(virtio_device_add(&fake_driver_dev), -EIO);
    fake_driver_assert_undone();
    assert_int_equal(fake_work_run(), 0);
    assert_int_equal(fake_driver.kills, 0);
}

static void test_a_device_that_goes_during_probe_is_given_up_after_the_start(void **state)
{
    (void)state;
    fake_driver.gone_at_probe = true;
    assert_int_equal(virtio_device_add(&fake_driver_dev), 0);
    assert_int_equal(fake_driver.kills, 0);
    assert_int_equal(fake_work_run(), 1);
    assert_int_equal(fake_driver.kills, 1);
    assert_int_equal(fake_driver.config_changes, 0);
    virtio_device_remove(&fake_driver_dev);
}

static void test_a_device_that_is_gone_is_given_up_as_removed(void **state)
{
    (void)state;
    fake_driver_bring_up();
    virtio_device_gone(&fake_driver_dev);
    virtio_device_gone(&fake_driver_dev);
    assert_int_equal(fake_driver.kills, 0); /* not in interrupt context */
    assert_int_equal(fake_work_run(), 1);
    assert_int_equal(fake_driver.kills, 1);
    assert_true(fake_log_has("kind=dead reason=removed"));
    assert_int_equal(fake_driver.config_changes, 0);
    virtio_device_gone(&fake_driver_dev);
    assert_int_equal(fake_work_run(), 0);
    virtio_device_remove(&fake_driver_dev);
}

static void test_a_device_is_given_up_once(void **state)
{
    (void)state;
    assert_int_equal(virtio_device_add(&fake_driver_dev), 0);
    virtio_device_kill(&fake_driver_dev, "it lies");
    virtio_device_kill(&fake_driver_dev, "again");
    assert_int_equal(fake_driver.kills, 1);
    assert_string_equal(fake_driver_dev.dead, "it lies");
    assert_true(fake_log_has("@event name=x"));
    assert_true(fake_log_has("kind=dead reason=\"it lies\""));
    assert_false(fake_log_has("again"));
    assert_true(virtio_config_interrupt(&fake_driver_dev));
    fake_work_run();
    assert_int_equal(fake_driver.config_changes, 0);
    virtio_device_remove(&fake_driver_dev);
}

static void test_all_devices_are_reset_at_exit(void **state)
{
    (void)state;
    assert_int_equal(virtio_device_add(&fake_driver_dev), 0);
    assert_non_null(fake_driver.exit_hook);
    fake_driver.exit_hook();
    assert_int_equal(fake_virtio.status, 0);
    virtio_device_remove(&fake_driver_dev);
}

static void test_configuration_is_read_until_it_stands_still(void **state)
{
    uint64_t value = 0;

    (void)state;
    memcpy(fake_virtio.config + 8, &(uint64_t){0x1122334455667700}, 8);
    fake_virtio.config_reads_change = 3;
    assert_int_equal(virtio_config_read64(&fake_driver_dev, 8, &value), 0);
    assert_int_equal(value, 0x1122334455667703);
    fake_virtio.config_reads_change = 100000;
    assert_int_equal(virtio_config_read64(&fake_driver_dev, 8, &value), -EIO);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(test_##name, fake_driver_setup, fake_driver_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(config_interrupts_wait_for_driver_ok),
        TEST(a_queue_without_callback_has_no_affinity),
        TEST(a_change_during_start_is_told_after_it),
        TEST(a_change_is_not_told_after_the_end),
        TEST(the_driver_looks_again_after_the_start),
        TEST(a_device_that_goes_during_probe_leaves_no_work_behind),
        TEST(a_device_that_goes_during_probe_is_given_up_after_the_start),
        TEST(a_device_that_is_gone_is_given_up_as_removed),
        TEST(a_device_is_given_up_once),
        TEST(all_devices_are_reset_at_exit),
        TEST(configuration_is_read_until_it_stands_still),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
