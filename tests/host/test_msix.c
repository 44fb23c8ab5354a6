/* MSI-X: what is checked before the device is touched, programming while masked, and undoing all of
 * it. */
/* sources: msix/pci_irq.c msix/pci_vectors.c msix/msix.c msix/msi.c msix/intx.c irq/irq.c
 * irq/irq_action.c irq/irq_dispatch.c irq/irq_thread.c irq/irq_gsi.c irq/spread.c
 * pci/pci_bar.c pci/pci_cap.c pci/pci_config.c pci/pci_report.c kernel/format.c
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
#include "fake_log.h"
#include "fake_panic.h"
#include "fake_pci.h"
#include "irq/irq.h"
#include "msix/msix.h"
#include "msix/msix_regs.h"
#include "msix/pci_vectors.h"
#include "pci/pci_private.h"

#define CAP     0x40
#define MSI     0x60
#define BAR     1
#define PBA_OFF 0x800

static struct fake_pci_function *fn;
static struct pci_device pdev;
static uint8_t config_before[PCI_CFG_SPACE_LEN];

static void set_table(unsigned cnt, uint32_t table, uint32_t pba)
{
    fake_pci_put(fn, CAP + PCI_MSIX_FLAGS, 2, cnt - 1);
    fake_pci_put(fn, CAP + PCI_MSIX_TABLE, 4, table);
    fake_pci_put(fn, CAP + PCI_MSIX_PBA, 4, pba);
}

static struct msix_table_entry *entry(unsigned index)
{
    return (struct msix_table_entry *)fn->memory[BAR] + index;
}

/* A function with four entries, table and PBA in one BAR, memory decoding on, entries masked as
 * after reset. */
static int setup(void **state)
{
    (void)state;
    fake_pci_reset();
    fake_intr_reset(100);
    fake_log_clear();
    fn = fake_pci_add(NULL, 3, 0, 0x1af4, 0x1000);
    fake_pci_set_bar(fn, 0, 1, 0x20, 0xc000);
    fake_pci_set_bar(fn, BAR, 0, 0x1000, 0xfebd1000);
    fake_pci_cap(fn, CAP, PCI_CAP_ID_MSIX, MSI);
    fake_pci_cap(fn, MSI, PCI_CAP_ID_MSI, 0);
    fn->writable[CAP + PCI_MSIX_FLAGS + 1] = 0xc0;
    fn->writable[MSI + PCI_MSI_FLAGS] = 1;
    set_table(4, BAR, PBA_OFF | BAR);
    fake_pci_put(fn, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_DISABLE);
    for (unsigned i = 0; i < 4; i++)
        entry(i)->control = MSIX_CONTROL_MASKED;
    fake_pci_device(fn, &pdev);
    memcpy(config_before, fn->config, sizeof(config_before));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_pci_reset();
    return 0;
}

/* Nothing may be left of an attempt: registers, mappings, vectors, irq numbers. */
static void expect_untouched(void)
{
    assert_memory_equal(config_before, fn->config, sizeof(config_before));
    assert_int_equal(fake_pci_map_cnt, 0);
    assert_int_equal(fake_intr_used(), 0);
    assert_null(irq_get(1));
    assert_false(msix_enabled(&pdev));
    assert_null(pdev.msix);
}

static uint16_t flags(void)
{
    return (uint16_t)fake_pci_get(fn, CAP + PCI_MSIX_FLAGS, 2);
}

static void test_enable_programs_masked_entries(void **state)
{
    (void)state;
    assert_int_equal(pci_vectors_offered(&pdev, PCI_IRQ_MSIX), 4);
    assert_int_equal(pci_irq_enable(&pdev, PCI_IRQ_MSIX, 3, NULL), 0);
    assert_true(msix_enabled(&pdev));
    assert_int_equal(flags() & (PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL),
                     PCI_MSIX_FLAGS_ENABLE);
    assert_true(fake_pci_get(fn, PCI_COMMAND, 2) & PCI_COMMAND_INTX_DISABLE);
    assert_int_equal(fake_intr_used(), 3);
    for (unsigned i = 0; i < 3; i++) {
        const struct irq_desc *desc = irq_get((unsigned)msix_irq(&pdev, i));
        struct msi_message message;

        intr_msi_compose(0, desc->data.vector, &message);
        assert_int_equal(desc->data.entry, i);
        assert_int_equal(entry(i)->address_low, (uint32_t)message.address);
        assert_int_equal(entry(i)->address_high, message.address >> 32);
        assert_int_equal(entry(i)->data, message.data);
        assert_int_equal(entry(i)->control, MSIX_CONTROL_MASKED);
    }
    assert_int_equal(entry(3)->address_low, 0);
    assert_int_equal(msix_irq(&pdev, 3), -EINVAL);
    pci_vectors_free(&pdev);
    expect_untouched();
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(entry(i)->control, MSIX_CONTROL_MASKED);
}

