/* Stops devices that firmware left running: no DMA, and silent until a driver turns them on. Needs
 * no heap. */
#include "pci/pci_private.h"
#include "pci/pci_sriov_private.h"

struct quiesce {
    void (*visit)(struct pci_device *pdev);
    unsigned depth;
    uint8_t bus_end;
    bool seen[PCI_BUS_CNT]; /* bridges may name a bus twice, by mistake or to keep us busy */
};

static void quiesce_bus(uint16_t segment, uint8_t bus, struct quiesce *quiesce);

static bool is_bridge_class(const struct pci_device *pdev)
{
    return pci_read8(pdev, PCI_CLASS_DEVICE + 1) == PCI_BASE_CLASS_BRIDGE;
}

static void quiesce_function(const struct pci_device *found, void *arg)
{
    struct quiesce *quiesce = arg;
    struct pci_device pdev = *found;

    if (pci_is_bridge(&pdev)) {
        const uint8_t secondary = pci_read8(&pdev, PCI_SECONDARY_BUS);

        if (secondary > pdev.addr.bus && secondary <= quiesce->bus_end)
            quiesce_bus(pdev.addr.segment, secondary, quiesce);
        return;
    }
    if (quiesce->visit)
        quiesce->visit(&pdev);
    pci_caps_note(&pdev);
    pci_sriov_quiesce(&pdev);
    if (!is_bridge_class(&pdev))
        pci_command_change(&pdev, PCI_COMMAND_MASTER | PCI_COMMAND_IO | PCI_COMMAND_MEMORY,
                           PCI_COMMAND_INTX_DISABLE);
}

static void quiesce_bus(uint16_t segment, uint8_t bus, struct quiesce *quiesce)
{
    if (quiesce->seen[bus] || quiesce->depth == PCI_DEPTH_MAX)
        return;
    quiesce->seen[bus] = true;
    quiesce->depth++;
    pci_for_each_on_bus(segment, bus, quiesce_function, quiesce);
    quiesce->depth--;
}

static void quiesce_root(uint16_t segment, uint8_t bus, uint8_t bus_end, void *visit)
{
    struct quiesce quiesce = {.visit = (void (*)(struct pci_device *))visit, .bus_end = bus_end};

    quiesce_bus(segment, bus, &quiesce);
}

void pci_quiesce(void (*visit)(struct pci_device *pdev))
{
    pci_for_each_root(quiesce_root, (void *)visit);
}
