/* The legacy header and queue set-up against a device that is nothing but its I/O registers. */
/* sources: virtio/virtio_pci_legacy.c virtio/virtio_pci_reset.c virtio/virtio_queues.c
 * virtio/virtqueue.c virtio/virtqueue_split.c virtio/virtqueue_split_alloc.c kernel/bootopt.c
 * kernel/format.c tests/host/fake/log.c tests/host/fake/clock.c tests/host/fake/fake_dma.c */
/* sources: virtio/virtio_ring.c virtio/virtqueue_split_in_order.c virtio/virtqueue_packed.c
 * virtio/virtqueue_packed_alloc.c virtio/virtqueue_packed_in_order.c */
/* cflags: -include tests/host/fake/fake_port.h */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_clock.h"
#include "fake_dma.h"
#include "fake_log.h"
#include "msix/msix.h"
#include "pci/pci.h"
#include "virtio/virtio_pci.h"
#include "virtio/vring.h"

#define IO_BASE   0xc040
#define QUEUES    4
#define CONFIG_SZ 16

/* The device. Registers that do not exist read as all ones, as an empty bus does. */
static struct {
    uint32_t features, driver_features;
    uint32_t pfn[QUEUES];
    uint16_t size[QUEUES], vector[QUEUES], config_vector, sel;
    uint8_t status, isr, config[CONFIG_SZ];
    bool msix, drops_pfn, drops_vector, never_resets;
    unsigned notified[QUEUES], isr_reads, bad_width;
} hw;

/* No IOMMU says anything of the function. */
const char *virtio_pci_access_objection(struct virtio_device *dev, uint64_t offered)
{
    (void)dev;
    (void)offered;
    return NULL;
}

static struct virtio_pci vp;
static unsigned setup_cnt, teardown_cnt;
static int setup_error;
static uint16_t command;

static uint32_t *reg32(unsigned off)
{
    if (off == 8)
        return hw.sel < QUEUES ? &hw.pfn[hw.sel] : NULL;
    return off == 0 ? &hw.features : off == 4 ? &hw.driver_features : NULL;
}

static uint16_t *reg16(unsigned off)
{
    switch (off) {
    case 12:
        return hw.sel < QUEUES ? &hw.size[hw.sel] : NULL;
    case 14:
        return &hw.sel;
    case 20:
        return hw.msix ? &hw.config_vector : NULL;
    case 22:
        return hw.msix && hw.sel < QUEUES ? &hw.vector[hw.sel] : NULL;
    default:
        return NULL;
    }
}

static uint8_t *reg8(unsigned off)
{
    unsigned config = hw.msix ? 24 : 20;

    if (off == 18)
        return &hw.status;
    if (off == 19)
        return &hw.isr;
    return off >= config && off < config + CONFIG_SZ ? &hw.config[off - config] : NULL;
}

uint32_t fake_port_in(uint16_t port, unsigned width)
{
    unsigned off = (unsigned)(port - IO_BASE);
    uint32_t value = 0;

    if (width == 4)
        return reg32(off) != NULL ? *reg32(off) : off == 8 ? 0 : ~0u;
    if (width == 2)
        return reg16(off) != NULL ? *reg16(off) : off == 12 ? 0 : 0xffff;
    if (reg8(off) == NULL) {
        hw.bad_width++;
        return 0xff;
    }
    value = *reg8(off);
    if (off == 19) {
        hw.isr = 0;
        hw.isr_reads++;
    }
    return value;
}

static void out32(unsigned off, uint32_t value)
{
    assert_true(off == 4 || off == 8);
    if (off == 8 && hw.drops_pfn && value != 0)
        return;
    *reg32(off) = value;
}

static void out16(unsigned off, uint32_t value)
{
    if (off == 16) {
        hw.notified[value]++;
        return;
    }
    assert_true(off == 14 || off == 20 || off == 22); /* the size is read-only */
    assert_non_null(reg16(off));
    *reg16(off) = hw.drops_vector && off != 14 ? 0xffff : (uint16_t)value;
}

void fake_port_out(uint16_t port, unsigned width, uint32_t value)
{
    unsigned off = (unsigned)(port - IO_BASE);

    if (width == 4) {
        out32(off, value);
    } else if (width == 2) {
        out16(off, value);
    } else if (off == 18) {
        if (value != 0 || !hw.never_resets)
            hw.status = (uint8_t)value;
    } else {
        assert_non_null(reg8(off));
        *reg8(off) = (uint8_t)value;
    }
}

bool msix_enabled(const struct pci_device *pdev)
{
    (void)pdev;
    return hw.msix;
}

uint16_t pci_command_clear(const struct pci_device *pdev, uint16_t bits)
{
    (void)pdev;
    return command &= (uint16_t)~bits;
}

static int irq_setup(struct virtio_device *dev)
{
    (void)dev;
    setup_cnt++;
    return setup_error;
}