static unsigned handled;

static enum irq_return handle(void *cookie)
{
    assert_ptr_equal(cookie, &handled);
    handled++;
    return IRQ_HANDLED;
}

static void test_an_action_unmasks_only_its_entry(void **state)
{
    unsigned irq;

    (void)state;
    assert_int_equal(pci_irq_enable(&pdev, PCI_IRQ_MSIX, 2, NULL), 0);
    irq = (unsigned)msix_irq(&pdev, 1);
    assert_int_equal(irq_request(irq, handle, &handled, "fake-rx0"), 0);
    assert_int_equal(entry(0)->control, MSIX_CONTROL_MASKED);
    assert_int_equal(entry(1)->control, 0);
    handled = 0;
    assert_true(fake_intr_deliver(entry(1)->data & 0xff));
    assert_int_equal(handled, 1);
    irq_mask(irq);
    assert_int_equal(entry(1)->control, MSIX_CONTROL_MASKED);
    irq_unmask(irq);
    irq_release(irq, &handled);
    assert_int_equal(entry(1)->control, MSIX_CONTROL_MASKED);
    pci_vectors_free(&pdev);
    expect_untouched();
}

static void test_reserved_control_bits_are_preserved(void **state)
{
    unsigned irq;

    (void)state;
    entry(0)->control = 0xabcd0000;
    entry(3)->control = 0x12340000;
    assert_int_equal(pci_irq_enable(&pdev, PCI_IRQ_MSIX, 1, NULL), 0);
    assert_int_equal(entry(0)->control, 0xabcd0001);
    assert_int_equal(entry(3)->control, 0x12340001);
    irq = (unsigned)msix_irq(&pdev, 0);
    assert_int_equal(irq_request(irq, handle, &handled, "fake-rx0"), 0);
    assert_int_equal(entry(0)->control, 0xabcd0000);
    irq_release(irq, &handled);
    pci_vectors_free(&pdev);
}

static void test_preconditions(void **state)
{
    (void)state;
    assert_int_equal(pci_irq_enable(&pdev, PCI_IRQ_MSIX, 0, NULL), -EINVAL);
    assert_int_equal(pci_irq_enable(&pdev, PCI_IRQ_MSIX, MSIX_ENTRY_MAX + 1, NULL), -EINVAL);
    assert_int_equal(pci_irq_enable(&pdev, PCI_IRQ_MSIX, 5, NULL), -ENOSPC);
    expect_untouched();

    fake_pci_put(fn, PCI_COMMAND, 2, PCI_COMMAND_IO);
    assert_int_equal(pci_irq_enable(&pdev, PCI_IRQ_MSIX, 2, NULL), -ENXIO);
    fake_pci_put(fn, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_DISABLE);

    expect_untouched();

    pdev.msix_cap = 0;
    assert_int_equal(pci_vectors_offered(&pdev, PCI_IRQ_MSIX), 0);
    assert_int_equal(pci_irq_enable(&pdev, PCI_IRQ_MSIX, 1, NULL), -ENODEV);
    pci_vectors_free(&pdev);
    assert_int_equal(msix_irq(&pdev, 0), -EINVAL);
}

