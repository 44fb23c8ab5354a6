/* The interrupt ladder: which rung is taken, what each writes to the device, and that a failed one
 * leaves nothing. */
/* sources: virtio/virtio_pci_irq.c virtio/virtio_pci_per_queue.c virtio/virtio_pci_poll.c
 * virtio/virtqueue.c virtio/virtqueue_split.c virtio/virtqueue_split_alloc.c kernel/bootopt.c
 * kernel/error.c kernel/format.c kernel/timer.c tests/host/fake/log.c tests/host/fake/clock.c
 * tests/host/fake/fake_dma.c tests/host/fake/fake_ring.c tests/host/fake/fake_virtio.c */
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
#include "fake_ring.h"
#include "fake_virtio.h"
#include "irq/irq.h"
#include "kernel/bootopt.h"
#include "msix/msix.h"
#include "pci/pci.h"
#include "virtio/virtio_pci.h"

#define ENTRIES  8
#define IRQ_BASE 20

/* The MSI-X function underneath: irq IRQ_BASE + entry. */
static unsigned table_size, enabled_cnt, early_cnt, config_cnt, callback_cnt;
static int enable_error, request_error_entry;
static uint16_t command;
static struct {
    irq_handler_t handler;
    void *cookie;
    char name[IRQ_NAME_MAX];
} actions[ENTRIES];

unsigned msix_entry_cnt(const struct pci_device *pdev)
{
    (void)pdev;
    return table_size;
}

int msix_enable(struct pci_device *pdev, unsigned cnt)
{
    (void)pdev;
    assert_int_equal(enabled_cnt, 0);
    if (enable_error != 0)
        return enable_error;
    enabled_cnt = cnt;
    return 0;
}

void msix_disable(struct pci_device *pdev)
{
    (void)pdev;
    for (unsigned i = 0; i < ENTRIES; i++)
        assert_null(actions[i].handler); /* msix.h demands it */
    enabled_cnt = 0;
}

int msix_irq(const struct pci_device *pdev, unsigned entry)
{
    (void)pdev;
    return entry < enabled_cnt ? (int)(IRQ_BASE + entry) : -EINVAL;
}

int irq_request(unsigned irq, irq_handler_t handler, void *cookie, const char *name)
{
    unsigned entry = irq - IRQ_BASE;

    if ((int)entry == request_error_entry)
        return -ENOMEM;
    assert_null(actions[entry].handler);
    actions[entry].handler = handler;
    actions[entry].cookie = cookie;
    strcpy(actions[entry].name, name);
    return 0;
}

void irq_release(unsigned irq, void *cookie)
{
    unsigned entry = irq - IRQ_BASE;

    assert_ptr_equal(actions[entry].cookie, cookie);
    memset(&actions[entry], 0, sizeof(actions[entry]));
}

void irq_count_early(unsigned irq)
{
    (void)irq;
    early_cnt++;
}

uint16_t pci_command_set(const struct pci_device *pdev, uint16_t bits)
{
    (void)pdev;
    return command |= bits;
}

uint16_t pci_command_clear(const struct pci_device *pdev, uint16_t bits)
{
    (void)pdev;
    return command &= (uint16_t)~bits;
}

bool virtio_config_interrupt(struct virtio_device *dev)
{
    config_cnt += dev->driver_ok;
    return dev->driver_ok;
}

static void on_used(struct virtqueue *vq)
{
    uint32_t len;

    while (virtqueue_get(vq, &len) != NULL)
        callback_cnt++;
}

static struct pci_device pdev;
static struct virtio_pci vp;

static struct virtqueue *queue(unsigned index, const char *name, virtqueue_callback_t callback)
{
    struct virtqueue *vq = virtqueue_split_alloc(&(struct virtqueue_params){
        .name = name,
        .dev_name = "net0",
        .dev = &vp.vdev,
        .index = index,
        .size = 8,
        .notify = fake_virtio_ops.notify,
        .callback = callback,
    });

    assert_non_null(vq);
    return vq;
}

