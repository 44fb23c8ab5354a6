/* Bounded walks through the capability lists, which a device may have made loop or point anywhere.
 */
#include "pci/pci_private.h"

static bool seen_before(uint64_t *seen, unsigned index)
{
    const uint64_t bit = 1ull << (index % 64);
    const bool before = seen[index / 64] & bit;

    seen[index / 64] |= bit;
    return before;
}

void pci_cap_walk_begin(struct pci_cap_walk *walk, const struct pci_device *pdev)
{
    const bool has_list = pci_read16(pdev, PCI_STATUS) & PCI_STATUS_CAP_LIST;

    *walk = (struct pci_cap_walk){.pdev = pdev};
    if (has_list && pci_bar_cnt(pdev) > 0)
        walk->next = pci_read8(pdev, PCI_CAPABILITY_LIST) & 0xfcu;
}

/* Offsets are dwords of 0x40..0xfc: 48 of them, each taken once, so the walk ends. */
unsigned pci_cap_next(struct pci_cap_walk *walk)
{
    const unsigned cap = walk->next;

    if (cap < PCI_CAP_START || seen_before(&walk->seen, (cap - PCI_CAP_START) / 4) ||
        pci_read8(walk->pdev, cap) == 0xff) {
        walk->next = 0;
        return 0;
    }
    walk->next = pci_read8(walk->pdev, cap + PCI_CAP_NEXT) & 0xfcu;
    return cap;
}

unsigned pci_cap_find(const struct pci_device *pdev, uint8_t id, unsigned after)
{
    struct pci_cap_walk walk;
    bool passed = after == 0;
    unsigned cap;

    pci_cap_walk_begin(&walk, pdev);
    while ((cap = pci_cap_next(&walk)) != 0) {
        if (passed && pci_read8(pdev, cap) == id)
            return cap;
        passed = passed || cap == after;
    }
    return 0;
}

void pci_ext_cap_walk_begin(struct pci_ext_cap_walk *walk, const struct pci_device *pdev)
{
    *walk = (struct pci_ext_cap_walk){.pdev = pdev};
    if (pdev->pcie_cap)
        walk->next = PCI_EXT_CAP_START;
}

unsigned pci_ext_cap_next(struct pci_ext_cap_walk *walk)
{
    const unsigned cap = walk->next;
    uint32_t header;

    walk->next = 0;
    if (cap < PCI_EXT_CAP_START || seen_before(walk->seen, (cap - PCI_EXT_CAP_START) / 4))
        return 0;
    header = pci_read32(walk->pdev, cap);
    if (header == 0 || header == 0xffffffffu)
        return 0;
    walk->next = PCI_EXT_CAP_NEXT(header);
    return cap;
}

unsigned pci_ext_cap_find(const struct pci_device *pdev, uint16_t id, unsigned after)
{
    struct pci_ext_cap_walk walk;
    bool passed = after == 0;
    unsigned cap;

    pci_ext_cap_walk_begin(&walk, pdev);
    while ((cap = pci_ext_cap_next(&walk)) != 0) {
        if (passed && PCI_EXT_CAP_ID(pci_read32(pdev, cap)) == id)
            return cap;
        passed = passed || cap == after;
    }
    return 0;
}

void pci_caps_note(struct pci_device *pdev)
{
    const struct {
        uint8_t id;
        unsigned len;
        uint16_t *cap;
    } wanted[] = {
        {PCI_CAP_ID_MSIX, PCI_MSIX_LEN, &pdev->msix_cap},
        {PCI_CAP_ID_MSI, PCI_MSI_LEN_MIN, &pdev->msi_cap},
        {PCI_CAP_ID_EXP, PCI_EXP_LEN_MIN, &pdev->pcie_cap},
    };
    struct pci_cap_walk walk;
    unsigned cap;

    pci_cap_walk_begin(&walk, pdev);
    while ((cap = pci_cap_next(&walk)) != 0) {
        const uint8_t id = pci_read8(pdev, cap);

        for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
            if (id == wanted[i].id && !*wanted[i].cap && cap + wanted[i].len <= PCI_CFG_SPACE_LEN)
                *wanted[i].cap = (uint16_t)cap;
    }
}