/* A virtual function's memory is decoded while it exists; its bit reads as 0 for ever. */
static void test_a_virtual_function_needs_no_memory_bit(void **state)
{
    struct pci_device pf = {0};

    (void)state;
    fn->decodes = true;
    fake_pci_put(fn, PCI_COMMAND, 2, 0);
    fake_pci_allow(fn, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
    assert_int_equal(pci_irq_enable(&pdev, PCI_IRQ_MSIX, 2, NULL), -ENXIO);
    pdev.pf = &pf;
    assert_int_equal(pci_irq_enable(&pdev, PCI_IRQ_MSIX, 2, NULL), 0);
    pci_vectors_free(&pdev);
    assert_int_equal(fake_intr_used(), 0);
}

static void test_enabled_twice(void **state)
{
    uint8_t config[PCI_CFG_SPACE_LEN];
    int irq;

    (void)state;
    assert_int_equal(pci_irq_enable(&pdev, PCI_IRQ_MSIX, 2, NULL), 0);
    memcpy(config, fn->config, sizeof(config));
    irq = msix_irq(&pdev, 1);
    assert_int_equal(pci_irq_enable(&pdev, PCI_IRQ_MSIX, 2, NULL), -EALREADY);
    assert_memory_equal(config, fn->config, sizeof(config));
    assert_int_equal(msix_irq(&pdev, 1), irq);
    pci_vectors_free(&pdev);
    pci_vectors_free(&pdev);
    expect_untouched();
}

static void expect_refused(unsigned cnt, uint32_t table, uint32_t pba)
{
    set_table(cnt, table, pba);
    memcpy(config_before, fn->config, sizeof(config_before));
    assert_int_equal(pci_irq_enable(&pdev, PCI_IRQ_MSIX, 1, NULL), -EINVAL);
    expect_untouched();
}

static void test_table_and_pba_must_lie_in_their_bar(void **state)
{
    (void)state;
    expect_refused(4, 0xfc8 | BAR, BAR);  /* the last entry crosses the end */
    expect_refused(4, BAR, 0x1000 | BAR); /* PBA begins at the end */
    expect_refused(4, 0xfffffff8u | BAR, BAR);
    expect_refused(2048, BAR, PBA_OFF | BAR); /* 32 KiB of table in 4 KiB */
    expect_refused(4, 0, PBA_OFF | BAR);      /* an I/O BAR */
    expect_refused(4, BAR, PBA_OFF | 0);
    expect_refused(4, 2, PBA_OFF | BAR); /* a BAR that is not there */
    expect_refused(4, 6, PBA_OFF | BAR); /* reserved */
    expect_refused(4, 7, PBA_OFF | BAR);
    expect_refused(4, BAR, 0x38 | BAR); /* PBA over the table */

    set_table(4, 0xfc0 | BAR, 0xfb8 | BAR); /* tight, but sound */
    assert_int_equal(pci_irq_enable(&pdev, PCI_IRQ_MSIX, 4, NULL), 0);
    pci_vectors_free(&pdev);
}

static void test_an_unassigned_bar_is_refused(void **state)
{
    (void)state;
    pdev.bars[BAR].base = 0;
    assert_int_equal(pci_irq_enable(&pdev, PCI_IRQ_MSIX, 1, NULL), -EINVAL);
    expect_untouched();
}

static void test_full_size_tables(void **state)
{
    (void)state;
    fake_pci_set_bar(fn, BAR, 0, 0x10000, 0xfe000000);
    set_table(2048, BAR, 0x8000 | BAR);
    fake_pci_device(fn, &pdev);
    memcpy(config_before, fn->config, sizeof(config_before));
    assert_int_equal(pci_irq_enable(&pdev, PCI_IRQ_MSIX, 90, NULL), 0);
    assert_int_equal(entry(2047)->control, MSIX_CONTROL_MASKED);
    pci_vectors_free(&pdev);
    expect_untouched();
    /* More than there are vectors: all those taken so far go back. */
    assert_int_equal(pci_irq_enable(&pdev, PCI_IRQ_MSIX, 2048, NULL), -ENOSPC);
    expect_untouched();
}

static unsigned reads_left;

static void shrink_table(void)
{
    if (reads_left-- == 0)
        set_table(1, 0xff0 | BAR, BAR);
}

/* One entry is left at the end of the BAR when the function has said four. */
static void test_a_table_that_shrinks_meanwhile(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 12; n++) {
        set_table(4, 0xff0 | BAR, BAR);
        reads_left = n;
        fake_pci_read_hook = shrink_table;
        assert_true(pci_irq_enable(&pdev, PCI_IRQ_MSIX, 4, NULL) < 0);
        fake_pci_read_hook = NULL;
        assert_int_equal(fake_pci_map_cnt, 0);
        assert_int_equal(fake_intr_used(), 0);
    }
}

