/* The checks of "selftest virtio" that concern the PCI transport: each sees its violation. */
/* sources: virtio/virtio_pci_check_cmd.c virtio/virtio_pci_modern.c virtio/virtio_pci_caps.c
 * virtio/virtio_pci_region.c virtio/virtio_pci_reset.c virtio/virtio.c virtio/virtio_features.c
 * virtio/virtio_queues.c virtio/virtio_config.c virtio/virtio_watchdog.c virtio/virtqueue.c
 * virtio/virtqueue_split.c virtio/virtqueue_split_alloc.c pci/pci_cap.c kernel/bootopt.c
 * kernel/error.c kernel/format.c kernel/timer.c tests/host/fake/log.c tests/host/fake/clock.c
 * tests/host/fake/work.c tests/host/fake/fake_dma.c tests/host/fake/fake_modern.c
 * tests/host/fake/fake_modern_regs.c virtio/virtio_ring.c virtio/virtqueue_packed.c
 * virtio/virtqueue_packed_in_order.c virtio/virtqueue_packed_alloc.c
 * virtio/virtqueue_split_in_order.c */
/* cflags: -include tests/host/fake/fake_reg.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_dma.h"
#include "fake_driver_set.h"
#include "fake_log.h"
#include "fake_modern.h"
#include "kernel/bootopt.h"
#include "kernel/panic.h"
#include "msix/msix.h"
#include "virtio/virtio_check.h"

#define BIT(n) (1ull << (n))
#define VP     (&fake_modern_vp)
#define DEV    (&fake_modern_vp.vdev)

static bool msix_on;
static unsigned msix_cnt;

bool msix_enabled(const struct pci_device *pdev)
{
    (void)pdev;
    return msix_on;
}

unsigned pci_msix_cnt(const struct pci_device *pdev)
{
    (void)pdev;
    return msix_cnt;
}

/* Never used: a pointer that tells one transport from the other. */
const struct virtio_transport_ops virtio_pci_legacy_ops = {.name = "legacy"};

static void on_used(struct virtqueue *vq)
{
    (void)vq;
}

static int drv_probe(struct virtio_device *dev)
{
    const struct virtqueue_config configs[] = {{.name = "rx0", .callback = on_used},
                                               {.name = "tx0", .callback = on_used}};

    return virtio_queues_create(dev, configs, 2);
}

static void drv_remove(struct virtio_device *dev)
{
    (void)dev;
}

static const struct virtio_feature drv_features[] = {{.bit = 5, .name = "VIRTIO_X_F"},
                                                     {.name = NULL}};

VIRTIO_DRIVER(x, .name = "virtio-x", .dev_prefix = "x", .device_id = 33, .features = drv_features,
              .probe = drv_probe, .start = drv_remove, .remove = drv_remove);
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
    bootopt_init("");
    fake_log_clear();
    fake_modern_reset();
    fake_modern_pdev.device_id = 0x1040 + 33;
    DEV->device_id = 33;
    msix_on = true;
    msix_cnt = 3;
    if (virtio_pci_modern_open(VP) != 0 || virtio_device_add(DEV) != 0)
        return -1;
    DEV->vectors_used = 3;
    for (unsigned i = 0; i < 2; i++)
        VP->queue_entries[i] = (uint16_t)(i + 1); /* as the fake's ladder binds them */
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    DEV->transport = &virtio_pci_modern_ops;
    virtio_device_remove(DEV);
    virtio_pci_modern_close(VP);
    return fake_dma_in_use != 0;
}

static void expect(unsigned id, enum virtio_verdict verdict)
{
    const struct virtio_check *check = virtio_pci_checks;
    const char *why = NULL;

    while (check->id != id)
        assert_int_not_equal((check++)->id, 0);
    if (check->fn(DEV, &why) != verdict)
        fail_msg("check %u: %s", id, why != NULL ? why : "passes");
}

