/* A PCI function with MSI-X, MSI and INTx. */
#include "fake_pci_irq.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "fake_intr.h"
#include "fake_log.h"
#include "irq/irq.h"
#include "msix/msix_regs.h"
#include "pci/pci_private.h"

#define PBA_OFF 0x800

struct list pci_devices = LIST_INIT(pci_devices);

void pci_for_each(void (*fn)(struct pci_device *pdev, void *arg), void *arg)
{
    for (struct pci_device *pdev = pci_first(); pdev; pdev = pci_next(pdev))
        fn(pdev, arg);
}

unsigned cpu_node(unsigned cpu)
{
    (void)cpu;
    return 0;
}

unsigned cpu_node_count(void)
{
    return 1;
}

void fake_irq_reset(void)
{
    pci_devices = (struct list)LIST_INIT(pci_devices); /* they belong to the test */
    fake_pci_reset();
    fake_intr_reset(100);
    fake_log_clear();
    fake_msi_base.data = 0x4000;
}

void fake_irq_add(struct fake_irq_function *function, uint8_t device, uint16_t msi_flags)
{
    struct fake_pci_function *fn = fake_pci_add(NULL, device, 0, 0x1234, 0x0001);
    struct msix_table_entry *table;

    fake_pci_set_bar(fn, FAKE_IRQ_BAR, 0, 0x1000, 0xfe000000u + device * 0x1000u);
    fake_pci_cap(fn, FAKE_IRQ_MSIX, PCI_CAP_ID_MSIX, FAKE_IRQ_MSI);
    fake_pci_put(fn, FAKE_IRQ_MSIX + PCI_MSIX_FLAGS, 2, FAKE_IRQ_MSIX_CNT - 1);
    fake_pci_put(fn, FAKE_IRQ_MSIX + PCI_MSIX_TABLE, 4, FAKE_IRQ_BAR);
    fake_pci_put(fn, FAKE_IRQ_MSIX + PCI_MSIX_PBA, 4, PBA_OFF | FAKE_IRQ_BAR);
    fn->writable[FAKE_IRQ_MSIX + PCI_MSIX_FLAGS + 1] = 0xc0;
    fake_pci_cap(fn, FAKE_IRQ_MSI, PCI_CAP_ID_MSI, 0);
    fake_pci_put(fn, FAKE_IRQ_MSI + PCI_MSI_FLAGS, 2, 3 << PCI_MSI_FLAGS_QMASK_SHIFT | msi_flags);
    fn->writable[FAKE_IRQ_MSI + PCI_MSI_FLAGS] = PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE;
    memset(fn->writable + FAKE_IRQ_MSI + PCI_MSI_ADDRESS_LO, 0xff,
           PCI_MSI_LEN_MASK_64 - PCI_MSI_ADDRESS_LO - 4);
    fake_pci_put(fn, PCI_INTERRUPT_LINE, 1, FAKE_IRQ_LINE);
    fake_pci_put(fn, PCI_INTERRUPT_PIN, 1, 1);
    fake_pci_put(fn, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_DISABLE);
    table = (struct msix_table_entry *)fn->memory[FAKE_IRQ_BAR];
    for (unsigned i = 0; i < FAKE_IRQ_MSIX_CNT; i++)
        table[i].control = MSIX_CONTROL_MASKED;

    function->fn = fn;
    fake_pci_device(fn, &function->pdev);
    function->pdev.intx_line = FAKE_IRQ_LINE;
    function->pdev.intx_pin = 1;
    list_append(&pci_devices, &function->pdev.link);
    memcpy(function->config_before, fn->config, sizeof(function->config_before));
}

void fake_irq_expect_untouched(const struct fake_irq_function *function)
{
    assert_memory_equal(function->config_before, function->fn->config,
                        sizeof(function->config_before));
    assert_int_equal(fake_pci_map_cnt, 0);
    assert_int_equal(fake_intr_used(), 0);
    assert_null(irq_get(1));
    assert_int_equal(function->pdev.irq_mode, PCI_IRQ_OFF);
    assert_null(function->pdev.msix);
    assert_null(function->pdev.msi);
    assert_int_equal(function->pdev.intx_irq, 0);
}
