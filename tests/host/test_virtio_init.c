/* A virtio device's start and its undoing, on a transport that notes every access. */
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

#define RING (BIT(VIRTIO_RING_F_INDIRECT_DESC) | BIT(VIRTIO_RING_F_EVENT_IDX))

static void test_the_start_sequence_has_the_order_of_the_specification(void **state)
{
    (void)state;
    assert_int_equal(virtio_device_add(&fake_driver_dev), 0);
    assert_string_equal(fake_virtio_trace(),
                        "reset status:1 status:3 offer features set:0 set:2 status:7");
    assert_int_equal(fake_driver.starts, 1);
    assert_null(fake_driver_dev.queues[1]);
    assert_string_equal(fake_driver_dev.queues[2]->name, "tx0");
    assert_ptr_equal(virtio_find(fake_driver_dev.name), &fake_driver_dev);
    virtio_device_remove(&fake_driver_dev);
    assert_int_equal(fake_driver.removes, 1);
    assert_int_equal(fake_driver.irq_teardowns, 1);
    assert_null(virtio_find(fake_driver_dev.name));
}

static void test_version_1_asks_whether_the_features_are_fine(void **state)
{
    (void)state;
    fake_virtio.offered |= BIT(VIRTIO_F_VERSION_1);
    assert_int_equal(virtio_device_add(&fake_driver_dev), 0);
    assert_string_equal(fake_virtio_trace(),
                        "reset status:1 status:3 offer features status:b set:0 set:2 status:f");
    virtio_device_remove(&fake_driver_dev);
    fake_driver.starts = 0;
    fake_virtio.refuse_features = true;
    assert_int_equal(virtio_device_add(&fake_driver_dev), -ENOTSUP);
    fake_driver_assert_undone();
}

static void test_only_wanted_features_with_their_prerequisites_are_taken(void **state)
{
    (void)state;
    fake_virtio.offered = ~BIT(F_BASE) & ~BIT(VIRTIO_F_VERSION_1);
    assert_int_equal(virtio_device_add(&fake_driver_dev), 0);
    assert_int_equal(fake_virtio.accepted, BIT(F_NEED) | RING);
    assert_false(virtio_has_feature(&fake_driver_dev, F_EXTRA));
    virtio_device_remove(&fake_driver_dev);
    fake_virtio.offered |= BIT(F_BASE);
    assert_int_equal(virtio_device_add(&fake_driver_dev), 0);
    assert_int_equal(fake_virtio.accepted, BIT(F_NEED) | BIT(F_BASE) | BIT(F_EXTRA) | RING);
    assert_string_equal(virtio_feature_name(&fake_driver_dev, F_BASE), "VIRTIO_X_F_BASE");
    assert_string_equal(virtio_feature_name(&fake_driver_dev, 29), "VIRTIO_RING_F_EVENT_IDX");
    assert_null(virtio_feature_name(&fake_driver_dev, 23));
    virtio_device_remove(&fake_driver_dev);
}

static void test_a_missing_required_feature_is_named(void **state)
{
    (void)state;
    fake_virtio.offered = BIT(F_BASE);
    assert_int_equal(virtio_device_add(&fake_driver_dev), -ENOTSUP);
    assert_true(fake_log_has("00:03.0: device offers no usable features: VIRTIO_X_F_NEED missing"));
    assert_int_equal(fake_driver.probes, 0);
    fake_driver_assert_undone();
}

static uint32_t config_len;

static uint32_t get_config_len(struct virtio_device *dev)
{
    (void)dev;
    return config_len;
}

/* A device may have no configuration at all; a driver may be unable to do without. */
static void test_a_driver_gets_the_configuration_that_it_needs(void **state)
{
    (void)state;
    fake_virtio_ops.config_len = get_config_len;
    for (config_len = 0; config_len < 8; config_len += 7) {
        assert_int_equal(virtio_device_add(&fake_driver_dev), -ENXIO);
        assert_int_equal(fake_driver.probes, 0);
        fake_driver_assert_undone();
    }
    assert_true(fake_log_has("device has 0 bytes of configuration, virtio-x needs 8"));
    config_len = 8;
    assert_int_equal(virtio_device_add(&fake_driver_dev), 0);
    virtio_device_remove(&fake_driver_dev);
    fake_virtio_ops.config_len = NULL;
}

