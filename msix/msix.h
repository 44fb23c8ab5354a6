/*
 * MSI-X of one PCI function: the table mapped, entries written only while masked and read back,
 * each bound to an irq of irq/ whose vector comes from a CPU's pool (PCI 3.0, 6.8.2). The
 * local-APIC code composes the message; this folder never knows its format. Switched on and off by
 * msix/pci_vectors.h.
 */
#ifndef MSIX_MSIX_H
#define MSIX_MSIX_H

#include <stdbool.h>
#include <stdint.h>

struct pci_device;

#define MSIX_ENTRY_MAX 2048

/* Any context, as the others here. */
bool msix_enabled(const struct pci_device *pdev);

/* irq number of table entry @entry, or -EINVAL. */
int msix_irq(const struct pci_device *pdev, unsigned entry);

#endif
