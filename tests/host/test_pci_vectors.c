/* How many vectors a function gets, by which kind, for which CPUs, and what is kept for those that
 * come later. */
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
#include "fake_pci_irq.h"
#include "irq/irq.h"
#include "msix/msix.h"
#include "msix/pci_vectors.h"

#define ANY (PCI_VECTORS_MSIX | PCI_VECTORS_MSI | PCI_VECTORS_INTX)

#define LINES 8 /* vectors that are kept for lines */

static struct fake_irq_function function;
static struct pci_device *const pdev = &function.pdev;
static const struct pci_driver driver = {.name = "driver"};

static int setup(void **state)
{
    (void)state;
    fake_irq_reset();
    fake_irq_add(&function, 3, FAKE_IRQ_MASK_BITS);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_irq_reset();
    return 0;
}

static void use_cpus(unsigned cnt, unsigned vector_cnt)
{
    fake_intr_reset_cpus(cnt, vector_cnt);
    fake_msi_base.data = 0x4000;
}

static int alloc(unsigned min, unsigned max, unsigned flags)
{
    return pci_vectors_alloc(pdev, min, max, flags, NULL);
}

static void test_kinds_in_order(void **state)
{
    (void)state;
    assert_int_equal(alloc(1, 3, ANY), 3);
    assert_int_equal(pci_irq_mode(pdev), PCI_IRQ_MSIX);
    pci_vectors_free(pdev);
    assert_int_equal(alloc(1, 3, PCI_VECTORS_MSI | PCI_VECTORS_INTX), 3);
    assert_int_equal(pci_irq_mode(pdev), PCI_IRQ_MSI);
    pci_vectors_free(pdev);
    assert_int_equal(alloc(1, 3, PCI_VECTORS_INTX), 1);
    assert_int_equal(pci_irq_mode(pdev), PCI_IRQ_INTX);
    pci_vectors_free(pdev);
    fake_irq_expect_untouched(&function);
}

static void test_a_kind_that_fails_gives_way(void **state)
{
    (void)state;
    function.fn->writable[FAKE_IRQ_MSIX + PCI_MSIX_FLAGS + 1] = 0x40;
    assert_int_equal(alloc(1, 4, ANY), 4);
    assert_int_equal(pci_irq_mode(pdev), PCI_IRQ_MSI);
    pci_vectors_free(pdev);
    function.fn->writable[FAKE_IRQ_MSI + PCI_MSI_FLAGS] = 0;
    assert_int_equal(alloc(1, 4, ANY), 1);
    assert_int_equal(pci_irq_mode(pdev), PCI_IRQ_INTX);
    pci_vectors_free(pdev);
    pdev->intx_line = 0;
    assert_int_equal(alloc(1, 4, ANY), -ENXIO);
    fake_irq_expect_untouched(&function);
}

static void test_limits_of_the_grant(void **state)
{
    (void)state;
    assert_int_equal(alloc(1, 100, PCI_VECTORS_MSIX), 4);
    pci_vectors_free(pdev);
    assert_int_equal(alloc(1, 100, PCI_VECTORS_MSI), 8);
    pci_vectors_free(pdev);
    assert_int_equal(alloc(5, 5, PCI_VECTORS_MSIX), -ENOSPC);
    assert_int_equal(alloc(9, 9, PCI_VECTORS_MSI), -ENOSPC);
    assert_int_equal(alloc(2, 2, PCI_VECTORS_INTX), -ENOSPC);
    assert_int_equal(alloc(5, 8, PCI_VECTORS_MSIX | PCI_VECTORS_MSI), 8);
    pci_vectors_free(pdev);
    fake_irq_expect_untouched(&function);
}

static void test_what_makes_no_sense(void **state)
{
    const struct irq_affinity_spec spec = {.pre_vectors = 2, .post_vectors = 1};
    const struct irq_affinity_spec huge = {.pre_vectors = 1, .post_vectors = UINT32_MAX};
    const unsigned flags = PCI_VECTORS_MSIX | PCI_VECTORS_AFFINITY;

    (void)state;
    assert_int_equal(alloc(0, 4, ANY), -EINVAL);
    assert_int_equal(alloc(3, 2, ANY), -EINVAL);
    assert_int_equal(alloc(1, 1, 0), -EINVAL);
    assert_int_equal(alloc(1, 1, PCI_VECTORS_AFFINITY), -EINVAL);
    assert_int_equal(pci_vectors_alloc(pdev, 2, 4, flags, &spec), -EINVAL);
    assert_int_equal(pci_vectors_alloc(pdev, 2, 4, flags, &huge), -EINVAL);
    assert_int_equal(pci_vectors_alloc(pdev, 3, 4, flags, &spec), 4);
    pci_vectors_free(pdev);
    fake_irq_expect_untouched(&function);
}

static void test_a_function_that_is_on(void **state)
{
    (void)state;
    assert_int_equal(alloc(1, 1, PCI_VECTORS_MSIX), 1);
    assert_int_equal(alloc(1, 1, ANY), -EALREADY);
    assert_int_equal(alloc(1, 1, PCI_VECTORS_MSI), -ENXIO);
    assert_int_equal(alloc(1, 1, PCI_VECTORS_INTX), -EBUSY);
    pci_vectors_free(pdev);
    assert_int_equal(alloc(1, 1, PCI_VECTORS_MSI), 1);
    assert_int_equal(alloc(1, 1, PCI_VECTORS_MSIX), -ENXIO);
    pci_vectors_free(pdev);
    assert_int_equal(alloc(1, 1, PCI_VECTORS_INTX), 1);
    assert_int_equal(alloc(1, 1, PCI_VECTORS_MSIX | PCI_VECTORS_MSI), -EBUSY);
    assert_int_equal(alloc(1, 1, PCI_VECTORS_INTX), -EALREADY);
    pci_vectors_free(pdev);
    fake_irq_expect_untouched(&function);
}