static volatile void *stuck;

static bool drop_stuck(volatile void *reg, uint32_t *value)
{
    (void)value;
    return reg != stuck;
}

static void test_read_back_failures_undo_everything(void **state)
{
    volatile void *const registers[] = {
        &entry(0)->address_low,
        &entry(1)->address_high,
        &entry(2)->data,
        &entry(3)->control,
    };

    (void)state;
    entry(3)->control = 0;
    for (unsigned i = 0; i < 4; i++) {
        memset(fn->memory[BAR], 0, 0x40);
        stuck = registers[i];
        fake_pci_mmio_write = drop_stuck;
        assert_int_equal(pci_irq_enable(&pdev, PCI_IRQ_MSIX, 4, NULL), -EIO);
        fake_pci_mmio_write = NULL;
        expect_untouched();
    }
    assert_int_equal(pci_irq_enable(&pdev, PCI_IRQ_MSIX, 4, NULL), 0);
    pci_vectors_free(&pdev);
}

static void test_an_enable_bit_that_does_not_stick(void **state)
{
    (void)state;
    fn->writable[CAP + PCI_MSIX_FLAGS + 1] = 0x40;
    assert_int_equal(pci_irq_enable(&pdev, PCI_IRQ_MSIX, 2, NULL), -EIO);
    expect_untouched();
}

static void test_vectors_run_out(void **state)
{
    (void)state;
    fake_intr_reset(2);
    assert_int_equal(pci_irq_enable(&pdev, PCI_IRQ_MSIX, 3, NULL), -ENOSPC);
    expect_untouched();
    assert_int_equal(pci_irq_enable(&pdev, PCI_IRQ_MSIX, 2, NULL), 0);
    pci_vectors_free(&pdev);
    expect_untouched();
}

static void test_mappings_that_fail(void **state)
{
    (void)state;
    fake_pci_map_fail = 1;
    assert_int_equal(pci_irq_enable(&pdev, PCI_IRQ_MSIX, 2, NULL), -ENOMEM);
    expect_untouched();
}

static void test_disable_with_an_action_left_is_our_bug(void **state)
{
    unsigned irq;

    (void)state;
    assert_int_equal(pci_irq_enable(&pdev, PCI_IRQ_MSIX, 1, NULL), 0);
    irq = (unsigned)msix_irq(&pdev, 0);
    irq_request(irq, handle, &handled, "left");
    assert_true(PANICS(pci_vectors_free(&pdev)));
    irq_release(irq, &handled);
    pci_vectors_free(&pdev);
    assert_int_equal(fake_intr_used(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_enable_programs_masked_entries, setup),
        cmocka_unit_test_setup(test_an_action_unmasks_only_its_entry, setup),
        cmocka_unit_test_setup(test_reserved_control_bits_are_preserved, setup),
        cmocka_unit_test_setup(test_preconditions, setup),
        cmocka_unit_test_setup(test_a_virtual_function_needs_no_memory_bit, setup),
        cmocka_unit_test_setup(test_enabled_twice, setup),
        cmocka_unit_test_setup(test_table_and_pba_must_lie_in_their_bar, setup),
        cmocka_unit_test_setup(test_an_unassigned_bar_is_refused, setup),
        cmocka_unit_test_setup(test_full_size_tables, setup),
        cmocka_unit_test_setup(test_a_table_that_shrinks_meanwhile, setup),
        cmocka_unit_test_setup(test_read_back_failures_undo_everything, setup),
        cmocka_unit_test_setup(test_an_enable_bit_that_does_not_stick, setup),
        cmocka_unit_test_setup(test_vectors_run_out, setup),
        cmocka_unit_test_setup(test_mappings_that_fail, setup),
        cmocka_unit_test_setup(test_disable_with_an_action_left_is_our_bug, setup),
    };

    return cmocka_run_group_tests(tests, NULL, teardown);
}