static void test_a_reset_that_does_not_end_ends_the_attempt(void **state)
{
    (void)state;
    fake_virtio.reset_hangs = true;
    assert_int_equal(virtio_device_add(&fake_driver_dev), -ETIMEDOUT);
    assert_true(fake_log_has("reset does not end"));
    fake_driver_assert_undone();
}

static void test_devices_without_driver_are_left_alone(void **state)
{
    (void)state;
    fake_driver_dev.device_id = 4;
    assert_int_equal(virtio_device_add(&fake_driver_dev), -ENODEV);
    assert_string_equal(fake_virtio_trace(), "");
}

static void test_bad_queues_are_refused_and_undone(void **state)
{
    static const struct {
        int size, error;
        const char *text;
    } cases[] = {
        {0, -ENOENT, "device has no queue 2 (tx0)"},
        {-ENOENT, -ENOENT, "queue 2 (tx0) is in use already"},
        {24, -EINVAL, "queue 2 (tx0) has a bad size: 24"},
        {65535, -EINVAL, "queue 2 (tx0) has a bad size: 65535"},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fake_virtio.queue_size[2] = cases[i].size;
        assert_int_equal(virtio_device_add(&fake_driver_dev), cases[i].error);
        assert_true(fake_log_has(cases[i].text));
        fake_driver_assert_undone();
        assert_int_equal(fake_driver.irq_setups, 0);
    }
}

static void test_what_fails_later_undoes_what_came_before(void **state)
{
    (void)state;
    fake_virtio.refuse_queue_set = 2;
    assert_int_equal(virtio_device_add(&fake_driver_dev), -EIO);
    fake_driver_assert_undone();
    fake_virtio.refuse_queue_set = -1;
    fake_driver.irq_error = -ENOSPC;
    assert_int_equal(virtio_device_add(&fake_driver_dev), -ENOSPC);
    fake_driver_assert_undone();
    assert_int_equal(fake_driver.irq_teardowns, 0);
    fake_driver.irq_error = 0;
    fake_driver.probe_error = -EINVAL;
    fake_virtio_trace_clear();
    assert_int_equal(virtio_device_add(&fake_driver_dev), -EINVAL);
    fake_driver_assert_undone();
    assert_int_equal(fake_driver.irq_teardowns, 1);
    /* The device is stopped before its rings are taken away. */
    assert_non_null(strstr(fake_virtio_trace(), "set:2 reset clear:2 clear:0 status:80"));
    for (int i = 0; i < 2; i++) {
        fake_dma_fail_after = i;
        assert_int_equal(virtio_device_add(&fake_driver_dev), -ENOMEM);
        fake_driver_assert_undone();
    }
    fake_dma_fail_after = -1;
}

static void test_the_ring_follows_the_transports_rule_of_size(void **state)
{
    (void)state;
    fake_virtio_ops.queue_size_fixed = false;
    assert_int_equal(virtio_device_add(&fake_driver_dev), 0);
    assert_int_equal(fake_driver_dev.queues[0]->size, 16);
    virtio_device_remove(&fake_driver_dev);
}

/* What was agreed on goes back to the device without the packed ring; forced, the ring is an error.
 */
static void test_a_packed_ring_without_memory_becomes_a_split_one(void **state)
{
    (void)state;
    fake_virtio.offered |= BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_RING_PACKED);
    fake_dma_fail_after = 0;
    assert_int_equal(virtio_device_add(&fake_driver_dev), 0);
    assert_string_equal(fake_driver_dev.queues[0]->ops->name, "split");
    assert_int_equal(fake_virtio.accepted & BIT(VIRTIO_F_RING_PACKED), 0);
    assert_true(fake_log_has("what=ring from=packed to=split reason=\"no memory\""));
    virtio_device_remove(&fake_driver_dev);
    fake_driver.starts = 0;
    fake_driver_dev.no_packed = false;
    assert_int_equal(virtio_device_add(&fake_driver_dev), 0);
    assert_string_equal(fake_driver_dev.queues[0]->ops->name, "packed");
    virtio_device_remove(&fake_driver_dev);
    fake_driver.starts = 0;
    bootopt_init("ring=packed");
    fake_dma_fail_after = 0;
    assert_int_equal(virtio_device_add(&fake_driver_dev), -ENOMEM);
    fake_dma_fail_after = -1;
    fake_driver_assert_undone();
}

