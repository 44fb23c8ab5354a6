/* MSI: every shape of the capability, several messages, each register that does not read back,
 * moving to another CPU, and undoing all of it. */
/* sources: msix/pci_irq.c msix/pci_vectors.c msix/msix.c msix/msi.c msix/intx.c irq/irq.c
 * irq/irq_action.c irq/irq_dispatch.c irq/irq_thread.c irq/irq_gsi.c irq/irq_affinity.c
 * irq/spread.c pci/pci_bar.c pci/pci_cap.c pci/pci_config.c pci/pci_report.c kernel/format.c
 * kernel/error.c kernel/mutex.c kernel/timer.c tests/host/fake/fake_pci.c
 * tests/host/fake/fake_pci_irq.c tests/host/fake/fake_intr.c tests/host/fake/report.c
 * tests/host/fake/panic.c tests/host/fake/log.c tests/host/fake/fake_thread.c
 * tests/host/fake/wait.c tests/host/fake/clock.c */
/* cflags: -include tests/host/fake/fake_mmio.h */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_intr.h"
#include "fake_pci_irq.h"
#include "irq/irq.h"
#include "msix/pci_vectors.h"

#define CAP FAKE_IRQ_MSI

static struct fake_irq_function function;
static struct pci_device *const pdev = &function.pdev;

/* Where the capability has what, by its address and mask bits (PCI 3.0, 6.8.1). */
static const struct shape {
    uint16_t flags;
    unsigned data, mask; /* offsets; mask 0: none */
} shapes[] = {
    {0, 8, 0},
    {PCI_MSI_FLAGS_64BIT, 12, 0},
    {PCI_MSI_FLAGS_MASKBIT, 8, 12},
    {PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT, 12, 16},
};
#define SHAPE_CNT (sizeof(shapes) / sizeof(shapes[0]))

static void begin(const struct shape *shape)
{
    fake_irq_reset();
    if (!(shape->flags & PCI_MSI_FLAGS_64BIT))
        fake_msi_base.address = 0xfee00000;
    fake_irq_add(&function, 3, shape->flags);
}

static int teardown(void **state)
{
    (void)state;
    fake_irq_reset();
    return 0;
}

static uint32_t reg(unsigned off, unsigned width)
{
    return fake_pci_get(function.fn, CAP + off, width);
}

static void set_writable(unsigned off, unsigned width, uint8_t bits)
{
    memset(function.fn->writable + CAP + off, bits, width);
}

static int enable(unsigned cnt)
{
    return pci_irq_enable(pdev, PCI_IRQ_MSI, cnt, NULL);
}

static const struct irq_desc *desc(unsigned n)
{
    return irq_get((unsigned)pci_vector_irq(pdev, n));
}

static void test_each_shape_of_the_capability(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SHAPE_CNT; i++) {
        const struct shape *shape = &shapes[i];
        struct msi_message message;

        begin(shape);
        assert_int_equal(enable(1), 0);
        intr_msi_compose(0, desc(0)->data.vector, &message);
        assert_int_equal(reg(PCI_MSI_FLAGS, 2) & PCI_MSI_FLAGS_ENABLE, PCI_MSI_FLAGS_ENABLE);
        assert_int_equal(reg(PCI_MSI_FLAGS, 2) & PCI_MSI_FLAGS_QSIZE, 0);
        assert_int_equal(reg(PCI_MSI_ADDRESS_LO, 4), (uint32_t)message.address);
        if (shape->flags & PCI_MSI_FLAGS_64BIT)
            assert_int_equal(reg(PCI_MSI_ADDRESS_HI, 4), message.address >> 32);
        assert_int_equal(reg(shape->data, 2), message.data);
        if (shape->mask)
            assert_int_equal(reg(shape->mask, 4), 1);
        else
            assert_memory_equal(function.config_before + CAP + shape->data + 2,
                                function.fn->config + CAP + shape->data + 2, 8);
        assert_string_equal(desc(0)->data.chip->name, "msi");
        pci_vectors_free(pdev);
        fake_irq_expect_untouched(&function);
    }
}

static enum irq_return handle(void *cookie)
{
    ++*(unsigned *)cookie;
    return IRQ_HANDLED;
}

