/* The start of a modern device, access by access, and what must not come before what. */
/* sources: virtio/virtio_pci_modern.c virtio/virtio_pci_caps.c virtio/virtio_pci_region.c
 * virtio/virtio_pci_reset.c virtio/virtio.c virtio/virtio_features.c virtio/virtio_queues.c
 * virtio/virtio_config.c virtio/virtio_watchdog.c virtio/virtqueue.c virtio/virtqueue_split.c
 * virtio/virtqueue_split_alloc.c pci/pci_cap.c kernel/bootopt.c kernel/error.c kernel/format.c
 * kernel/timer.c tests/host/fake/log.c tests/host/fake/clock.c tests/host/fake/work.c
 * tests/host/fake/fake_dma.c tests/host/fake/fake_modern.c tests/host/fake/fake_modern_regs.c
 * virtio/virtio_ring.c virtio/virtqueue_packed.c virtio/virtqueue_packed_in_order.c
 * virtio/virtqueue_packed_alloc.c virtio/virtqueue_split_in_order.c */
/* cflags: -include tests/host/fake/fake_reg.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_dma.h"
#include "fake_driver_set.h"
#include "fake_log.h"
#include "fake_modern.h"
#include "kernel/bootopt.h"
#include "kernel/panic.h"

#define BIT(n) (1ull << (n))
#define VP     (&fake_modern_vp)
#define DEV    (&fake_modern_vp.vdev)

static bool kick_in_probe;

static void on_used(struct virtqueue *vq)
{
    (void)vq;
}

static void send(struct virtio_device *dev)
{
    const struct virtqueue_seg seg = {.pa = 4096, .len = 64};

    assert_int_equal(virtqueue_add(dev->queues[1], &seg, 1, 0, on_used), 0);
    assert_true(virtqueue_kick(dev->queues[1]));
}

static int drv_probe(struct virtio_device *dev)
{
    const struct virtqueue_config configs[] = {{.name = "rx0", .callback = on_used},
                                               {.name = "tx0", .callback = on_used}};
    int err = virtio_queues_create(dev, configs, 2);

    if (err == 0 && kick_in_probe)
        send(dev);
    return err;
}

static void drv_remove(struct virtio_device *dev)
{
    (void)dev;
}

static const struct virtio_feature drv_features[] = {{.bit = 5, .name = "VIRTIO_X_F"},
                                                     {.name = NULL}};

VIRTIO_DRIVER(x, .name = "virtio-x", .dev_prefix = "x", .device_id = 77, .features = drv_features,
              .probe = drv_probe, .start = send, .remove = drv_remove);
FAKE_DRIVER_SET(x);

int system_on_exit(void (*fn)(void))
{
    (void)fn;
    return 0;
}

unsigned cpu_count(void)
{
    return 1;
}

static int setup(void **state)
{
    (void)state;
    kick_in_probe = false;
    bootopt_init("");
    fake_log_clear();
    fake_modern_reset();
    fake_modern.offered |= BIT(5);
    DEV->device_id = 77;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (DEV->driver_ok)
        virtio_device_remove(DEV);
    virtio_pci_modern_close(VP);
    return fake_dma_in_use != 0;
}

static void bring_up(void)
{
    assert_int_equal(virtio_pci_modern_open(VP), 0);
    assert_int_equal(virtio_device_add(DEV), 0);
    assert_true(fake_modern.log_cnt < FAKE_MODERN_LOG);
}

/* Index of the first access like this from @from on; the log's length when there is none. */
static unsigned find(unsigned from, bool write, unsigned off)
{
    while (from < fake_modern.log_cnt &&
           (fake_modern.log[from].write != write || fake_modern.log[from].off != off))
        from++;
    return from;
}

static unsigned find_status(uint8_t bit)
{
    unsigned i = find(0, true, VIRTIO_PCI_COMMON_STATUS);

    while (i < fake_modern.log_cnt && (fake_modern.log[i].value & bit) == 0)
        i = find(i + 1, true, VIRTIO_PCI_COMMON_STATUS);
    return i;
}

static void test_status_has_read_zero_before_anything_else(void **state)
{
    (void)state;
    fake_modern.status = 0xf; /* as firmware left it */
    bring_up();
    assert_true(fake_modern.log[0].write && fake_modern.log[0].value == 0);
    assert_int_equal(fake_modern.log[0].off, VIRTIO_PCI_COMMON_STATUS);
    assert_false(fake_modern.log[1].write);
    assert_int_equal(fake_modern.log[1].off, VIRTIO_PCI_COMMON_STATUS);
    assert_int_equal(fake_modern.log[1].value, 0);
    assert_null(fake_modern.sin);
}

static void test_nothing_is_written_while_features_are_agreed_on(void **state)
{
    unsigned ok;

    (void)state;
    bring_up();
    assert_int_equal(fake_modern.config_write_cnt, 0);
    ok = find_status(VIRTIO_CONFIG_S_FEATURES_OK);
    assert_true(find(0, false, VIRTIO_PCI_COMMON_DF) < find(0, true, VIRTIO_PCI_COMMON_GF));
    assert_true(find(0, true, VIRTIO_PCI_COMMON_GF) < ok && ok < fake_modern.log_cnt);
    assert_int_equal(find(ok, true, VIRTIO_PCI_COMMON_GF), fake_modern.log_cnt);
    assert_true(find(ok, false, VIRTIO_PCI_COMMON_STATUS) <
                find(ok, true, VIRTIO_PCI_COMMON_Q_SIZE));
    assert_null(fake_modern.sin);
}

static void test_a_queue_is_enabled_last(void **state)
{
    unsigned enabled = 0;

    (void)state;
    bring_up();
    for (unsigned i = find(0, true, VIRTIO_PCI_COMMON_Q_ENABLE); i < fake_modern.log_cnt;
         i = find(i + 1, true, VIRTIO_PCI_COMMON_Q_ENABLE)) {
        enabled++;
        assert_int_equal(fake_modern.log[i].value, 1);
        for (unsigned j = i + 1; j < fake_modern.log_cnt; j++)
            assert_false(fake_modern.log[j].write &&
                         fake_modern.log[j].off >= VIRTIO_PCI_COMMON_Q_SIZE &&
                         fake_modern.log[j].sel == fake_modern.log[i].sel);
        assert_true(i < find_status(VIRTIO_CONFIG_S_DRIVER_OK));
    }
    assert_int_equal(enabled, 2);
    assert_null(fake_modern.sin);
}

static void test_nothing_is_notified_before_driver_ok(void **state)
{
    (void)state;
    bring_up();
    assert_int_equal(fake_modern.notify_cnt, 1); /* of start() */
    assert_null(fake_modern.sin);
    assert_int_equal(teardown(NULL), 0);
    setup(NULL);
    kick_in_probe = true; /* a driver that cannot wait is seen */
    bring_up();
    assert_string_equal(fake_modern.sin, "a notification before DRIVER_OK");
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(status_has_read_zero_before_anything_else),
        TEST(nothing_is_written_while_features_are_agreed_on),
        TEST(a_queue_is_enabled_last),
        TEST(nothing_is_notified_before_driver_ok),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
