/* Stops virtio devices that firmware left running, by configuration space alone: the legacy
 * header's status register where I/O decoding is on, else the access window that modern devices
 * have in a capability (virtio 1.3, 4.1.4.9). */
#include "arch/io.h"
#include "pci/pci.h"
#include "virtio/virtio_pci.h"

#define RESET_TRIES 100000u

/* Offset of the vendor capability of type @type, or 0. */
static unsigned find_cap(const struct pci_device *pdev, uint8_t type)
{
    unsigned cap = 0;

    while ((cap = pci_cap_find(pdev, PCI_CAP_ID_VNDR, cap)) != 0) {
        if (pci_read8(pdev, cap + VIRTIO_PCI_CAP_CFG_TYPE) == type)
            return cap;
    }
    return 0;
}

/* Points the window at one byte of a BAR, which the next access to the window's data then reaches.
 */
static void window_select(const struct pci_device *pdev, unsigned window, uint8_t bar, uint32_t off)
{
    pci_write8(pdev, window + VIRTIO_PCI_CAP_BAR, bar);
    pci_write32(pdev, window + VIRTIO_PCI_CAP_OFFSET, off);
    pci_write32(pdev, window + VIRTIO_PCI_CAP_LENGTH, 1);
}

static void reset_by_window(const struct pci_device *pdev)
{
    unsigned window = find_cap(pdev, VIRTIO_PCI_CAP_PCI_CFG);
    unsigned common = find_cap(pdev, VIRTIO_PCI_CAP_COMMON_CFG);

    if (window == 0 || common == 0)
        return;
    window_select(pdev, window, pci_read8(pdev, common + VIRTIO_PCI_CAP_BAR),
                  pci_read32(pdev, common + VIRTIO_PCI_CAP_OFFSET) + VIRTIO_PCI_COMMON_STATUS);
    pci_write8(pdev, window + VIRTIO_PCI_CFG_DATA, 0);
    for (unsigned i = 0; i < RESET_TRIES; i++) {
        if (pci_read8(pdev, window + VIRTIO_PCI_CFG_DATA) == 0)
            return;
    }
}

static void reset_by_port(uint16_t io_base)
{
    io_out8((uint16_t)(io_base + VIRTIO_PCI_STATUS), 0);
    for (unsigned i = 0; i < RESET_TRIES; i++) {
        if (io_in8((uint16_t)(io_base + VIRTIO_PCI_STATUS)) == 0)
            return;
    }
}

void virtio_pci_quiesce(struct pci_device *pdev)
{
    uint32_t bar = pci_read32(pdev, PCI_BASE_ADDRESS_0);
    uint16_t io_base = (uint16_t)(bar & ~PCI_BASE_ADDRESS_IO_FLAGS);
    bool io_on = (pci_read16(pdev, PCI_COMMAND) & PCI_COMMAND_IO) != 0;

    if (pdev->vendor_id != VIRTIO_PCI_VENDOR_ID || pdev->device_id < VIRTIO_PCI_DEVICE_ID_LEGACY ||
        pdev->device_id > VIRTIO_PCI_DEVICE_ID_MODERN_TO)
        return;
    if (pdev->device_id <= VIRTIO_PCI_DEVICE_ID_LEGACY_TO && io_on && io_base != 0 &&
        (bar & PCI_BASE_ADDRESS_SPACE_IO) != 0)
        reset_by_port(io_base);
    else
        reset_by_window(pdev);
}