static void test_several_messages(void **state)
{
    static const unsigned qsizes[] = {[1] = 0, [2] = 1, [3] = 2, [4] = 2, [5] = 3, [8] = 3};

    (void)state;
    for (unsigned cnt = 1; cnt <= 8; cnt++) {
        if (cnt > 1 && qsizes[cnt] == 0)
            continue;
        begin(&shapes[3]);
        assert_int_equal(enable(cnt), 0);
        assert_int_equal(pci_vector_cnt(pdev), cnt);
        assert_int_equal(fake_intr_used(), 1u << qsizes[cnt]);
        assert_int_equal((reg(PCI_MSI_FLAGS, 2) & PCI_MSI_FLAGS_QSIZE) >> PCI_MSI_FLAGS_QSIZE_SHIFT,
                         qsizes[cnt]);
        assert_int_equal(reg(12, 2) % (1u << qsizes[cnt]), 0);
        assert_int_equal(reg(16, 4), (1u << (1u << qsizes[cnt])) - 1);
        for (unsigned n = 0; n < cnt; n++) {
            assert_int_equal(desc(n)->data.vector, desc(0)->data.vector + n);
            assert_int_equal(desc(n)->data.entry, n);
        }
        assert_int_equal(pci_vector_irq(pdev, cnt), -EINVAL);
        pci_vectors_free(pdev);
        fake_irq_expect_untouched(&function);
    }
}

static void test_mask_bits_are_each_message_s_own(void **state)
{
    unsigned calls = 0, irq;

    (void)state;
    begin(&shapes[2]);
    assert_int_equal(enable(4), 0);
    irq = (unsigned)pci_vector_irq(pdev, 2);
    assert_int_equal(irq_request(irq, handle, &calls, "third"), 0);
    assert_int_equal(reg(12, 4), 0xb);
    assert_true(fake_intr_deliver((reg(8, 2) & 0xff) + 2));
    assert_int_equal(calls, 1);
    irq_mask(irq);
    assert_int_equal(reg(12, 4), 0xf);
    irq_unmask(irq);
    assert_int_equal(reg(12, 4), 0xb);
    irq_release(irq, &calls);
    assert_int_equal(reg(12, 4), 0xf);
    pci_vectors_free(pdev);
    fake_irq_expect_untouched(&function);
}

static void expect_eio(unsigned cnt)
{
    assert_int_equal(enable(cnt), -EIO);
    fake_irq_expect_untouched(&function);
}

/* Each register of each shape in turn ignores what is written. */
static void test_read_back_failures_undo_everything(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SHAPE_CNT; i++) {
        const struct shape *shape = &shapes[i];

        begin(shape);
        set_writable(PCI_MSI_ADDRESS_LO, 4, 0);
        expect_eio(1);
        set_writable(PCI_MSI_ADDRESS_LO, 4, 0xff);
        if (shape->flags & PCI_MSI_FLAGS_64BIT) {
            set_writable(PCI_MSI_ADDRESS_HI, 4, 0);
            expect_eio(1);
            set_writable(PCI_MSI_ADDRESS_HI, 4, 0xff);
        }
        set_writable(shape->data, 2, 0);
        expect_eio(1);
        set_writable(shape->data, 2, 0xff);
        if (shape->mask) {
            set_writable(shape->mask, 4, 0);
            expect_eio(1);
            set_writable(shape->mask, 4, 0xff);
        }
        set_writable(PCI_MSI_FLAGS, 1, PCI_MSI_FLAGS_QSIZE);
        expect_eio(1);
        set_writable(PCI_MSI_FLAGS, 1, PCI_MSI_FLAGS_ENABLE);
        expect_eio(2); /* the number of messages does not stick */
        set_writable(PCI_MSI_FLAGS, 1, PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE);
        assert_int_equal(enable(2), 0);
        pci_vectors_free(pdev);
        fake_irq_expect_untouched(&function);
    }
}

