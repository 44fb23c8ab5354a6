/* A PCI function of host tests that has every kind of interrupt, as it is after pci_quiesce(). Link
 * tests/host/fake/fake_pci_irq.c; it also has pci_devices, pci_for_each() and cpu_node(). */
#ifndef FAKE_PCI_IRQ_H
#define FAKE_PCI_IRQ_H

#include "fake_pci.h"

#define FAKE_IRQ_MSIX      0x40
#define FAKE_IRQ_MSI       0x60
#define FAKE_IRQ_MSIX_CNT  4
#define FAKE_IRQ_MSI_CNT   8
#define FAKE_IRQ_LINE      10
#define FAKE_IRQ_BAR       1
#define FAKE_IRQ_MASK_BITS 0x180u /* PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT */

struct fake_irq_function {
    struct fake_pci_function *fn;
    struct pci_device pdev;
    uint8_t config_before[PCI_CFG_SPACE_LEN];
};

/* Everything anew, with one CPU of 100 vectors and 16-bit message data. */
void fake_irq_reset(void);

/* Device number @device: MSI-X of 4 entries, MSI of 8 messages with what @msi_flags say of address
 * and mask bits, INTA on line 10. In the list of functions until fake_irq_reset(). */
void fake_irq_add(struct fake_irq_function *function, uint8_t device, uint16_t msi_flags);

/* Fails the test unless configuration space, mappings, vectors and irq numbers are as at first. */
void fake_irq_expect_untouched(const struct fake_irq_function *function);

#endif