/* Queues 0 and 2 have callbacks, 1 has none, 3 is no queue at all. */
static int setup(void **state)
{
    (void)state;
    table_size = 3;
    enabled_cnt = early_cnt = config_cnt = callback_cnt = 0;
    enable_error = 0;
    request_error_entry = -1;
    command = 0;
    fake_clock_now_ns = 0;
    timers_init();
    bootopt_init("");
    fake_log_clear();
    fake_virtio_reset();
    memset(&vp, 0, sizeof(vp));
    memset(actions, 0, sizeof(actions));
    vp.pdev = &pdev;
    vp.vdev.bus_name = "00:03.0";
    vp.vdev.transport = &fake_virtio_ops;
    strcpy(vp.vdev.name, "net0");
    vp.vdev.queue_cnt = 4;
    vp.vdev.queues[0] = queue(0, "rx0", on_used);
    vp.vdev.queues[1] = queue(1, "ctrl", NULL);
    vp.vdev.queues[2] = queue(2, "tx0", on_used);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        virtqueue_free(vp.vdev.queues[i]);
    return fake_dma_in_use != 0;
}

static void assert_nothing_left(void)
{
    assert_int_equal(enabled_cnt, 0);
    for (unsigned i = 0; i < ENTRIES; i++)
        assert_null(actions[i].handler);
    assert_int_equal(fake_virtio.config_entry, VIRTIO_MSI_NO_VECTOR);
    for (unsigned i = 0; i < FAKE_VIRTIO_QUEUES; i++)
        assert_int_equal(fake_virtio.queue_entry[i], VIRTIO_MSI_NO_VECTOR);
    assert_int_equal(command, 0);
}

static int climb(void)
{
    return virtio_pci_irq_ops.setup(&vp.vdev);
}

static void test_every_queue_with_a_callback_gets_its_entry(void **state)
{
    (void)state;
    assert_int_equal(climb(), 0);
    assert_string_equal(vp.vdev.irq_mode, "per-queue");
    assert_int_equal(vp.vdev.vectors_used, 3);
    assert_int_equal(vp.vdev.vectors_available, 3);
    assert_int_equal(fake_virtio.config_entry, 0);
    assert_int_equal(fake_virtio.queue_entry[0], 1);
    assert_int_equal(fake_virtio.queue_entry[1], VIRTIO_MSI_NO_VECTOR);
    assert_int_equal(fake_virtio.queue_entry[2], 2);
    assert_string_equal(actions[0].name, "net0-config");
    assert_string_equal(actions[1].name, "net0-rx0");
    assert_string_equal(actions[2].name, "net0-tx0");
    virtio_pci_irq_ops.teardown(&vp.vdev);
    assert_nothing_left();
    virtio_pci_irq_ops.teardown(&vp.vdev); /* harmless */
}

static void test_handlers_reach_their_queue_only_after_driver_ok(void **state)
{
    struct virtqueue_seg seg = {0x1000, 1};
    struct fake_ring ring;
    struct fake_chain chain;

    (void)state;
    assert_int_equal(climb(), 0);
    fake_ring_attach(&ring, vp.vdev.queues[2], false);
    virtqueue_add(vp.vdev.queues[2], &seg, 0, 1, &seg);
    virtqueue_kick(vp.vdev.queues[2]);
    assert_true(fake_ring_pop(&ring, &chain));
    fake_ring_use(&ring, chain.head, 1);
    assert_int_equal(actions[2].handler(actions[2].cookie), IRQ_HANDLED);
    assert_int_equal(actions[0].handler(actions[0].cookie), IRQ_HANDLED);
    assert_int_equal(early_cnt, 2);
    assert_int_equal(callback_cnt + config_cnt, 0);

    vp.vdev.driver_ok = true;
    assert_int_equal(actions[2].handler(actions[2].cookie), IRQ_HANDLED);
    assert_int_equal(callback_cnt, 1);
    assert_int_equal(actions[2].handler(actions[2].cookie), IRQ_NONE); /* spurious */
    assert_int_equal(actions[1].handler(actions[1].cookie), IRQ_NONE);
    assert_int_equal(actions[0].handler(actions[0].cookie), IRQ_HANDLED);
    assert_int_equal(config_cnt, 1);
    virtio_pci_irq_ops.teardown(&vp.vdev);
}