static void test_vectors_are_spread(void **state)
{
    const struct irq_affinity_spec spec = {.pre_vectors = 1};
    const unsigned flags = PCI_VECTORS_MSIX | PCI_VECTORS_AFFINITY;

    (void)state;
    use_cpus(6, 20);
    assert_int_equal(pci_vectors_alloc(pdev, 2, 4, flags, &spec), 4);
    assert_int_equal(pci_vector_affinity(pdev, 0), 0x3f);
    assert_int_equal(pci_vector_affinity(pdev, 1), 0x03);
    assert_int_equal(pci_vector_affinity(pdev, 2), 0x0c);
    assert_int_equal(pci_vector_affinity(pdev, 3), 0x30);
    assert_int_equal(pci_vector_affinity(pdev, 4), 0);
    for (unsigned n = 0; n < 4; n++) {
        const struct irq_desc *desc = irq_get((unsigned)pci_vector_irq(pdev, n));

        assert_true(desc->data.affinity & CPU_MASK(desc->data.cpu));
    }
    pci_vectors_free(pdev);
    assert_int_equal(alloc(4, 4, PCI_VECTORS_MSIX), 4);
    for (unsigned n = 0; n < 4; n++)
        assert_int_equal(pci_vector_affinity(pdev, n), 0x3f);
    pci_vectors_free(pdev);
    fake_irq_expect_untouched(&function);
}

static void test_a_spread_that_is_refused(void **state)
{
    const struct irq_affinity_spec spec = {.set_cnt = IRQ_AFFINITY_SETS_MAX + 1};

    (void)state;
    assert_int_equal(pci_vectors_alloc(pdev, 2, 4, PCI_VECTORS_MSIX | PCI_VECTORS_AFFINITY, &spec),
                     -EINVAL);
    fake_irq_expect_untouched(&function);
}

static void test_later_functions_keep_a_vector_each(void **state)
{
    struct fake_irq_function later[3];

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        fake_irq_add(&later[i], (uint8_t)(4 + i), FAKE_IRQ_MASK_BITS);
        later[i].pdev.driver = &driver;
    }
    later[2].pdev.msi_cap = later[2].pdev.msix_cap = 0; /* takes no vector of its own */
    pdev->driver = &driver;
    pdev->probed = true;
    use_cpus(1, LINES + 5);
    assert_int_equal(alloc(1, 4, PCI_VECTORS_MSIX), 3); /* two wait */
    pci_vectors_free(pdev);
    assert_int_equal(alloc(4, 4, PCI_VECTORS_MSIX), -ENOSPC);
    assert_int_equal(alloc(4, 4, PCI_VECTORS_MSI), -ENOSPC);
    fake_irq_expect_untouched(&function);
    later[0].pdev.probed = later[1].pdev.probed = true;
    assert_int_equal(alloc(4, 4, PCI_VECTORS_MSIX), 4);
    pci_vectors_free(pdev);
    fake_irq_expect_untouched(&function);
}

static void test_the_first_come_though_all_cannot(void **state)
{
    struct fake_irq_function later[3];

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        fake_irq_add(&later[i], (uint8_t)(4 + i), FAKE_IRQ_MASK_BITS);
        later[i].pdev.driver = &driver;
    }
    use_cpus(1, LINES + 2);
    assert_int_equal(alloc(1, 4, PCI_VECTORS_MSIX), 1);
    pci_vectors_free(pdev);
    use_cpus(1, LINES);
    assert_int_equal(alloc(1, 4, PCI_VECTORS_MSIX | PCI_VECTORS_MSI), -ENOSPC);
    assert_int_equal(alloc(1, 4, ANY), 1);
    assert_int_equal(pci_irq_mode(pdev), PCI_IRQ_INTX);
    pci_vectors_free(pdev);
    use_cpus(1, 0);
    assert_int_equal(alloc(1, 4, ANY), -ENOSPC);
    fake_irq_expect_untouched(&function);
}

static void test_one_cpu_is_full(void **state)
{
    static const struct irq_affinity_spec spec;
    const unsigned flags = PCI_VECTORS_MSIX | PCI_VECTORS_AFFINITY;

    (void)state;
    use_cpus(2, 20);
    for (unsigned i = 0; i < 20; i++)
        assert_true(intr_vector_alloc(1, (intr_handler_t)setup, NULL) > 0);
    assert_int_equal(pci_vectors_alloc(pdev, 2, 2, flags, &spec), -ENOSPC); /* one for each CPU */
    assert_int_equal(fake_intr_used(), 20);
    assert_int_equal(pci_vectors_alloc(pdev, 1, 2, flags, &spec), 1);
    pci_vectors_free(pdev);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_kinds_in_order, setup),
        cmocka_unit_test_setup(test_a_kind_that_fails_gives_way, setup),
        cmocka_unit_test_setup(test_limits_of_the_grant, setup),
        cmocka_unit_test_setup(test_what_makes_no_sense, setup),
        cmocka_unit_test_setup(test_a_function_that_is_on, setup),
        cmocka_unit_test_setup(test_vectors_are_spread, setup),
        cmocka_unit_test_setup(test_a_spread_that_is_refused, setup),
        cmocka_unit_test_setup(test_later_functions_keep_a_vector_each, setup),
        cmocka_unit_test_setup(test_the_first_come_though_all_cannot, setup),
        cmocka_unit_test_setup(test_one_cpu_is_full, setup),
    };

    return cmocka_run_group_tests(tests, NULL, teardown);
}
