/* A virtio device's start, its undoing, and being given up, on a transport that notes every access.
 */
/* sources: virtio/virtio.c virtio/virtio_features.c virtio/virtio_queues.c virtio/virtio_config.c
 * virtio/virtio_watchdog.c virtio/virtqueue.c virtio/virtqueue_split.c
 * virtio/virtqueue_split_alloc.c kernel/bootopt.c kernel/error.c kernel/format.c kernel/timer.c
 * tests/host/fake/log.c tests/host/fake/clock.c tests/host/fake/work.c tests/host/fake/fake_dma.c
 * tests/host/fake/fake_virtio.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_dma.h"
#include "fake_log.h"
#include "fake_virtio.h"
#include "fake_work.h"
#include "kernel/bootopt.h"
#include "kernel/panic.h"

#define BIT(n)  (1ull << (n))
#define RING    (BIT(VIRTIO_RING_F_INDIRECT_DESC) | BIT(VIRTIO_RING_F_EVENT_IDX))
#define F_NEED  3
#define F_BASE  5
#define F_EXTRA 6

static int probe_error, irq_error;
static bool change_at_start, gone_at_probe;
static unsigned probes, starts, removes, config_changes, kills, irq_setups, irq_teardowns;
static void (*exit_hook)(void);

static const struct virtqueue_config configs[] = {
    {.name = "rx0"},
    {.name = NULL},
    {.name = "tx0"},
};

static int drv_probe(struct virtio_device *dev)
{
    int err = virtio_queues_create(dev, configs, 3);

    if (gone_at_probe) {
        virtio_device_gone(dev);
        if (probe_error == 0)
            fake_work_run(); /* another CPU's worker, say */
    }
    probes++;
    return err != 0 ? err : probe_error;
}

static void drv_start(struct virtio_device *dev)
{
    assert_true(fake_virtio.status & VIRTIO_CONFIG_S_DRIVER_OK);
    assert_true(dev->driver_ok);
    if (change_at_start) {
        assert_true(virtio_config_interrupt(dev));
        fake_work_run(); /* another CPU's worker, say */
        assert_int_equal(config_changes, 0);
    }
    starts++;
}

static void drv_remove(struct virtio_device *dev)
{
    assert_int_equal(fake_virtio.status, 0);
    assert_non_null(dev->queues[0]);
    removes++;
}

static void drv_config_changed(struct virtio_device *dev)
{
    (void)dev;
    config_changes++;
}

static void drv_killed(struct virtio_device *dev)
{
    assert_int_equal(fake_virtio.status, 0);
    assert_non_null(dev->queues[0]->broken);
    kills++;
}

static const struct virtio_feature drv_features[] = {
    {.bit = F_NEED, .name = "VIRTIO_X_F_NEED", .required = true},
    {.bit = F_BASE, .name = "VIRTIO_X_F_BASE"},
    {.bit = F_EXTRA, .name = "VIRTIO_X_F_EXTRA", .needs = BIT(F_BASE)},
    {.name = NULL},
};

/* The linker set of the real image, with one entry. */
const struct virtio_driver __start_virtio_drivers[1];
const struct virtio_driver __start_virtio_drivers[1] = {{
    .name = "virtio-x",
    .dev_prefix = "x",
    .device_id = 77,
    .features = drv_features,
    .probe = drv_probe,
    .start = drv_start,
    .remove = drv_remove,
    .config_changed = drv_config_changed,
    .killed = drv_killed,
}};
_Static_assert(sizeof(struct virtio_driver) == 80, "see the next line");
__asm__(".globl __stop_virtio_drivers\n.set __stop_virtio_drivers, __start_virtio_drivers + 80");

int system_on_exit(void (*fn)(void))
{
    exit_hook = fn;
    return 0;
}

static int irq_setup(struct virtio_device *dev)
{
    (void)dev;
    irq_setups++;
    return irq_error;
}

static void irq_teardown(struct virtio_device *dev)
{
    (void)dev;
    irq_teardowns++;
}

static bool irq_watched(struct virtio_device *dev)
{
    (void)dev;
    return false;
}

unsigned cpu_count(void)
{
    return 1;
}

static int irq_set_affinity(struct virtqueue *vq, cpu_mask_t mask)
{
    vq->affinity = mask;
    return 0;
}

