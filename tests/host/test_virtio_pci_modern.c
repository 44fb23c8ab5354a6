/* The modern transport against a device that is nothing but its registers: start, queues,
 * notifications, configuration, and devices that do not keep to the rules. */
/* sources: virtio/virtio_pci_modern.c virtio/virtio_pci_caps.c virtio/virtio_pci_region.c
 * virtio/virtio_pci_reset.c virtio/virtio.c virtio/virtio_features.c virtio/virtio_queues.c
 * virtio/virtio_config.c virtio/virtio_watchdog.c virtio/virtqueue.c virtio/virtqueue_split.c
 * virtio/virtqueue_split_alloc.c pci/pci_cap.c kernel/bootopt.c kernel/error.c kernel/format.c
 * kernel/timer.c tests/host/fake/log.c tests/host/fake/clock.c tests/host/fake/work.c
 * tests/host/fake/fake_dma.c tests/host/fake/fake_modern.c tests/host/fake/fake_modern_regs.c
 * tests/host/fake/modern_driver.c */
/* sources: virtio/virtio_ring.c virtio/virtqueue_split_in_order.c virtio/virtqueue_packed.c
 * virtio/virtqueue_packed_alloc.c virtio/virtqueue_packed_in_order.c */
/* cflags: -include tests/host/fake/fake_reg.h */
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
#include "fake_modern.h"
#include "kernel/bootopt.h"
#include "modern_driver.h"

#define BIT(n) (1ull << (n))
#define VP     (&fake_modern_vp)
#define DEV    (&fake_modern_vp.vdev)
#define V1     BIT(VIRTIO_F_VERSION_1)

unsigned cpu_count(void)
{
    return 1;
}

static void on_used(struct virtqueue *vq)
{
    (void)vq;
}

static int setup(void **state)
{
    (void)state;
    modern_driver_size_max = 0;
    modern_driver_tries = 1;
    bootopt_init("");
    fake_log_clear();
    fake_modern_reset();
    DEV->device_id = 77;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (DEV->driver_ok)
        virtio_device_remove(DEV);
    virtio_pci_modern_close(VP);
    assert_null(fake_modern.sin);
    assert_int_equal(fake_modern.map_cnt, 0);
    assert_int_equal(fake_dma_in_use, 0);
    return 0;
}

static int add(void)
{
    int err;

    virtio_pci_modern_close(VP);
    err = virtio_pci_modern_open(VP);
    return err != 0 ? err : virtio_device_add(DEV);
}

static void refused(int error, const char *text)
{
    assert_int_equal(add(), error);
    assert_true(fake_log_has(text));
    assert_true(fake_modern.status & VIRTIO_CONFIG_S_FAILED);
    assert_int_equal(fake_modern.status & VIRTIO_CONFIG_S_DRIVER_OK, 0);
    assert_int_equal(fake_dma_in_use, 0);
    assert_int_equal(fake_modern.map_cnt, 3);
}

/* What must not be done in which order, the device itself notes: see teardown(). */
static void test_a_device_starts_and_ends(void **state)
{
    struct virtqueue_layout layout;

    (void)state;
    fake_modern_pdev.sriov = NULL;
    fake_modern.offered = V1 | BIT(5) | BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(6) |
                          BIT(VIRTIO_F_SR_IOV) | BIT(VIRTIO_F_RING_RESET) | BIT(50);
    assert_int_equal(add(), 0);
    assert_int_equal(fake_modern.status, 15);
    assert_true(fake_modern.accepted ==
                (V1 | BIT(5) | BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_F_RING_RESET)));
    for (unsigned i = 0; i < 2; i++) {
        virtqueue_layout(DEV->queues[i], &layout);
        assert_int_equal(fake_modern.queues[i].enable, 1);
        assert_int_equal(fake_modern.queues[i].vector, i + 1);
        assert_true(fake_modern.queues[i].addr[0] == layout.desc_pa);
        assert_true(fake_modern.queues[i].addr[1] == layout.avail_pa);
        assert_true(fake_modern.queues[i].addr[2] == layout.used_pa);
        assert_true(layout.desc_pa > UINT32_MAX); /* so both halves count */
    }
    assert_int_equal(fake_modern.config_vector, 0);
    virtio_device_remove(DEV);
    assert_int_equal(fake_modern.status, 0);
    assert_int_equal(fake_modern.queue_reset_cnt, 0); /* the whole device was reset */
    assert_int_equal(fake_modern.master_lost_cnt, 0);
}

