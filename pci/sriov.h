/*
 * Virtual functions (SR-IOV, PCIe chapter 9): a physical function (PF) that has the capability can
 * be told to show N more functions (VFs), each with its own configuration space, BARs and MSI-X.
 * Life of a VF: pci_sriov_enable() makes it a struct pci_device like any other and probes the
 * driver whose id table has its ids (the PF's vendor, the capability's device id) -> that driver
 * works as with any function -> pci_sriov_disable() calls its remove() and the VF is gone. A VF has
 * no INTx and no I/O; its bars[] are its slices of the PF's VF BARs. Thread context throughout, one
 * caller at a time for each PF; both wait for the hardware to settle.
 */
#ifndef PCI_SRIOV_H
#define PCI_SRIOV_H

#include "pci/pci.h"

/*
 * Gives @pf @vf_cnt virtual functions: addresses, bus numbers, ARI, VF Enable, settle time (100 ms,
 * PCIe 9.3.3.3.1), "@pci" lines, drivers. A VF that its driver does not start stays, without one.
 * 0; -ENOTSUP no capability (or its registers are out of reach); -ERANGE @vf_cnt is 0 or above what
 * the function has; -EBUSY it has VFs, or is about to; -ENOSPC no address space, bus number or
 * routing id for them; -EIO the device did not do what it was told; -ENOMEM. After an error all is
 * as before.
 */
int pci_sriov_enable(struct pci_device *pf, unsigned vf_cnt);

/*
 * The way back: drivers, VFs, VF Enable, addresses. Harmless without VFs. No VF without a driver
 * may have interrupts on. The second that the device may take to forget them (PCIe 9.3.3.3.1) is
 * waited for by the next pci_sriov_enable().
 */
void pci_sriov_disable(struct pci_device *pf);

/* Virtual functions that @pf can have; 0 without the capability. Any context. */
unsigned pci_sriov_total(const struct pci_device *pf);

/* Those that it has now. Any context. */
unsigned pci_sriov_cnt(const struct pci_device *pf);

/* Virtual function @index (from 0) of @pf, or NULL. Valid until pci_sriov_disable(). */
struct pci_device *pci_sriov_vf(const struct pci_device *pf, unsigned index);

#endif
