/*
 * Interrupts of one PCI function, whichever kind it gets them by. A function is in one of four
 * modes (enum pci_irq_mode in pci/pci.h), and every change of mode is one of these transitions; "."
 * is success without a change, and an error changes nothing:
 *
 *   in mode   enable INTx  enable MSI  enable MSI-X  disable INTx  disable MSI  disable MSI-X
 *   OFF       INTX         MSI         MSIX          .             .            .
 *   INTX      -EALREADY    -EBUSY      -EBUSY        OFF           .            .
 *   MSI       -EBUSY       -EALREADY   -ENXIO        .             OFF          .
 *   MSIX      -EBUSY       -ENXIO      -EALREADY     .             .            OFF
 *
 * A function is switched by one caller at a time: its driver, or without one whoever asks by
 * pci_irq_request_serve(). Drivers ask with pci_vectors_alloc(), attach to pci_vector_irq() with
 * irq_request(), and go the same way back. While a function is OFF its INTx is disabled, so that it
 * disturbs nobody's line.
 */
#ifndef MSIX_PCI_VECTORS_H
#define MSIX_PCI_VECTORS_H

#include "irq/spread.h"
#include "pci/pci.h"

/* Kinds that a driver accepts, and whether its vectors are spread over the CPUs. */
enum {
    PCI_VECTORS_INTX = 1,
    PCI_VECTORS_MSI = 2,
    PCI_VECTORS_MSIX = 4,
    PCI_VECTORS_AFFINITY = 8
};

/*
 * Gets @min to @max vectors by the first of MSI-X, MSI and INTx that @flags allow and the function
 * can have. With PCI_VECTORS_AFFINITY they are spread as @spec says (NULL: all of them, one set);
 * otherwise each may go to any CPU. Lines and functions still to be probed keep CPU vectors:
 * the grant may therefore be smaller than the function offers. Thread context.
 * Number of vectors; -EINVAL no kind, @min 0 or above @max, or pre- and post-vectors of @spec
 * exceed @min; what the table above says of a function that is not OFF; else why the last allowed
 * kind failed: -ENODEV not offered, -ENOSPC fewer than @min, -ENXIO memory decoding off (MSI-X) or
 * no line known (INTx), -EIO a register did not read back, -ENOMEM.
 */
int pci_vectors_alloc(struct pci_device *pdev, unsigned min, unsigned max, unsigned flags,
                      const struct irq_affinity_spec *spec);

/* Back to OFF from whatever mode. No action may be left on MSI and MSI-X vectors, none of this
 * function on its INTx line. Harmless in OFF. Thread context. */
void pci_vectors_free(struct pci_device *pdev);

/* irq number of vector @n, or -EINVAL. Any context. */
int pci_vector_irq(const struct pci_device *pdev, unsigned n);

/* CPUs that vector @n may go to; 0 without such a vector. Any context. */
cpu_mask_t pci_vector_affinity(const struct pci_device *pdev, unsigned n);

/* Vectors in use now. Any context. */
unsigned pci_vector_cnt(const struct pci_device *pdev);

/* Vectors that the function offers by kind @kind (PCI_IRQ_OFF: 0). Thread context. */
unsigned pci_vectors_offered(const struct pci_device *pdev, enum pci_irq_mode kind);

/* The mode that the function is in. Any context. */
enum pci_irq_mode pci_irq_mode(const struct pci_device *pdev);

/* "off", "intx", "msi", "msix". */
const char *pci_irq_mode_name(enum pci_irq_mode mode);

/*
 * One transition: @kind (not OFF) with @cnt vectors, vector n for the CPUs @masks[n] (NULL: any).
 * 0; -EINVAL @cnt is 0 or above what the kind can ever have, before anything is allocated; what the
 * table says; the kind's own errors as for pci_vectors_alloc(). Thread context.
 */
int pci_irq_enable(struct pci_device *pdev, enum pci_irq_mode kind, unsigned cnt,
                   const cpu_mask_t *masks);

/* The other way. Acts only in mode @kind. 0, -EBUSY actions are registered. Thread context. */
int pci_irq_disable(struct pci_device *pdev, enum pci_irq_mode kind);

/* The interrupt line that firmware noted; 0 for a function without INTx. Any context. */
unsigned pci_irq_line(const struct pci_device *pdev);

#endif