static void test_virtual_functions_are_agreed_on_where_there_can_be_some(void **state)
{
    int some; /* nobody looks into it */

    (void)state;
    fake_modern_pdev.sriov = (struct pci_sriov *)&some;
    fake_modern.offered = V1 | BIT(VIRTIO_F_SR_IOV);
    assert_int_equal(add(), 0);
    assert_true(fake_modern.accepted == fake_modern.offered);
    virtio_device_remove(DEV);
    fake_modern_pdev.sriov = NULL;
}

static void test_no_version_1_is_no_modern_device(void **state)
{
    (void)state;
    fake_modern.offered = BIT(5);
    refused(-ENOTSUP, "the modern transport is not usable: VIRTIO_F_VERSION_1 missing");
}

static void test_features_may_be_refused(void **state)
{
    (void)state;
    fake_modern.refuse_features = true;
    refused(-ENOTSUP, "device refuses features 0x100000000");
}

static void test_features_without_registers_are_not_taken(void **state)
{
    (void)state;
    fake_modern.offered |= BIT(VIRTIO_F_NOTIF_CONFIG_DATA) | BIT(VIRTIO_F_RING_RESET);
    fake_modern.space[0x40 + VIRTIO_PCI_CAP_LENGTH] = 56;
    assert_int_equal(add(), 0);
    assert_true(fake_modern.accepted == V1);
    virtio_device_remove(DEV);
    virtio_pci_modern_close(VP);
    fake_modern.space[0x40 + VIRTIO_PCI_CAP_LENGTH] = 58;
    assert_int_equal(add(), 0);
    assert_true(fake_modern.accepted == (V1 | BIT(VIRTIO_F_NOTIF_CONFIG_DATA)));
}

static void test_the_size_is_ours_to_choose(void **state)
{
    (void)state;
    fake_modern.queues[0].size = fake_modern.queues[1].size = 1024;
    modern_driver_size_max = 48;
    assert_int_equal(add(), 0);
    assert_int_equal(DEV->queues[0]->size, 32);
    assert_int_equal(fake_modern.queues[0].size, 32);
}

static void test_bad_queues_are_refused(void **state)
{
    (void)state;
    fake_modern.queues[1].size = 24;
    refused(-EINVAL, "queue 1 (tx0) has a bad size: 24");
    fake_modern.queues[1].size = 0;
    refused(-ENOENT, "device has no queue 1 (tx0)");
    fake_modern.queues[1].size = 16;
    fake_modern.queue_cnt = 1;
    refused(-ENOENT, "device has no queue 1 (tx0)");
    fake_modern.queue_cnt = 2;
    modern_driver_size_max = 8;
    fake_modern.drops_size = true;
    refused(-EIO, "device does not take the ring of queue 0 (rx0)");
    fake_modern.drops_size = false;
    fake_modern.drops_vector = true;
    assert_int_equal(add(), -EBUSY);
}

static void test_notifications_out_of_reach_are_refused(void **state)
{
    static const struct {
        uint16_t off;
        uint32_t len, multiplier;
        uint64_t features;
    } cases[] = {
        {0x400, 0x1000, 4, 0},
        {0xffff, 0x1000, 0xffffffff, 0},
        {1, 2, 4, 0},
        {1, 0x1000, 1, 0}, /* askew */
        {2, 0x1000, 1, BIT(VIRTIO_F_NOTIFICATION_DATA)},
        {0x3ff, 0xffe, 4, BIT(VIRTIO_F_NOTIFICATION_DATA)},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned cap = 0x70;

        setup(NULL);
        memcpy(fake_modern.space + cap + VIRTIO_PCI_CAP_LENGTH, &cases[i].len, 4);
        memcpy(fake_modern.space + cap + VIRTIO_PCI_NOTIFY_MULT, &cases[i].multiplier, 4);
        fake_modern.queues[1].notify_off = cases[i].off;
        fake_modern.offered |= cases[i].features;
        refused(-ERANGE, "notifications of queue 1 are out of reach");
        teardown(NULL);
    }
}

