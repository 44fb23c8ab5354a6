/* From an interrupt to the handlers of the driver, on each rung: what is looked at, what is
 * claimed, what is lost, and what comes too early. */
/* sources: virtio/virtio_pci_irq.c virtio/virtio_pci_msix.c virtio/virtio_pci_line.c
 * virtio/virtio_pci_poll.c virtio/virtio_pci_dispatch.c virtio/virtqueue.c virtio/virtqueue_split.c
 * virtio/virtqueue_split_alloc.c kernel/bootopt.c kernel/error.c kernel/format.c kernel/timer.c
 * tests/host/fake/log.c tests/host/fake/clock.c tests/host/fake/fake_dma.c
 * tests/host/fake/fake_ring.c tests/host/fake/fake_virtio.c tests/host/fake/fake_pci_vectors.c
 * tests/host/fake/fake_virtio_pci.c */
/* sources: virtio/virtqueue_split_in_order.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "fake_clock.h"
#include "fake_log.h"
#include "fake_pci_vectors.h"
#include "fake_virtio.h"
#include "fake_virtio_pci.h"
#include "pci/pci.h"

#define CONFIG VIRTIO_PCI_ISR_CONFIG
#define QUEUE  VIRTIO_PCI_ISR_QUEUE

static unsigned callbacks(void)
{
    return fake_callback_cnt[0] + fake_callback_cnt[2];
}

static void climb(const char *options)
{
    assert_int_equal(fake_climb(options), 0);
    fake_vp.vdev.driver_ok = true;
}

static void test_a_queues_own_vector_serves_that_queue_alone(void **state)
{
    (void)state;
    climb("irq=per-queue");
    fake_use(0);
    fake_use(2);
    assert_int_equal(fake_vectors_raise(2), IRQ_HANDLED);
    assert_int_equal(fake_callback_cnt[0], 0);
    assert_int_equal(fake_callback_cnt[2], 1);
    assert_int_equal(fake_vectors_raise(2), IRQ_NONE); /* nothing used */
    assert_int_equal(fake_vectors_raise(1), IRQ_HANDLED);
    assert_int_equal(fake_callback_cnt[0], 1);
    assert_int_equal(fake_config_cnt, 0);
    assert_int_equal(fake_vectors_raise(0), IRQ_HANDLED);
    assert_int_equal(fake_config_cnt, 1);
    assert_int_equal(fake_virtio.isr_reads, 0); /* 4.1.4.5.2 */
    fake_descend();
}

static void test_the_queues_vector_walks_all_queues(void **state)
{
    (void)state;
    climb("irq=shared");
    fake_use(0);
    fake_use(2);
    assert_int_equal(fake_vectors_raise(1), IRQ_HANDLED);
    assert_int_equal(fake_callback_cnt[0], 1);
    assert_int_equal(fake_callback_cnt[2], 1);
    assert_int_equal(fake_vectors_raise(1), IRQ_NONE);
    fake_use(2);
    assert_int_equal(fake_vectors_raise(1), IRQ_HANDLED);
    assert_int_equal(fake_vectors_raise(0), IRQ_HANDLED);
    assert_int_equal(fake_config_cnt, 1);
    assert_int_equal(fake_virtio.isr_reads, 0);
    fake_descend();
}

static void test_the_single_vector_tells_queues_from_configuration(void **state)
{
    (void)state;
    climb("irq=single");
    fake_virtio.isr = CONFIG | QUEUE;
    assert_int_equal(fake_vectors_raise(0), IRQ_HANDLED);
    assert_int_equal(fake_config_cnt, 1);
    assert_int_equal(fake_vectors_raise(0), IRQ_NONE); /* neither */
    assert_int_equal(fake_virtio.isr_reads, 2);

    fake_use(2);
    fake_virtio.isr = QUEUE;
    assert_int_equal(fake_vectors_raise(0), IRQ_HANDLED);
    assert_int_equal(callbacks(), 1);
    assert_int_equal(fake_virtio.isr_reads, 2); /* not for a queue's */
    virtio_pci_irq_ops.tick(&fake_vp.vdev);
    assert_int_equal(fake_virtio.isr_reads, 3);
    assert_int_equal(fake_config_cnt, 1);

    /* Both at once are one interrupt: the change is found a moment later, once. */
    fake_use(0);
    fake_virtio.isr = CONFIG | QUEUE;
    assert_int_equal(fake_vectors_raise(0), IRQ_HANDLED);
    assert_int_equal(callbacks(), 2);
    assert_int_equal(fake_config_cnt, 1);
    virtio_pci_irq_ops.tick(&fake_vp.vdev);
    virtio_pci_irq_ops.tick(&fake_vp.vdev);
    assert_int_equal(fake_config_cnt, 2);
    assert_int_equal(fake_virtio.isr_reads, 4);
    fake_descend();
}

static void check_line(const char *options)
{
    climb(options);
    fake_use(0);
    assert_int_equal(fake_vectors_raise(0), IRQ_NONE); /* ISR 0: not ours */
    assert_int_equal(callbacks(), 0);
    fake_virtio.isr = QUEUE;
    assert_int_equal(fake_vectors_raise(0), IRQ_HANDLED);
    assert_int_equal(callbacks(), 1);
    assert_int_equal(fake_config_cnt, 0);
    fake_virtio.isr = CONFIG;
    assert_int_equal(fake_vectors_raise(0), IRQ_HANDLED);
    assert_int_equal(fake_config_cnt, 1);
    fake_use(0);
    fake_use(2);
    fake_virtio.isr = CONFIG | QUEUE;
    assert_int_equal(fake_vectors_raise(0), IRQ_HANDLED);
    assert_int_equal(callbacks(), 3);
    assert_int_equal(fake_config_cnt, 2);
    assert_int_equal(fake_virtio.isr_reads, 4); /* once each */
    fake_descend();
}