static void test_ring_packed_is_refused_by_name(void **state)
{
    (void)state;
    bootopt_init("ring=packed");
    assert_int_equal(virtio_device_add(&fake_driver_dev), -ENOTSUP);
    assert_true(
        fake_log_has("ring=packed is not available: the legacy transport has split rings only"));
    fake_driver_assert_undone();
}

/* Only with the packed ring agreed on. */
static void refuse_packed_features(struct virtio_device *dev, uint8_t status)
{
    (void)dev;
    fake_virtio_note("status:%x", status);
    if (fake_virtio.accepted & BIT(VIRTIO_F_RING_PACKED))
        status &= (uint8_t)~VIRTIO_CONFIG_S_FEATURES_OK;
    fake_virtio.status = status;
}

static void test_refused_features_step_down(void **state)
{
    void (*before)(struct virtio_device *, uint8_t) = fake_virtio_ops.set_status;
    int err;

    (void)state;
    fake_virtio.offered |= BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_RING_PACKED);
    fake_virtio_ops.set_status = refuse_packed_features;
    err = virtio_device_add(&fake_driver_dev);
    fake_virtio_ops.set_status = before;
    assert_int_equal(err, 0);
    assert_string_equal(fake_driver_dev.queues[0]->ops->name, "split");
    assert_true(
        fake_log_has("what=ring from=packed to=split reason=\"device refuses the features\""));
    virtio_device_remove(&fake_driver_dev);
}

static int enable_no_packed(struct virtio_device *dev, struct virtqueue *vq)
{
    (void)vq;
    return virtio_has_feature(dev, VIRTIO_F_RING_PACKED) ? -EIO : 0;
}

static void test_refused_enable_steps_down(void **state)
{
    int err;

    (void)state;
    fake_virtio.offered |= BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_RING_PACKED);
    fake_virtio_ops.queue_enable = enable_no_packed;
    err = virtio_device_add(&fake_driver_dev);
    fake_virtio_ops.queue_enable = NULL;
    assert_int_equal(err, 0);
    assert_string_equal(fake_driver_dev.queues[0]->ops->name, "split");
    assert_true(
        fake_log_has("what=ring from=packed to=split reason=\"device does not enable the ring\""));
    virtio_device_remove(&fake_driver_dev);
}

static void test_refused_set_steps_down(void **state)
{
    (void)state;
    fake_virtio.offered |= BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_RING_PACKED);
    fake_virtio.refuse_queue_set = 2; /* either format */
    assert_int_equal(virtio_device_add(&fake_driver_dev), -EIO);
    assert_true(fake_log_has("what=ring from=packed to=split"));
    fake_driver_assert_undone();
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(test_##name, fake_driver_setup, fake_driver_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_start_sequence_has_the_order_of_the_specification),
        TEST(version_1_asks_whether_the_features_are_fine),
        TEST(only_wanted_features_with_their_prerequisites_are_taken),
        TEST(a_missing_required_feature_is_named),
        TEST(a_driver_gets_the_configuration_that_it_needs),
        TEST(a_reset_that_does_not_end_ends_the_attempt),
        TEST(devices_without_driver_are_left_alone),
        TEST(bad_queues_are_refused_and_undone),
        TEST(what_fails_later_undoes_what_came_before),
        TEST(the_ring_follows_the_transports_rule_of_size),
        TEST(a_packed_ring_without_memory_becomes_a_split_one),
        TEST(ring_packed_is_refused_by_name),
        TEST(refused_features_step_down),
        TEST(refused_enable_steps_down),
        TEST(refused_set_steps_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