static void assert_notified(unsigned off, unsigned width, uint32_t value)
{
    unsigned before = fake_modern.notify_cnt;

    virtqueue_notify_force(DEV->queues[1]);
    assert_int_equal(fake_modern.notify_cnt, before + 1);
    assert_int_equal(fake_modern.notify_off, off);
    assert_int_equal(fake_modern.notify_width, width);
    assert_int_equal(fake_modern.notify_value, value);
}

static void test_notifications_carry_what_was_agreed_on(void **state)
{
    const struct virtqueue_seg seg = {.pa = 4096, .len = 64};

    (void)state;
    fake_modern.queues[1].notify_off = 3;
    fake_modern.queues[1].notify_data = 0x4321;
    assert_int_equal(add(), 0);
    assert_notified(12, 2, 1);
    teardown(NULL);

    fake_modern.offered |= BIT(VIRTIO_F_NOTIF_CONFIG_DATA);
    assert_int_equal(add(), 0);
    assert_notified(12, 2, 0x4321);
    teardown(NULL);

    fake_modern.offered = V1 | BIT(VIRTIO_F_NOTIFICATION_DATA);
    assert_int_equal(add(), 0);
    assert_notified(12, 4, 1);
    assert_int_equal(virtqueue_add(DEV->queues[1], &seg, 1, 0, on_used), 0);
    assert_int_equal(virtqueue_add(DEV->queues[1], &seg, 1, 0, on_used), 0);
    virtqueue_kick(DEV->queues[1]);
    assert_int_equal(fake_modern.notify_value, 2 << 16 | 1);
}

static void test_all_queues_may_share_one_place(void **state)
{
    (void)state;
    memset(fake_modern.space + 0x70 + VIRTIO_PCI_NOTIFY_MULT, 0, 4);
    assert_int_equal(add(), 0);
    assert_notified(0, 2, 1);
}

static void test_notifications_by_port(void **state)
{
    (void)state;
    fake_modern.space[0x70 + VIRTIO_PCI_CAP_BAR] = FAKE_MODERN_PORT_BAR;
    memset(fake_modern.space + 0x70 + VIRTIO_PCI_CAP_OFFSET, 0, 4);
    assert_int_equal(add(), 0);
    assert_notified(4, 2, 1);
    assert_int_equal(fake_modern.port_cnt, 1);
}

static void test_everything_works_by_the_window(void **state)
{
    uint64_t value;

    (void)state;
    fake_modern_window_cap();
    fake_modern_pdev.bars[FAKE_MODERN_BAR].base = 0;
    memcpy(fake_modern.config, "\1\2\3\4\5\6\7\10", 8);
    assert_int_equal(add(), 0);
    assert_int_equal(virtio_config_read64(DEV, 0, &value), 0);
    assert_true(value == 0x0807060504030201);
    assert_notified(4, 2, 1);
    assert_int_equal(fake_modern.memory_cnt, 0);
    virtio_device_remove(DEV);
}

/* By the field's width, never wider than 32 bits. */
static void test_configuration_is_read_by_its_fields(void **state)
{
    uint8_t mac[6];
    uint64_t value;

    (void)state;
    assert_int_equal(add(), 0);
    memcpy(fake_modern.config, "\x52\x54\x00\x12\x34\x56\x01\x00", 8);
    assert_int_equal(virtio_config_read_bytes(DEV, 0, mac, 6), 0);
    assert_memory_equal(mac, fake_modern.config, 6);
    assert_int_equal(fake_modern.max_width, 1);
    assert_int_equal(virtio_config_read16(DEV, 6), 1);
    assert_int_equal(fake_modern.max_width, 2);
    assert_int_equal(virtio_config_read64(DEV, 0, &value), 0);
    assert_int_equal(fake_modern.max_width, 4);
    assert_true(value == 0x0001563412005452);
    DEV->transport->config_write(DEV, 8, "\x78\x56\x34\x12", 4);
    assert_int_equal(virtio_config_read32(DEV, 8), 0x12345678);
}

static void test_what_lies_beyond_the_configuration_reads_as_zero(void **state)
{
    uint64_t value = 1;

    (void)state;
    assert_int_equal(add(), 0);
    memset(fake_modern.config, 0xff, FAKE_MODERN_CONFIG);
    assert_int_equal(virtio_config_read16(DEV, FAKE_MODERN_CONFIG), 0);
    assert_int_equal(virtio_config_read64(DEV, FAKE_MODERN_CONFIG - 4, &value), 0);
    assert_int_equal(value, 0);
    DEV->transport->config_write(DEV, FAKE_MODERN_CONFIG, "\1", 1);
    assert_true(fake_log_has("configuration has 64 bytes, none at 64"));
}