static const struct virtio_irq_ops irq_ops = {.set_affinity = irq_set_affinity,

                                              .setup = irq_setup,
                                              .teardown = irq_teardown,
                                              .watched = irq_watched};
static struct virtio_device dev;

static int setup(void **state)
{
    (void)state;
    probe_error = irq_error = 0;
    change_at_start = gone_at_probe = false;
    probes = starts = removes = config_changes = kills = irq_setups = irq_teardowns = 0;
    bootopt_init("");
    fake_log_clear();
    fake_virtio_reset();
    fake_virtio.offered = BIT(F_NEED);
    fake_virtio_ops.irq = &irq_ops;
    fake_virtio_ops.queue_size_fixed = true;
    memset(&dev, 0, sizeof(dev));
    list_init(&dev.link);
    dev.bus_name = "00:03.0";
    dev.device_id = 77;
    dev.transport = &fake_virtio_ops;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return fake_dma_in_use != 0;
}

static void assert_undone(void)
{
    assert_int_equal(starts, 0);
    assert_false(fake_virtio.queue_live[0] || fake_virtio.queue_live[2]);
    assert_int_equal(fake_dma_in_use, 0);
    assert_true(fake_virtio.status & VIRTIO_CONFIG_S_FAILED);
    assert_false(fake_virtio.status & VIRTIO_CONFIG_S_DRIVER_OK);
    assert_null(virtio_find(dev.name));
}

static void test_the_start_sequence_has_the_order_of_the_specification(void **state)
{
    (void)state;
    assert_int_equal(virtio_device_add(&dev), 0);
    assert_string_equal(fake_virtio_trace(),
                        "reset status:1 status:3 offer features set:0 set:2 status:7");
    assert_int_equal(starts, 1);
    assert_null(dev.queues[1]);
    assert_string_equal(dev.queues[2]->name, "tx0");
    assert_ptr_equal(virtio_find(dev.name), &dev);
    virtio_device_remove(&dev);
    assert_int_equal(removes, 1);
    assert_int_equal(irq_teardowns, 1);
    assert_null(virtio_find(dev.name));
}

static void test_version_1_asks_whether_the_features_are_fine(void **state)
{
    (void)state;
    fake_virtio.offered |= BIT(VIRTIO_F_VERSION_1);
    assert_int_equal(virtio_device_add(&dev), 0);
    assert_string_equal(fake_virtio_trace(),
                        "reset status:1 status:3 offer features status:b set:0 set:2 status:f");
    virtio_device_remove(&dev);
    starts = 0;
    fake_virtio.refuse_features = true;
    assert_int_equal(virtio_device_add(&dev), -ENOTSUP);
    assert_undone();
}

static void test_only_wanted_features_with_their_prerequisites_are_taken(void **state)
{
    (void)state;
    fake_virtio.offered = ~BIT(F_BASE) & ~BIT(VIRTIO_F_VERSION_1);
    assert_int_equal(virtio_device_add(&dev), 0);
    assert_int_equal(fake_virtio.accepted, BIT(F_NEED) | RING);
    assert_false(virtio_has_feature(&dev, F_EXTRA));
    virtio_device_remove(&dev);
    fake_virtio.offered |= BIT(F_BASE);
    assert_int_equal(virtio_device_add(&dev), 0);
    assert_int_equal(fake_virtio.accepted, BIT(F_NEED) | BIT(F_BASE) | BIT(F_EXTRA) | RING);
    assert_string_equal(virtio_feature_name(&dev, F_BASE), "VIRTIO_X_F_BASE");
    assert_string_equal(virtio_feature_name(&dev, 29), "VIRTIO_RING_F_EVENT_IDX");
    assert_null(virtio_feature_name(&dev, 23));
    virtio_device_remove(&dev);
}

static void test_a_missing_required_feature_is_named(void **state)
{
    (void)state;
    fake_virtio.offered = BIT(F_BASE);
    assert_int_equal(virtio_device_add(&dev), -ENOTSUP);
    assert_true(fake_log_has("00:03.0: device offers no usable features: VIRTIO_X_F_NEED missing"));
    assert_int_equal(probes, 0);
    assert_undone();
}