static void irq_teardown(struct virtio_device *dev)
{
    (void)dev;
    teardown_cnt++;
}

const struct virtio_irq_ops virtio_pci_irq_ops = {.setup = irq_setup, .teardown = irq_teardown};

static void on_used(struct virtqueue *vq)
{
    (void)vq;
}

static int setup(void **state)
{
    (void)state;
    memset(&hw, 0, sizeof(hw));
    memset(&vp, 0, sizeof(vp));
    for (unsigned i = 0; i < QUEUES; i++)
        hw.size[i] = 16;
    fake_dma_fail_after = -1;
    setup_cnt = teardown_cnt = 0;
    setup_error = 0;
    command = PCI_COMMAND_MASTER;
    strcpy(vp.vdev.name, "net0");
    vp.vdev.bus_name = "00:03.0";
    vp.vdev.transport = &virtio_pci_legacy_ops;
    vp.io_base = IO_BASE;
    return 0;
}

static const struct virtqueue_config three[] = {
    {.name = "rx0", .callback = on_used},
    {.name = NULL},
    {.name = "tx0", .callback = on_used},
};

static const struct virtio_transport_ops *ops(void)
{
    return vp.vdev.transport;
}

/* Row 1: each register at its place and width. */
static void test_every_register_is_where_the_specification_says(void **state)
{
    (void)state;
    hw.features = 0x31000020;
    assert_int_equal(ops()->get_features(&vp.vdev), 0x31000020);
    ops()->set_features(&vp.vdev, 0x20);
    assert_int_equal(hw.driver_features, 0x20);
    ops()->set_status(&vp.vdev, 7);
    assert_int_equal(hw.status, 7);
    assert_int_equal(ops()->get_status(&vp.vdev), 7);
    assert_int_equal(ops()->queue_size(&vp.vdev, 2), 16);
    assert_int_equal(hw.sel, 2);
    assert_int_equal(hw.bad_width, 0);
}

/* Rows 2 and 3: the vector registers push device configuration from 20 to 24 while they exist. */
static void test_configuration_moves_with_msix(void **state)
{
    uint8_t mac[6] = {0};

    (void)state;
    memcpy(hw.config, "\x52\x54\x00\x12\x34\x56", 6);
    for (int round = 0; round < 2; round++) {
        hw.msix = false;
        ops()->config_read(&vp.vdev, 0, mac, 6);
        assert_memory_equal(mac, hw.config, 6);
        hw.msix = true;
        memset(mac, 0, sizeof(mac));
        ops()->config_read(&vp.vdev, 0, mac, 6);
        assert_memory_equal(mac, hw.config, 6);
    }
    ops()->config_write(&vp.vdev, 4, "\x99", 1);
    assert_int_equal(hw.config[4], 0x99);
}

/* Row 4. */
static void test_reading_the_isr_clears_it(void **state)
{
    (void)state;
    hw.isr = 3;
    assert_int_equal(ops()->read_isr(&vp.vdev), 3);
    assert_int_equal(ops()->read_isr(&vp.vdev), 0);
    assert_int_equal(hw.isr_reads, 2);
}

/* Rows 7 and 18: the page number is that of zeroed, aligned memory of the right size. */
static void test_queues_are_given_by_page_number(void **state)
{
    struct virtqueue_layout layout;

    (void)state;
    assert_int_equal(virtio_queues_create(&vp.vdev, three, 3), 0);
    assert_int_equal(setup_cnt, 1);
    assert_null(vp.vdev.queues[1]);
    assert_int_equal(hw.pfn[1], 0);
    for (unsigned i = 0; i < 3; i += 2) {
        virtqueue_layout(vp.vdev.queues[i], &layout);
        assert_int_equal(layout.desc_pa % 4096, 0);
        assert_true(layout.len >= vring_size(16) && layout.len < vring_size(16) + 4096);
        assert_int_equal(hw.pfn[i], layout.desc_pa >> 12);
        for (size_t at = 0; at < layout.len; at++)
            assert_int_equal(((const uint8_t *)(uintptr_t)layout.desc_pa)[at], 0);
    }
    vp.vdev.transport->notify(vp.vdev.queues[2]);
    assert_int_equal(hw.notified[2], 1);
    virtio_queues_delete(&vp.vdev);
    assert_int_equal(teardown_cnt, 1);
    assert_int_equal(hw.pfn[0] | hw.pfn[2], 0);
    assert_int_equal(fake_dma_in_use, 0);
}

/* What is there before is there after, and nothing else. */
static void refused(int err, const char *message)
{
    assert_int_equal(virtio_queues_create(&vp.vdev, three, 3), err);
    assert_true(fake_log_has(message));
    assert_int_equal(fake_dma_in_use, 0);
    assert_int_equal(vp.vdev.queue_cnt, 0);
    for (unsigned i = 0; i < QUEUES; i++)
        assert_null(vp.vdev.queues[i]);
    assert_int_equal(hw.pfn[0], 0);
}