static void test_configuration_is_read_until_its_generation_stands_still(void **state)
{
    uint64_t value;

    (void)state;
    assert_int_equal(add(), 0);
    fake_modern.generations = 5;
    assert_int_equal(virtio_config_read64(DEV, 0, &value), 0);
    assert_int_equal(value & 0xff, fake_modern.config[0]);
    assert_int_equal(fake_modern.generations, 0);
    fake_modern.generations = 1000000;
    assert_int_equal(virtio_config_read64(DEV, 0, &value), -EIO);
    assert_true(fake_log_has("configuration at 0 never settles"));
    fake_modern.generations = 0;
}

static void test_a_reset_that_does_not_end_takes_bus_mastering(void **state)
{
    (void)state;
    assert_int_equal(add(), 0);
    fake_modern.never_resets = true;
    virtio_device_kill(DEV, "it lies");
    assert_int_equal(fake_modern.master_lost_cnt, 1);
    assert_true(fake_log_has("reset does not end, its access to memory is off"));
    fake_modern.never_resets = false;
}

/* Before anything is enabled a second attempt finds the queues as they were. */
static void test_a_second_attempt_after_a_failure_of_interrupts(void **state)
{
    (void)state;
    modern_driver_tries = 2;
    fake_modern_irq_error = -ENOSPC;
    refused(-ENOSPC, "");
    assert_false(fake_log_has("in use already"));
    assert_int_equal(fake_modern.master_lost_cnt, 0);
}

static void test_a_queue_that_cannot_be_enabled_ends_the_attempt(void **state)
{
    (void)state;
    fake_modern.drops_enable = true;
    refused(-EIO, "queue 0 (rx0) cannot be enabled");
    assert_int_equal(fake_modern.config_vector, VIRTIO_MSI_NO_VECTOR);
}

/* A queue that is live although the device was not reset is reset alone before its ring is freed;
 * when that fails, memory is safe all the same. */
static void test_a_live_queue_is_let_go_of(void **state)
{
    const struct virtio_transport_ops *ops = &virtio_pci_modern_ops;

    (void)state;
    fake_modern.offered |= BIT(VIRTIO_F_RING_RESET);
    assert_int_equal(add(), 0);
    ops->queue_clear(DEV, DEV->queues[1]);
    assert_int_equal(fake_modern.queue_reset_cnt, 1);
    assert_int_equal(fake_modern.queues[1].enable, 0);
    assert_int_equal(fake_modern.master_lost_cnt, 0);
    fake_modern.resets_no_queue = true;
    ops->queue_clear(DEV, DEV->queues[0]);
    assert_int_equal(fake_modern.master_lost_cnt, 1);
    virtio_device_remove(DEV);
    teardown(NULL);

    fake_modern.offered = V1;
    fake_modern.queue_reset_cnt = fake_modern.master_lost_cnt = 0;
    assert_int_equal(add(), 0);
    ops->queue_clear(DEV, DEV->queues[1]);
    assert_int_equal(fake_modern.queue_reset_cnt, 0);
    assert_int_equal(fake_modern.master_lost_cnt, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_device_starts_and_ends),
        TEST(virtual_functions_are_agreed_on_where_there_can_be_some),
        TEST(no_version_1_is_no_modern_device),
        TEST(features_may_be_refused),
        TEST(features_without_registers_are_not_taken),
        TEST(the_size_is_ours_to_choose),
        TEST(bad_queues_are_refused),
        TEST(notifications_out_of_reach_are_refused),
        TEST(notifications_carry_what_was_agreed_on),
        TEST(all_queues_may_share_one_place),
        TEST(notifications_by_port),
        TEST(everything_works_by_the_window),
        TEST(configuration_is_read_by_its_fields),
        TEST(what_lies_beyond_the_configuration_reads_as_zero),
        TEST(configuration_is_read_until_its_generation_stands_still),
        TEST(a_reset_that_does_not_end_takes_bus_mastering),
        TEST(a_second_attempt_after_a_failure_of_interrupts),
        TEST(a_queue_that_cannot_be_enabled_ends_the_attempt),
        TEST(a_live_queue_is_let_go_of),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
