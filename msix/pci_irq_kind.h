/* What a kind of interrupt does for the modes of a function; private to msix/. */
#ifndef MSIX_PCI_IRQ_KIND_H
#define MSIX_PCI_IRQ_KIND_H

#include "arch/cpu.h"
#include "pci/pci.h"

struct pci_irq_kind {
    unsigned max; /* vectors that it can ever have */
    unsigned (*offered)(const struct pci_device *pdev);
    /* @cnt is at least 1 and not above offered(). All or nothing; 0 or negative errno. */
    int (*enable)(struct pci_device *pdev, unsigned cnt, const cpu_mask_t *masks);
    void (*disable)(struct pci_device *pdev);
    unsigned (*cnt)(const struct pci_device *pdev);        /* vectors in use */
    int (*irq)(const struct pci_device *pdev, unsigned n); /* or -EINVAL */
};

/* Why pci_irq_enable() would refuse before it touches the function, or 0. */
int pci_irq_enable_check(const struct pci_device *pdev, enum pci_irq_mode kind, unsigned cnt);

extern const struct pci_irq_kind pci_intx_kind, pci_msi_kind, pci_msix_kind;

#endif
