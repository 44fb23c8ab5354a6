/* INTx of a function: its share of the I/O APIC input that firmware connected its pin to. */
#include <errno.h>

#include "irq/irq.h"
#include "msix/pci_irq_kind.h"

#define ISA_IRQ_CNT 16

static unsigned intx_offered(const struct pci_device *pdev)
{
    return pdev->intx_pin != 0 ? 1 : 0;
}

/* An input without an override in firmware's tables has ISA's trigger there, but a PCI pin is level
 * and active low (PCI 3.0, 2.2.6). */
static int line_get(const struct pci_device *pdev)
{
    enum intr_trigger trigger;
    unsigned gsi;

    if (pdev->intx_line == 0 || pdev->intx_line >= ISA_IRQ_CNT)
        return -ENXIO;
    gsi = intr_isa_gsi(pdev->intx_line, &trigger);
    if (trigger != INTR_LEVEL_HIGH)
        trigger = INTR_LEVEL_LOW;
    return irq_gsi_get(gsi, trigger);
}

static int intx_enable(struct pci_device *pdev, unsigned cnt, const cpu_mask_t *masks)
{
    int irq = line_get(pdev);

    (void)cnt;
    (void)masks; /* the line's CPU is its sharers' common one */
    if (irq < 0)
        return irq;
    if (pci_command_clear(pdev, PCI_COMMAND_INTX_DISABLE) & PCI_COMMAND_INTX_DISABLE) {
        irq_gsi_put((unsigned)irq);
        return -EIO;
    }
    pdev->intx_irq = (unsigned)irq;
    return 0;
}

static void intx_disable(struct pci_device *pdev)
{
    pci_command_set(pdev, PCI_COMMAND_INTX_DISABLE);
    irq_gsi_put(pdev->intx_irq);
    pdev->intx_irq = 0;
}

static unsigned intx_cnt(const struct pci_device *pdev)
{
    return pdev->intx_irq != 0 ? 1 : 0;
}

static int intx_irq(const struct pci_device *pdev, unsigned n)
{
    return n == 0 && pdev->intx_irq != 0 ? (int)pdev->intx_irq : -EINVAL;
}

const struct pci_irq_kind pci_intx_kind = {
    .max = 1,
    .offered = intx_offered,
    .enable = intx_enable,
    .disable = intx_disable,
    .cnt = intx_cnt,
    .irq = intx_irq,
};