/* Row 5. */
static void test_a_queue_of_size_zero_is_not_there(void **state)
{
    (void)state;
    hw.size[2] = 0;
    refused(-ENOENT, "device has no queue 2 (tx0)");
}

/* Row 6: whoever uses the queue keeps it. */
static void test_a_queue_in_use_is_refused(void **state)
{
    (void)state;
    hw.pfn[2] = 0x1234;
    refused(-ENOENT, "queue 2 (tx0) is in use already");
    assert_int_equal(hw.pfn[2], 0x1234);
}

/* Row 8. A ring like this cannot be allocated, so the register code gets it directly. */
static uint64_t far_pa;

static void far_layout(const struct virtqueue *vq, struct virtqueue_layout *layout)
{
    (void)vq;
    layout->desc_pa = far_pa;
    layout->len = 8192;
}

static void test_a_ring_beyond_the_page_number_is_refused(void **state)
{
    static const struct virtqueue_ops far_ops = {.layout = far_layout};
    struct virtqueue vq = {.ops = &far_ops, .dev = &vp.vdev};

    (void)state;
    assert_true(ops()->ring_limit_pa == 1ull << 44);
    far_pa = (1ull << 44) - 4096;
    assert_int_equal(ops()->queue_set(&vp.vdev, &vq), -ERANGE);
    far_pa = 1ull << 44;
    assert_int_equal(ops()->queue_set(&vp.vdev, &vq), -ERANGE);
    far_pa = 0x12345800;
    assert_int_equal(ops()->queue_set(&vp.vdev, &vq), -ERANGE);
    assert_int_equal(hw.pfn[0], 0);
    far_pa = (1ull << 44) - 8192;
    assert_int_equal(ops()->queue_set(&vp.vdev, &vq), 0);
    assert_int_equal(hw.pfn[0], 0xfffffffe);
}

/* Row 9: what was read back is the answer; who asked makes it EBUSY. */
static void test_vectors_are_read_back(void **state)
{
    (void)state;
    hw.msix = true;
    assert_int_equal(ops()->set_config_entry(&vp.vdev, 0), 0);
    assert_int_equal(ops()->set_queue_entry(&vp.vdev, 2, 1), 1);
    assert_int_equal(hw.vector[2], 1);
    hw.drops_vector = true;
    assert_int_equal(ops()->set_config_entry(&vp.vdev, 0), VIRTIO_MSI_NO_VECTOR);
    assert_int_equal(ops()->set_queue_entry(&vp.vdev, 2, 1), VIRTIO_MSI_NO_VECTOR);
}

/* Row 10: each step can fail, and those before it are undone. */
static void test_failures_are_undone_in_reverse(void **state)
{
    (void)state;
    hw.drops_pfn = true;
    refused(-EIO, "device does not take the ring of queue 0 (rx0)");
    hw.drops_pfn = false;
    for (int step = 0; step < 2; step++) {
        fake_dma_fail_after = step;
        refused(-ENOMEM, "no memory for queue");
    }
    fake_dma_fail_after = -1;
    setup_error = -ENOTSUP;
    assert_int_equal(virtio_queues_create(&vp.vdev, three, 3), -ENOTSUP);
    assert_int_equal(hw.pfn[0] | hw.pfn[2], 0);
    assert_int_equal(fake_dma_in_use, 0);
    assert_int_equal(teardown_cnt, 0);
}

static void test_a_reset_that_does_not_end_takes_bus_mastering(void **state)
{
    (void)state;
    hw.status = 7;
    assert_int_equal(ops()->reset(&vp.vdev), 0);
    assert_int_equal(hw.status, 0);
    assert_int_equal(command, PCI_COMMAND_MASTER);
    hw.status = 7;
    hw.never_resets = true;
    assert_int_equal(ops()->reset(&vp.vdev), -ETIMEDOUT);
    assert_int_equal(command, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_every_register_is_where_the_specification_says, setup),
        cmocka_unit_test_setup(test_configuration_moves_with_msix, setup),
        cmocka_unit_test_setup(test_reading_the_isr_clears_it, setup),
        cmocka_unit_test_setup(test_queues_are_given_by_page_number, setup),
        cmocka_unit_test_setup(test_a_queue_of_size_zero_is_not_there, setup),
        cmocka_unit_test_setup(test_a_queue_in_use_is_refused, setup),
        cmocka_unit_test_setup(test_a_ring_beyond_the_page_number_is_refused, setup),
        cmocka_unit_test_setup(test_vectors_are_read_back, setup),
        cmocka_unit_test_setup(test_failures_are_undone_in_reverse, setup),
        cmocka_unit_test_setup(test_a_reset_that_does_not_end_takes_bus_mastering, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
