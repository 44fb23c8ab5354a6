/*
 * MSI-X of one PCI function: table and pending bits mapped, entries written only while masked and
 * read back, each bound to an irq of irq/ whose vector comes from a CPU's pool (PCI 3.0, 6.8.2).
 * The local-APIC code composes the message; this folder never knows its format.
 */
#ifndef MSIX_MSIX_H
#define MSIX_MSIX_H

#include <stdbool.h>
#include <stdint.h>

struct pci_device;

#define MSIX_ENTRY_MAX 2048

/* Table entries the function has, 0 when it has no MSI-X capability. */
unsigned msix_entry_cnt(const struct pci_device *pdev);

/*
 * Maps table and PBA, masks the function, gives entries 0..@cnt-1 an irq each (still masked),
 * enables MSI-X and lifts the function mask. All or nothing. Thread context. 0; -ENODEV no
 * capability; -EALREADY enabled; -ENXIO memory decoding off; -ENOSPC @cnt beyond the table or the
 * vector pool; -EINVAL table or PBA outside its BAR; -EIO an entry did not read back; -ENOMEM.
 */
int msix_enable(struct pci_device *pdev, unsigned cnt);

/* Disables MSI-X, frees the irqs (no action may be left) and unmaps. Harmless when not enabled. */
void msix_disable(struct pci_device *pdev);

bool msix_enabled(const struct pci_device *pdev);

/* irq number of table entry @entry, or -EINVAL. */
int msix_irq(const struct pci_device *pdev, unsigned entry);

/* Pending bit of @entry. */
bool msix_pending(const struct pci_device *pdev, unsigned entry);

#endif
