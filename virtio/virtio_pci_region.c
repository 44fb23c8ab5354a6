/* Three ways to registers of a modern function: mapped memory, ports, and, where neither is to be
 * had, the window in configuration space (virtio 1.3, 4.1.4.9). */
#include <errno.h>

#include "arch/io.h"
#include "pci/pci.h"
#include "virtio/virtio_pci.h"

static uint32_t memory_read(const struct virtio_pci_region *region, unsigned off, unsigned width)
{
    const uint8_t *reg = (const uint8_t *)region->va + off;

    if (width == 1)
        return mmio_read8(reg);
    return width == 2 ? mmio_read16(reg) : mmio_read32(reg);
}

static void memory_write(const struct virtio_pci_region *region, unsigned off, unsigned width,
                         uint32_t value)
{
    uint8_t *reg = (uint8_t *)region->va + off;

    if (width == 1)
        mmio_write8(reg, (uint8_t)value);
    else if (width == 2)
        mmio_write16(reg, (uint16_t)value);
    else
        mmio_write32(reg, value);
}

static uint32_t port_read(const struct virtio_pci_region *region, unsigned off, unsigned width)
{
    uint16_t port = (uint16_t)(region->port + off);

    if (width == 1)
        return io_in8(port);
    return width == 2 ? io_in16(port) : io_in32(port);
}

static void port_write(const struct virtio_pci_region *region, unsigned off, unsigned width,
                       uint32_t value)
{
    uint16_t port = (uint16_t)(region->port + off);

    if (width == 1)
        io_out8(port, (uint8_t)value);
    else if (width == 2)
        io_out16(port, (uint16_t)value);
    else
        io_out32(port, value);
}

/* With the window's lock: the next access to its data reaches the register. */
static unsigned window_select(const struct virtio_pci_region *region, unsigned off, unsigned width)
{
    const struct pci_device *pdev = region->vp->pdev;
    unsigned window = region->vp->modern.window;

    pci_write8(pdev, window + VIRTIO_PCI_CAP_BAR, region->bar);
    pci_write32(pdev, window + VIRTIO_PCI_CAP_OFFSET, region->bar_off + off);
    pci_write32(pdev, window + VIRTIO_PCI_CAP_LENGTH, width);
    return window + VIRTIO_PCI_CFG_DATA;
}

static uint32_t window_read(const struct virtio_pci_region *region, unsigned off, unsigned width)
{
    const struct pci_device *pdev = region->vp->pdev;
    uint64_t irq = spin_lock(&region->vp->modern.window_lock);
    unsigned data = window_select(region, off, width);
    uint32_t value;

    if (width == 1)
        value = pci_read8(pdev, data);
    else
        value = width == 2 ? pci_read16(pdev, data) : pci_read32(pdev, data);
    spin_unlock(&region->vp->modern.window_lock, irq);
    return value;
}

static void window_write(const struct virtio_pci_region *region, unsigned off, unsigned width,
                         uint32_t value)
{
    const struct pci_device *pdev = region->vp->pdev;
    uint64_t irq = spin_lock(&region->vp->modern.window_lock);
    unsigned data = window_select(region, off, width);

    if (width == 1)
        pci_write8(pdev, data, (uint8_t)value);
    else if (width == 2)
        pci_write16(pdev, data, (uint16_t)value);
    else
        pci_write32(pdev, data, value);
    spin_unlock(&region->vp->modern.window_lock, irq);
}

static const struct virtio_pci_access memory_access = {memory_read, memory_write};
static const struct virtio_pci_access port_access = {port_read, port_write};
static const struct virtio_pci_access window_access = {window_read, window_write};

bool virtio_pci_place_fits(const struct virtio_pci *vp, const struct virtio_pci_place *place)
{
    const struct pci_bar *bar = &vp->pdev->bars[place->bar < PCI_BAR_CNT ? place->bar : 0];

    return place->bar < PCI_BAR_CNT && bar->kind != PCI_BAR_NONE && place->len > 0 &&
           place->off <= bar->len && place->len <= bar->len - place->off;
}

static const struct virtio_pci_access *choose_access(struct virtio_pci_region *region,
                                                     const struct virtio_pci_place *place)
{
    const struct virtio_pci *vp = region->vp;
    const struct pci_bar *bar = &vp->pdev->bars[place->bar];

    if (place->by_window)
        return vp->modern.window != 0 && place->off + place->len <= UINT32_MAX ? &window_access
                                                                               : NULL;
    if (bar->kind == PCI_BAR_IO) {
        region->port = (uint16_t)(bar->base + place->off);
        return bar->base != 0 ? &port_access : NULL;
    }
    region->va = pci_bar_map(vp->pdev, place->bar, place->off, place->len);
    return region->va != NULL ? &memory_access : NULL;
}

int virtio_pci_region_open(struct virtio_pci *vp, const struct virtio_pci_place *place,
                           struct virtio_pci_region *region)
{
    if (!virtio_pci_place_fits(vp, place) || place->len > UINT32_MAX)
        return -ENXIO;
    *region = (struct virtio_pci_region){
        .vp = vp,
        .bar = place->bar,
        .bar_off = (uint32_t)place->off,
        .len = (uint32_t)place->len,
    };
    region->access = choose_access(region, place);
    return region->access != NULL ? 0 : -ENXIO;
}

void virtio_pci_region_close(struct virtio_pci_region *region)
{
    if (region->va != NULL)
        pci_bar_unmap(region->vp->pdev, region->va, region->len);
    *region = (struct virtio_pci_region){.access = NULL};
}