static void test_vectors_run_out(void **state)
{
    (void)state;
    begin(&shapes[3]);
    fake_intr_reset(7);
    assert_int_equal(enable(8), -ENOSPC);
    assert_int_equal(enable(5), -ENOSPC); /* takes a block of 8 */
    fake_irq_expect_untouched(&function);
    fake_intr_reset(0);
    assert_int_equal(enable(1), -ENOSPC);
    fake_irq_expect_untouched(&function);

    fake_intr_reset_cpus(2, 8); /* the first CPU has one vector less */
    fake_msi_base.data = 0x4000;
    assert_true(intr_vector_alloc(0, (intr_handler_t)teardown, NULL) > 0);
    assert_int_equal(enable(4), 0);
    for (unsigned n = 1; n < 4; n++)
        assert_int_equal(desc(n)->data.cpu, desc(0)->data.cpu);
    pci_vectors_free(pdev);
}

static void test_messages_that_do_not_fit_the_capability(void **state)
{
    (void)state;
    begin(&shapes[0]);
    fake_msi_base.address = 0x1fee00000ull;
    assert_int_equal(enable(1), -EOPNOTSUPP);
    fake_irq_expect_untouched(&function);
    fake_msi_base = (struct msi_message){0xfee00000, 0x10000};
    assert_int_equal(enable(1), -EOPNOTSUPP);
    fake_irq_expect_untouched(&function);
}

static void test_a_capability_beyond_the_end(void **state)
{
    (void)state;
    begin(&shapes[3]);
    fake_pci_put(function.fn, 0xf0 + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT);
    memcpy(function.config_before, function.fn->config, sizeof(function.config_before));
    pdev->msi_cap = 0xf0; /* 16 bytes are left, 24 are needed */
    assert_int_equal(enable(1), -EINVAL);
    fake_irq_expect_untouched(&function);
}

static void test_a_single_message_moves(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SHAPE_CNT; i++) {
        struct msi_message message;
        unsigned calls = 0, irq;

        begin(&shapes[i]);
        fake_intr_reset_cpus(2, 20);
        fake_msi_base = (struct msi_message){0xfee00000, 0x4000};
        assert_int_equal(enable(1), 0);
        irq = (unsigned)pci_vector_irq(pdev, 0);
        assert_int_equal(irq_request(irq, handle, &calls, "moves"), 0);
        assert_int_equal(irq_set_affinity(irq, CPU_MASK(1)), 0);
        assert_int_equal(pci_vector_affinity(pdev, 0), CPU_MASK(1));
        intr_msi_compose(1, desc(0)->data.vector, &message);
        assert_int_equal(reg(PCI_MSI_ADDRESS_LO, 4), (uint32_t)message.address);
        assert_int_equal(reg(shapes[i].data, 2), message.data);
        assert_true(reg(PCI_MSI_FLAGS, 2) & PCI_MSI_FLAGS_ENABLE);
        /* Without a mask bit a message may have been lost meanwhile. */
        assert_int_equal(calls, shapes[i].mask ? 0 : 1);
        irq_release(irq, &calls);
        pci_vectors_free(pdev);
        fake_irq_expect_untouched(&function);
    }
}

static void test_one_of_several_messages_cannot_move(void **state)
{
    (void)state;
    begin(&shapes[3]);
    fake_intr_reset_cpus(2, 20);
    fake_msi_base.data = 0x4000;
    assert_int_equal(enable(2), 0);
    assert_int_equal(
        irq_set_affinity((unsigned)pci_vector_irq(pdev, 1), CPU_MASK(1 - desc(1)->data.cpu)),
        -EOPNOTSUPP);
    pci_vectors_free(pdev);
    fake_irq_expect_untouched(&function);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_shape_of_the_capability),
        cmocka_unit_test(test_several_messages),
        cmocka_unit_test(test_mask_bits_are_each_message_s_own),
        cmocka_unit_test(test_read_back_failures_undo_everything),
        cmocka_unit_test(test_vectors_run_out),
        cmocka_unit_test(test_messages_that_do_not_fit_the_capability),
        cmocka_unit_test(test_a_capability_beyond_the_end),
        cmocka_unit_test(test_a_single_message_moves),
        cmocka_unit_test(test_one_of_several_messages_cannot_move),
    };

    return cmocka_run_group_tests(tests, NULL, teardown);
}