static void test_a_line_is_dispatched_on_one_read_of_isr(void **state)
{
    (void)state;
    check_line("irq=intx");
}

static void test_msi_is_dispatched_on_one_read_of_isr(void **state)
{
    (void)state;
    fake_vectors.msi_cnt = 1;
    check_line("irq=msi");
}

/* Every vector of every rung, with all there is to find. */
static void test_what_comes_before_driver_ok_is_counted_and_ignored(void **state)
{
    static const char *const options[] = {"irq=per-queue", "irq=shared", "irq=single", "irq=msi",
                                          "irq=intx"};

    (void)state;
    fake_vectors.msi_cnt = 1;
    fake_use(0);
    fake_use(2);
    for (unsigned i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        memset(fake_vectors.early, 0, sizeof(fake_vectors.early));
        assert_int_equal(fake_climb(options[i]), 0);
        for (unsigned n = 0; n < fake_vectors.cnt; n++) {
            fake_virtio.isr = CONFIG | QUEUE;
            assert_int_equal(fake_vectors_raise(n), IRQ_HANDLED);
            assert_int_equal(fake_vectors.early[n], 1);
        }
        assert_int_equal(fake_config_cnt + callbacks(), 0);
        if (fake_vectors.kind != PCI_VECTORS_MSIX)
            assert_int_equal(fake_virtio.isr, 0); /* the line was let go */
        fake_descend();
    }
}

static void test_a_broken_queue_is_left_alone(void **state)
{
    (void)state;
    climb("irq=shared");
    fake_use(0);
    fake_use(2);
    virtqueue_break(fake_vp.vdev.queues[0], "for the test");
    fake_vectors_raise(1);
    assert_int_equal(fake_callback_cnt[0], 0);
    assert_int_equal(fake_callback_cnt[2], 1);
    fake_descend();
}

static void test_a_device_that_is_gone_is_given_up(void **state)
{
    (void)state;
    climb("irq=intx");
    fake_virtio.isr = 0xff; /* once: bits that are reserved */
    assert_int_equal(fake_vectors_raise(0), IRQ_HANDLED);
    assert_int_equal(fake_gone_cnt, 0);
    fake_virtio.isr = 0xff;
    fake_virtio.gone = true;
    fake_config_cnt = 0;
    assert_int_equal(fake_vectors_raise(0), IRQ_NONE);
    assert_int_equal(fake_gone_cnt, 1);
    assert_int_equal(fake_config_cnt, 0);
    fake_descend();
}

static void test_polling_finds_work_and_configuration_changes(void **state)
{
    (void)state;
    assert_int_equal(fake_climb("irq=poll"), 0);
    assert_false(virtio_pci_irq_ops.watched(&fake_vp.vdev));
    fake_use(0);
    fake_virtio.isr = CONFIG | QUEUE;
    fake_clock_advance(5000000);
    assert_int_equal(callbacks() + fake_config_cnt, 0); /* not before DRIVER_OK */
    fake_vp.vdev.driver_ok = true;
    fake_clock_advance(2000000);
    assert_int_equal(callbacks(), 1);
    assert_int_equal(fake_config_cnt, 1);
    fake_vp.vdev.dead = "for the test";
    fake_use(2);
    fake_virtio.isr = CONFIG;
    fake_clock_advance(5000000);
    assert_int_equal(callbacks(), 1);
    assert_int_equal(fake_config_cnt, 1);
    assert_true(fake_clock_armed_ns == UINT64_MAX); /* nobody looks any more */
    fake_descend();
    fake_vp.vdev.dead = NULL;
    fake_clock_advance(5000000);
    assert_int_equal(fake_config_cnt, 1);
}

static void test_a_lost_interrupt_counts_for_the_queues_vector(void **state)
{
    static const struct {
        const char *options;
        unsigned vector;
    } cases[] = {{"irq=per-queue", 2}, {"irq=shared", 1}, {"irq=single", 0}, {"irq=intx", 0}};

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        climb(cases[i].options);
        assert_true(virtio_pci_irq_ops.watched(&fake_vp.vdev));
        memset(fake_vectors.lost, 0, sizeof(fake_vectors.lost));
        virtio_pci_irq_ops.lost(fake_vp.vdev.queues[2]);
        assert_int_equal(fake_vectors.lost[cases[i].vector], 1);
        fake_descend();
    }
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(test_##name, fake_virtio_pci_setup, fake_virtio_pci_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_queues_own_vector_serves_that_queue_alone),
        TEST(the_queues_vector_walks_all_queues),
        TEST(the_single_vector_tells_queues_from_configuration),
        TEST(a_line_is_dispatched_on_one_read_of_isr),
        TEST(msi_is_dispatched_on_one_read_of_isr),
        TEST(what_comes_before_driver_ok_is_counted_and_ignored),
        TEST(a_broken_queue_is_left_alone),
        TEST(a_device_that_is_gone_is_given_up),
        TEST(polling_finds_work_and_configuration_changes),
        TEST(a_lost_interrupt_counts_for_the_queues_vector),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
