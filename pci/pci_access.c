/* A function's access to memory, where an IOMMU must give it: by which names its accesses may
 * arrive. */
#include "iommu/iommu.h"
#include "pci/pci_private.h"

static uint16_t requester_of(struct pci_address addr)
{
    return (uint16_t)(addr.bus << 8 | addr.device << 3 | addr.function);
}

/* The bridge that leads to @bus, or NULL for a root bus. */
static const struct pci_device *bridge_to(uint16_t segment, uint8_t bus)
{
    for (const struct pci_device *pdev = pci_first(); pdev; pdev = pci_next(pdev))
        if (pdev->addr.segment == segment && pci_is_bridge(pdev) && pdev->secondary_bus == bus &&
            bus != 0)
            return pdev;
    return NULL;
}

/*
 * Behind a bridge to conventional PCI, whose transactions do not say who sent them, it is the
 * bridge's name: its own, or function 0 of the bus behind it where it comes from PCI Express
 * (PCI Express to PCI/PCI-X Bridge 1.0, 2.3).
 */
static bool alias_of(const struct pci_device *bridge, uint16_t *requester)
{
    unsigned type;

    *requester = requester_of(bridge->addr);
    if (bridge->pcie_cap == 0)
        return true;
    type = PCI_EXP_FLAGS_TYPE(pci_read16(bridge, bridge->pcie_cap + PCI_EXP_FLAGS));
    *requester = (uint16_t)(bridge->secondary_bus << 8);
    return type == PCI_EXP_TYPE_PCI_BRIDGE;
}

int pci_access_grant(const struct pci_device *pdev)
{
    const uint16_t segment = pdev->addr.segment;
    const struct pci_device *bridge = bridge_to(segment, pdev->addr.bus);
    int rc = iommu_attach(segment, requester_of(pdev->addr));

    for (unsigned depth = 0; rc == 0 && bridge != NULL && depth < PCI_DEPTH_MAX; depth++) {
        uint16_t alias;

        if (alias_of(bridge, &alias))
            rc = iommu_attach(segment, alias);
        bridge = bridge_to(segment, bridge->addr.bus);
    }
    return rc;
}

/* Names that it shares with others stay. */
void pci_access_revoke(const struct pci_device *pdev)
{
    iommu_detach(pdev->addr.segment, requester_of(pdev->addr));
}