static void test_a_reset_that_does_not_end_ends_the_attempt(void **state)
{
    (void)state;
    fake_virtio.reset_hangs = true;
    assert_int_equal(virtio_device_add(&dev), -ETIMEDOUT);
    assert_true(fake_log_has("reset does not end"));
    assert_undone();
}

static void test_devices_without_driver_are_left_alone(void **state)
{
    (void)state;
    dev.device_id = 4;
    assert_int_equal(virtio_device_add(&dev), -ENODEV);
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
        assert_int_equal(virtio_device_add(&dev), cases[i].error);
        assert_true(fake_log_has(cases[i].text));
        assert_undone();
        assert_int_equal(irq_setups, 0);
    }
}

static void test_what_fails_later_undoes_what_came_before(void **state)
{
    (void)state;
    fake_virtio.refuse_queue_set = 2;
    assert_int_equal(virtio_device_add(&dev), -EIO);
    assert_undone();
    fake_virtio.refuse_queue_set = -1;
    irq_error = -ENOSPC;
    assert_int_equal(virtio_device_add(&dev), -ENOSPC);
    assert_undone();
    assert_int_equal(irq_teardowns, 0);
    irq_error = 0;
    probe_error = -EINVAL;
    fake_virtio_trace_clear();
    assert_int_equal(virtio_device_add(&dev), -EINVAL);
    assert_undone();
    assert_int_equal(irq_teardowns, 1);
    /* The device is stopped before its rings are taken away. */
    assert_non_null(strstr(fake_virtio_trace(), "set:2 reset clear:2 clear:0 status:80"));
    for (int i = 0; i < 2; i++) {
        fake_dma_fail_after = i;
        assert_int_equal(virtio_device_add(&dev), -ENOMEM);
        assert_undone();
    }
    fake_dma_fail_after = -1;
}

static void test_the_ring_follows_the_transports_rule_of_size(void **state)
{
    (void)state;
    fake_virtio_ops.queue_size_fixed = false;
    assert_int_equal(virtio_device_add(&dev), 0);
    assert_int_equal(dev.queues[0]->size, 16);
    virtio_device_remove(&dev);
}

static void test_ring_packed_is_refused_by_name(void **state)
{
    (void)state;
    bootopt_init("ring=packed");
    assert_int_equal(virtio_device_add(&dev), -ENOTSUP);
    assert_true(fake_log_has("ring=packed is not built in"));
    assert_undone();
}

/* The device up, with what it has the driver look at after the start done. */
static void bring_up(void)
{
    assert_int_equal(virtio_device_add(&dev), 0);
    assert_int_equal(fake_work_run(), 1);
    assert_int_equal(config_changes, 1);
    config_changes = 0;
}

static void test_config_interrupts_wait_for_driver_ok(void **state)
{
    (void)state;
    bring_up();
    assert_true(virtio_config_interrupt(&dev));
    assert_int_equal(config_changes, 0); /* not in interrupt context */
    assert_int_equal(fake_work_run(), 1);
    assert_int_equal(config_changes, 1);
    dev.driver_ok = false;
    assert_false(virtio_config_interrupt(&dev));
    assert_int_equal(fake_work_run(), 0);
    assert_int_equal(config_changes, 1);
    virtio_device_remove(&dev);
}

static void poke(struct virtqueue *vq)
{
    (void)vq;
}

static void test_a_queue_without_callback_has_no_affinity(void **state)
{
    (void)state;
    assert_int_equal(virtio_device_add(&dev), 0);
    assert_int_equal(virtio_queue_set_affinity(dev.queues[0], 2), -EINVAL);
    assert_int_equal(dev.queues[0]->affinity, 0);
    dev.queues[0]->callback = poke;
    assert_int_equal(virtio_queue_set_affinity(dev.queues[0], 2), 0);
    assert_int_equal(dev.queues[0]->affinity, 2);
    virtio_device_remove(&dev);
}

static void test_a_change_during_start_is_told_after_it(void **state)
{
    (void)state;
    change_at_start = true;
    assert_int_equal(virtio_device_add(&dev), 0);
    assert_int_equal(starts, 1);
    assert_int_equal(fake_work_run(), 1);
    assert_int_equal(config_changes, 1);
    virtio_device_remove(&dev);
}

