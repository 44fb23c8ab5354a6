/* The driver of QEMU's educational device, on a function that behaves like one: how it gets its
 * interrupts, what it makes of them, and that it leaves nothing behind. */
/* sources: msix/pci_irq.c msix/pci_vectors.c msix/msix.c msix/msi.c msix/intx.c irq/irq.c
 * irq/irq_action.c irq/irq_dispatch.c irq/irq_thread.c irq/irq_gsi.c irq/spread.c
 * pci/pci_bar.c pci/pci_cap.c pci/pci_config.c pci/pci_report.c kernel/bootopt.c kernel/format.c
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

#include "fake_clock.h"
#include "fake_intr.h"
#include "fake_log.h"
#include "fake_pci_irq.h"
#include "fake_wait.h"
#include "kernel/bootopt.h"
#include "pci/pci_private.h"

/* With its driver's table, which is private to it. */
#include "msix/edu.c"

static struct fake_irq_function function;
static struct pci_device *const pdev = &function.pdev;
static bool raised, silent, lying;

static uint32_t *reg(unsigned off)
{
    return (uint32_t *)(void *)(function.fn->memory[0] + off);
}

static void raise_reasons(uint32_t reasons)
{
    *reg(EDU_IRQ_STATUS) |= reasons;
    raised = true;
}

static void write_factorial(uint32_t n)
{
    uint32_t product = 1;

    for (; n > 1; n--)
        product *= n;
    *reg(EDU_FACTORIAL) = product;
    if (*reg(EDU_STATUS) & EDU_STATUS_IRQ)
        raise_reasons(EDU_IRQ_FACTORIAL);
}

/* What the device does with a write; false when that is all. */
static bool edu_write(volatile void *at, uint32_t *value)
{
    const size_t off = (size_t)((volatile uint8_t *)at - function.fn->memory[0]);

    switch (off) {
    case EDU_LIVENESS:
        *value = lying ? 0 : ~*value;
        return true;
    case EDU_IRQ_RAISE:
        raise_reasons(*value);
        return false;
    case EDU_IRQ_ACK:
        *reg(EDU_IRQ_STATUS) &= ~*value;
        return false;
    case EDU_FACTORIAL:
        write_factorial(*value);
        return false;
    default:
        return true;
    }
}

/* While the driver waits, an interrupt that was raised arrives. */
static void deliver(void)
{
    const int irq = pci_vector_irq(pdev, 0);
    const struct irq_data *data;

    if (!raised || silent || irq < 0)
        return;
    raised = false;
    data = &irq_get((unsigned)irq)->data;
    assert_true(fake_intr_deliver_on(data->cpu, data->vector));
}

void thread_sleep_ns(uint64_t ns)
{
    fake_clock_advance(ns);
}

static int setup(void **state)
{
    (void)state;
    fake_irq_reset();
    fake_irq_add(&function, 3, FAKE_IRQ_MASK_BITS);
    fake_pci_set_bar(function.fn, 0, 0, EDU_REGS_LEN, 0xfd000000);
    fake_pci_put(function.fn, PCI_COMMAND, 2, PCI_COMMAND_INTX_DISABLE);
    pci_bars_size(pdev);
    pdev->msix_cap = 0;
    memcpy(function.config_before, function.fn->config, sizeof(function.config_before));
    *reg(EDU_ID) = 0x010000ed;
    fake_pci_mmio_write = edu_write;
    fake_wait_step = deliver;
    raised = silent = lying = false;
    bootopt_init("");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_wait_step = NULL;
    fake_irq_reset();
    return 0;
}

static void no_msi(void)
{
    function.fn->writable[FAKE_IRQ_MSI + PCI_MSI_FLAGS] = 0;
}

static struct edu *begin(const char *mode)
{
    struct edu *edu;

    assert_int_equal(edu_probe(pdev), 0);
    edu = edu_find("edu0");
    assert_non_null(edu);
    assert_string_equal(edu_irq_mode(edu), mode);
    return edu;
}

static void end(void)
{
    edu_remove(pdev);
    assert_null(edu_find("edu0"));
    assert_null(pdev->driver_data);
    fake_irq_expect_untouched(&function);
}

static void refused(int error)
{
    assert_int_equal(edu_probe(pdev), error);
    assert_null(edu_find("edu0"));
    fake_irq_expect_untouched(&function);
}

static void expect_work(struct edu *edu)
{
    uint32_t result = 0;

    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(edu_raise(edu), 0);
        assert_int_equal(edu_event_cnt(edu), i);
        assert_int_equal(*reg(EDU_IRQ_STATUS), 0); /* acknowledged */
    }
    assert_int_equal(edu_factorial(edu, 10, &result), 0);
    assert_int_equal(result, 3628800);
    assert_int_equal(edu_event_cnt(edu), 4);
    assert_int_equal(*reg(EDU_STATUS), 0);
}

static void test_each_way_of_interrupting(void **state)
{
    (void)state;
    expect_work(begin("msi"));
    end();
    no_msi();
    expect_work(begin("intx"));
    end();
    pdev->intx_line = 0;
    expect_work(begin("poll"));
    assert_true(fake_log_has("no interrupt (ENXIO)"));
    end();
}

static void test_a_forced_way(void **state)
{
    (void)state;
    bootopt_init("irq=intx");
    expect_work(begin("intx"));
    end();
    bootopt_init("irq=poll");
    expect_work(begin("poll"));
    end();
    bootopt_init("irq=single");
    refused(-ENODEV);
}

static void test_a_forced_way_that_is_not_there(void **state)
{
    (void)state;
    no_msi();
    bootopt_init("irq=msi");
    refused(-EIO);
    pdev->intx_line = 0;
    bootopt_init("irq=intx");
    refused(-ENXIO);
}

static void test_what_is_no_such_device(void **state)
{
    (void)state;
    *reg(EDU_ID) = 0x010000ee;
    refused(-ENODEV);
    *reg(EDU_ID) = 0x010000ed;
    lying = true;
    refused(-EIO);
    lying = false;
    fake_pci_map_fail = 1;
    refused(-ENOMEM);
}

static void test_what_is_not_its_own(void **state)
{
    struct edu *edu;

    (void)state;
    no_msi();
    edu = begin("intx");
    raised = true; /* by another function on the line */
    deliver();
    *reg(EDU_IRQ_STATUS) = UINT32_MAX; /* nobody there */
    raised = true;
    deliver();
    assert_int_equal(edu_event_cnt(edu), 0);
    assert_int_equal(irq_get((unsigned)pci_vector_irq(pdev, 0))->spurious_cnt, 2);
    end();
}

static void test_an_interrupt_that_never_comes(void **state)
{
    struct edu *edu = begin("msi");
    uint32_t result = 7;

    (void)state;
    silent = true;
    assert_int_equal(edu_raise(edu), -ETIMEDOUT);
    assert_int_equal(edu_factorial(edu, 3, &result), -ETIMEDOUT);
    assert_int_equal(result, 7);
    assert_int_equal(*reg(EDU_STATUS), 0);
    end();
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_way_of_interrupting),
        TEST(a_forced_way),
        TEST(a_forced_way_that_is_not_there),
        TEST(what_is_no_such_device),
        TEST(what_is_not_its_own),
        TEST(an_interrupt_that_never_comes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