#define PASS(id) expect(id, VIRTIO_CHECK_PASS)
#define FAIL(id) expect(id, VIRTIO_CHECK_FAIL)
#define SKIP(id) expect(id, VIRTIO_CHECK_SKIP)

static void test_a_sound_device_passes(void **state)
{
    static const unsigned modern[] = {57, 59, 60, 61, 64, 65, 73, 74, 75, 76, 78};
    static const unsigned other[] = {71, 72, 77};

    (void)state;
    for (unsigned i = 0; i < sizeof(modern) / sizeof(modern[0]); i++)
        PASS(modern[i]);
    for (unsigned i = 0; i < sizeof(other) / sizeof(other[0]); i++)
        SKIP(other[i]);
    assert_null(fake_modern.sin);
}

static void test_ids(void **state)
{
    (void)state;
    fake_modern_pdev.device_id = 0x1040 + 34;
    FAIL(57);
    fake_modern_pdev.device_id = 0x1080;
    FAIL(57);
    fake_modern_pdev.device_id = 0x1000;
    PASS(57);
    fake_modern_pdev.vendor_id = 0x1af5;
    FAIL(57);
}

static void test_places(void **state)
{
    (void)state;
    VP->modern.common.bar_off += FAKE_MODERN_BAR_LEN;
    FAIL(59);
    FAIL(60);
    VP->modern.common.bar_off -= FAKE_MODERN_BAR_LEN;
    VP->modern.isr.bar = 1; /* which is not there */
    FAIL(59);
    VP->modern.config.len = 0x2000;
    FAIL(61);
    VP->modern.config.len = 64;
    VP->modern.common.len = 40;
    FAIL(61);
}

static void test_queues(void **state)
{
    (void)state;
    fake_modern.queues[1].size = 8;
    FAIL(64);
    fake_modern.queues[1].enable = 0;
    FAIL(65);
    VP->modern.doorbells[1].len = 4;
    FAIL(78);
    VP->modern.doorbells[1].len = 2;
    VP->modern.notify_ids[1] = 0;
    FAIL(78);
    DEV->features |= BIT(VIRTIO_F_NOTIF_CONFIG_DATA);
    PASS(78);
    fake_modern.queues[1].enable = 1;
}

static void test_vectors(void **state)
{
    (void)state;
    fake_modern.queues[1].vector = 1; /* of the other queue */
    PASS(75);
    FAIL(76);
    fake_modern.queues[1].vector = 3;
    FAIL(75);
    fake_modern.queues[1].vector = VIRTIO_MSI_NO_VECTOR;
    PASS(75);
    FAIL(76);
    fake_modern.queues[1].vector = 2;
    PASS(76);
    fake_modern.config_vector = VIRTIO_MSI_NO_VECTOR;
    FAIL(75);
    FAIL(76);
    DEV->vectors_used = 4;
    FAIL(74);
    msix_on = false;
    SKIP(74);
    SKIP(75);
    SKIP(76);
}

static void test_interfaces(void **state)
{
    (void)state;
    memset(fake_modern.space + 0x40, 0, 0xc0);
    fake_modern.space[PCI_CAPABILITY_LIST] = 0;
    FAIL(73);
    DEV->transport = &virtio_pci_legacy_ops;
    FAIL(73); /* a modern id */
    SKIP(64);
    VP->io_base = FAKE_MODERN_PORT;
    FAIL(71); /* BAR 0 is none */
    fake_modern_pdev.bars[0] = (struct pci_bar){.kind = PCI_BAR_IO, .base = FAKE_MODERN_PORT};
    PASS(71);
    fake_modern_pdev.bars[0].base += 16;
    FAIL(71);
    FAIL(72); /* VERSION_1 */
    DEV->features = BIT(5);
    PASS(72);
    FAIL(77); /* the port reads as ones */
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_sound_device_passes),
        TEST(ids),
        TEST(places),
        TEST(queues),
        TEST(vectors),
        TEST(interfaces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
