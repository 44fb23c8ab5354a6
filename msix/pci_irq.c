/* The modes of a function: which transition is allowed when, and the kind that carries it out. */
#include <errno.h>

#include "irq/irq.h"
#include "msix/pci_irq_kind.h"
#include "msix/pci_vectors.h"

static const struct pci_irq_kind *const kinds[PCI_IRQ_MODE_CNT] = {
    [PCI_IRQ_INTX] = &pci_intx_kind,
    [PCI_IRQ_MSI] = &pci_msi_kind,
    [PCI_IRQ_MSIX] = &pci_msix_kind,
};

static const char *const names[PCI_IRQ_MODE_CNT] = {
    [PCI_IRQ_OFF] = "off",
    [PCI_IRQ_INTX] = "intx",
    [PCI_IRQ_MSI] = "msi",
    [PCI_IRQ_MSIX] = "msix",
};

/* [mode][kind to enable]: 0 where the header's table has a new mode. */
static const int refusals[PCI_IRQ_MODE_CNT][PCI_IRQ_MODE_CNT] = {
    [PCI_IRQ_INTX] = {[PCI_IRQ_INTX] = -EALREADY, [PCI_IRQ_MSI] = -EBUSY, [PCI_IRQ_MSIX] = -EBUSY},
    [PCI_IRQ_MSI] = {[PCI_IRQ_INTX] = -EBUSY, [PCI_IRQ_MSI] = -EALREADY, [PCI_IRQ_MSIX] = -ENXIO},
    [PCI_IRQ_MSIX] = {[PCI_IRQ_INTX] = -EBUSY, [PCI_IRQ_MSI] = -ENXIO, [PCI_IRQ_MSIX] = -EALREADY},
};

static const struct pci_irq_kind *kind_of(enum pci_irq_mode mode)
{
    return (unsigned)mode < PCI_IRQ_MODE_CNT ? kinds[mode] : NULL;
}

enum pci_irq_mode pci_irq_mode(const struct pci_device *pdev)
{
    return pdev->irq_mode;
}

const char *pci_irq_mode_name(enum pci_irq_mode mode)
{
    return (unsigned)mode < PCI_IRQ_MODE_CNT ? names[mode] : "unknown";
}

unsigned pci_irq_line(const struct pci_device *pdev)
{
    return pdev->intx_pin != 0 ? pdev->intx_line : 0;
}

unsigned pci_vectors_offered(const struct pci_device *pdev, enum pci_irq_mode kind)
{
    const struct pci_irq_kind *ops = kind_of(kind);

    return ops ? ops->offered(pdev) : 0;
}

unsigned pci_vector_cnt(const struct pci_device *pdev)
{
    const struct pci_irq_kind *ops = kind_of(pdev->irq_mode);

    return ops ? ops->cnt(pdev) : 0;
}

int pci_vector_irq(const struct pci_device *pdev, unsigned n)
{
    const struct pci_irq_kind *ops = kind_of(pdev->irq_mode);

    return ops ? ops->irq(pdev, n) : -EINVAL;
}

cpu_mask_t pci_vector_affinity(const struct pci_device *pdev, unsigned n)
{
    const int irq = pci_vector_irq(pdev, n);
    const struct irq_desc *desc = irq > 0 ? irq_get((unsigned)irq) : NULL;

    return desc ? desc->data.affinity : 0;
}

int pci_irq_enable_check(const struct pci_device *pdev, enum pci_irq_mode kind, unsigned cnt)
{
    const struct pci_irq_kind *ops = kind_of(kind);

    if (!ops || cnt == 0 || cnt > ops->max)
        return -EINVAL;
    if (refusals[pdev->irq_mode][kind])
        return refusals[pdev->irq_mode][kind];
    if (ops->offered(pdev) == 0)
        return -ENODEV;
    return cnt > ops->offered(pdev) ? -ENOSPC : 0;
}

int pci_irq_enable(struct pci_device *pdev, enum pci_irq_mode kind, unsigned cnt,
                   const cpu_mask_t *masks)
{
    bool intx_was_on;
    int rc = pci_irq_enable_check(pdev, kind, cnt);

    if (rc)
        return rc;
    /* For functions that forget that messages replace INTx; those older than PCI 2.3 ignore it. */
    intx_was_on = !(pci_read16(pdev, PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE);
    pci_command_set(pdev, PCI_COMMAND_INTX_DISABLE);
    rc = kinds[kind]->enable(pdev, cnt, masks);
    if (rc == 0)
        pdev->irq_mode = kind;
    else if (intx_was_on)
        pci_command_clear(pdev, PCI_COMMAND_INTX_DISABLE);
    return rc;
}

/* Several functions share a line, so its actions do not tell whether this one is in use. */
static bool has_actions(const struct pci_device *pdev)
{
    if (pdev->irq_mode == PCI_IRQ_INTX)
        return false;
    for (unsigned n = 0; n < pci_vector_cnt(pdev); n++)
        if (irq_get((unsigned)pci_vector_irq(pdev, n))->actions)
            return true;
    return false;
}

int pci_irq_disable(struct pci_device *pdev, enum pci_irq_mode kind)
{
    const struct pci_irq_kind *ops = kind_of(kind);

    if (!ops || pdev->irq_mode != kind)
        return 0;
    if (has_actions(pdev))
        return -EBUSY;
    ops->disable(pdev);
    pdev->irq_mode = PCI_IRQ_OFF;
    return 0;
}