static void test_a_change_is_not_told_after_the_end(void **state)
{
    (void)state;
    assert_int_equal(virtio_device_add(&dev), 0);
    assert_true(virtio_config_interrupt(&dev));
    virtio_device_remove(&dev);
    assert_int_equal(fake_work_run(), 0);
    assert_int_equal(virtio_device_add(&dev), 0);
    assert_true(virtio_config_interrupt(&dev));
    virtio_device_kill(&dev, "it lies");
    fake_work_run();
    assert_int_equal(config_changes, 0);
    virtio_device_remove(&dev);
}

/* Between probe(), which reads the configuration, and DRIVER_OK no interrupt tells of a change. */
static void test_the_driver_looks_again_after_the_start(void **state)
{
    (void)state;
    bring_up();
    virtio_device_remove(&dev);
}

static void test_a_device_that_goes_during_probe_leaves_no_work_behind(void **state)
{
    (void)state;
    gone_at_probe = true;
    probe_error = -EIO;
    assert_int_equal(virtio_device_add(&dev), -EIO);
    assert_undone();
    assert_int_equal(fake_work_run(), 0);
    assert_int_equal(kills, 0);
}

static void test_a_device_that_goes_during_probe_is_given_up_after_the_start(void **state)
{
    (void)state;
    gone_at_probe = true;
    assert_int_equal(virtio_device_add(&dev), 0);
    assert_int_equal(kills, 0);
    assert_int_equal(fake_work_run(), 1);
    assert_int_equal(kills, 1);
    assert_int_equal(config_changes, 0);
    virtio_device_remove(&dev);
}

static void test_a_device_that_is_gone_is_given_up_as_removed(void **state)
{
    (void)state;
    bring_up();
    virtio_device_gone(&dev);
    virtio_device_gone(&dev);
    assert_int_equal(kills, 0); /* not in interrupt context */
    assert_int_equal(fake_work_run(), 1);
    assert_int_equal(kills, 1);
    assert_true(fake_log_has("kind=dead reason=removed"));
    assert_int_equal(config_changes, 0);
    virtio_device_gone(&dev);
    assert_int_equal(fake_work_run(), 0);
    virtio_device_remove(&dev);
}

static void test_a_device_is_given_up_once(void **state)
{
    (void)state;
    assert_int_equal(virtio_device_add(&dev), 0);
    virtio_device_kill(&dev, "it lies");
    virtio_device_kill(&dev, "again");
    assert_int_equal(kills, 1);
    assert_string_equal(dev.dead, "it lies");
    assert_true(fake_log_has("@event name=x"));
    assert_true(fake_log_has("kind=dead reason=\"it lies\""));
    assert_false(fake_log_has("again"));
    assert_true(virtio_config_interrupt(&dev));
    fake_work_run();
    assert_int_equal(config_changes, 0);
    virtio_device_remove(&dev);
}

static void test_all_devices_are_reset_at_exit(void **state)
{
    (void)state;
    assert_int_equal(virtio_device_add(&dev), 0);
    assert_non_null(exit_hook);
    exit_hook();
    assert_int_equal(fake_virtio.status, 0);
    virtio_device_remove(&dev);
}

static void test_configuration_is_read_until_it_stands_still(void **state)
{
    uint64_t value = 0;

    (void)state;
    memcpy(fake_virtio.config + 8, &(uint64_t){0x1122334455667700}, 8);
    fake_virtio.config_reads_change = 3;
    assert_int_equal(virtio_config_read64(&dev, 8, &value), 0);
    assert_int_equal(value, 0x1122334455667703);
    fake_virtio.config_reads_change = 100000;
    assert_int_equal(virtio_config_read64(&dev, 8, &value), -EIO);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_start_sequence_has_the_order_of_the_specification),
        TEST(version_1_asks_whether_the_features_are_fine),
        TEST(only_wanted_features_with_their_prerequisites_are_taken),
        TEST(a_missing_required_feature_is_named),
        TEST(a_reset_that_does_not_end_ends_the_attempt),
        TEST(devices_without_driver_are_left_alone),
        TEST(bad_queues_are_refused_and_undone),
        TEST(what_fails_later_undoes_what_came_before),
        TEST(the_ring_follows_the_transports_rule_of_size),
        TEST(ring_packed_is_refused_by_name),
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