static void expect_polling_because(const char *reason)
{
    assert_int_equal(climb(), 0);
    assert_string_equal(vp.vdev.irq_mode, "poll");
    assert_true(fake_log_has("@fallback name=net0 what=irq from=per-queue to=poll reason="));
    assert_true(fake_log_has(reason));
    assert_int_equal(command, PCI_COMMAND_INTX_DISABLE);
    command = 0;
    assert_nothing_left();
    virtio_pci_irq_ops.teardown(&vp.vdev);
}

static void test_each_failure_is_undone_and_named(void **state)
{
    (void)state;
    table_size = 0;
    expect_polling_because("no MSI-X capability");
    table_size = 2;
    expect_polling_because("MSI-X table is too small");
    table_size = 3;
    enable_error = -ENOSPC;
    expect_polling_because("no CPU vectors left");
    enable_error = 0;
    fake_virtio.refuse_config_entry = true;
    expect_polling_because("device refused the configuration entry");
    fake_virtio.refuse_config_entry = false;
    for (int index = 0; index <= 2; index += 2) {
        fake_virtio.refuse_queue_entry = index;
        expect_polling_because("device refused a queue's entry");
    }
    fake_virtio.refuse_queue_entry = -1;
    for (int entry = 0; entry <= 2; entry++) {
        request_error_entry = entry;
        expect_polling_because("per-queue to=poll");
    }
}

static void test_a_forced_rung_is_taken_or_refused(void **state)
{
    (void)state;
    bootopt_init("irq=poll");
    assert_int_equal(climb(), 0);
    assert_string_equal(vp.vdev.irq_mode, "poll");
    assert_false(fake_log_has("@fallback"));
    virtio_pci_irq_ops.teardown(&vp.vdev);

    bootopt_init("irq=per-queue");
    table_size = 2;
    assert_int_equal(climb(), -ENOSPC);
    assert_true(
        fake_log_has("irq=per-queue is not available, device not used: MSI-X table is too"));
    assert_nothing_left();

    bootopt_init("irq=intx");
    assert_int_equal(climb(), -ENOTSUP);
    assert_true(fake_log_has("irq=intx is not available, device not used: not built in"));
    assert_nothing_left();
}

static void test_polling_finds_work_and_configuration_changes(void **state)
{
    struct virtqueue_seg seg = {0x1000, 1};
    struct fake_ring ring;
    struct fake_chain chain;

    (void)state;
    bootopt_init("irq=poll");
    assert_int_equal(climb(), 0);
    fake_ring_attach(&ring, vp.vdev.queues[0], false);
    virtqueue_add(vp.vdev.queues[0], &seg, 0, 1, &seg);
    virtqueue_kick(vp.vdev.queues[0]);
    assert_true(fake_ring_pop(&ring, &chain));
    fake_ring_use(&ring, chain.head, 1);
    fake_virtio.isr = VIRTIO_PCI_ISR_CONFIG | VIRTIO_PCI_ISR_QUEUE;
    fake_clock_advance(5000000);
    assert_int_equal(callback_cnt + config_cnt, 0); /* not before DRIVER_OK */
    vp.vdev.driver_ok = true;
    fake_clock_advance(2000000);
    assert_int_equal(callback_cnt, 1);
    assert_int_equal(config_cnt, 1);
    virtio_pci_irq_ops.teardown(&vp.vdev);
    fake_virtio.isr = VIRTIO_PCI_ISR_CONFIG;
    fake_clock_advance(5000000);
    assert_int_equal(config_cnt, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_queue_with_a_callback_gets_its_entry),
        TEST(handlers_reach_their_queue_only_after_driver_ok),
        TEST(each_failure_is_undone_and_named),
        TEST(a_forced_rung_is_taken_or_refused),
        TEST(polling_finds_work_and_configuration_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
