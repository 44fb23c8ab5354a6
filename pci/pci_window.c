/* The address windows of PCI-to-PCI bridges (bridge 1.2, 3.2.5.6 to 3.2.5.10) and of the host
 * bridge. */
#include "arch/firmware.h"
#include "pci/pci_private.h"

#define IO_SHIFT     8  /* register bits 7:4 are address bits 15:12 */
#define MEMORY_SHIFT 16 /* register bits 15:4 are address bits 31:20 */

/* Ports above what PC chipsets decode for themselves, the range that PC firmware uses too. */
#define IO_ROOT_BASE 0xc000
#define IO_ROOT_END  0x10000

static const struct pci_window closed;

static struct pci_window io_read(const struct pci_device *bridge)
{
    const uint8_t base = pci_read8(bridge, PCI_IO_BASE);
    struct pci_window window = {
        .base = (uint64_t)(base & PCI_IO_RANGE_MASK) << IO_SHIFT,
        .end = (uint64_t)(pci_read8(bridge, PCI_IO_LIMIT) & PCI_IO_RANGE_MASK) << IO_SHIFT,
    };

    if (base & PCI_IO_RANGE_TYPE_MASK) {
        window.base |= (uint64_t)pci_read16(bridge, PCI_IO_BASE_UPPER16) << 16;
        window.end |= (uint64_t)pci_read16(bridge, PCI_IO_LIMIT_UPPER16) << 16;
    }
    window.end += pci_space_io.grain;
    return window.base && window.base < window.end ? window : closed;
}

static void io_write(const struct pci_device *bridge, struct pci_window window)
{
    const bool open = window.base != 0;
    const uint64_t limit = window.end - pci_space_io.grain;

    pci_write16(bridge, PCI_IO_BASE_UPPER16, 0);
    pci_write16(bridge, PCI_IO_LIMIT_UPPER16, 0);
    pci_write8(bridge, PCI_IO_BASE, open ? (uint8_t)(window.base >> IO_SHIFT) : 0xf0);
    pci_write8(bridge, PCI_IO_LIMIT, open ? (uint8_t)(limit >> IO_SHIFT) : 0);
}

static struct pci_window io_root(uint16_t segment)
{
    const bool has_ports = segment == 0 && firmware_get()->has_port_config;

    return has_ports ? (struct pci_window){IO_ROOT_BASE, IO_ROOT_END} : closed;
}

static struct pci_window memory_range(const struct pci_device *bridge, unsigned base_reg)
{
    const uint16_t base = pci_read16(bridge, base_reg);
    const uint16_t limit = pci_read16(bridge, base_reg + 2);

    return (struct pci_window){
        .base = (uint64_t)(base & PCI_MEMORY_RANGE_MASK) << MEMORY_SHIFT,
        .end = (uint64_t)(limit & PCI_MEMORY_RANGE_MASK) << MEMORY_SHIFT,
    };
}

static struct pci_window memory_read(const struct pci_device *bridge)
{
    struct pci_window window = memory_range(bridge, PCI_MEMORY_BASE);

    window.end += pci_space_memory.grain;
    return window.base && window.base < window.end ? window : closed;
}

static void memory_write(const struct pci_device *bridge, struct pci_window window)
{
    const bool open = window.base != 0;
    const uint64_t limit = window.end - pci_space_memory.grain;

    pci_write16(bridge, PCI_MEMORY_BASE, open ? (uint16_t)(window.base >> MEMORY_SHIFT) : 0xfff0);
    pci_write16(bridge, PCI_MEMORY_LIMIT, open ? (uint16_t)(limit >> MEMORY_SHIFT) : 0);
}

static struct pci_window memory_root(uint16_t segment)
{
    const struct firmware_pci_window *mmio32 = &firmware_get()->mmio32;
    const bool known = segment == 0 && mmio32->len > 0;

    return known ? (struct pci_window){mmio32->base_pa, mmio32->base_pa + mmio32->len} : closed;
}

struct pci_window pci_prefetch_window(const struct pci_device *bridge)
{
    struct pci_window window = memory_range(bridge, PCI_PREF_MEMORY_BASE);

    if (pci_read16(bridge, PCI_PREF_MEMORY_BASE) & PCI_PREF_RANGE_TYPE_MASK) {
        window.base |= (uint64_t)pci_read32(bridge, PCI_PREF_BASE_UPPER32) << 32;
        window.end |= (uint64_t)pci_read32(bridge, PCI_PREF_LIMIT_UPPER32) << 32;
    }
    window.end += pci_space_memory.grain;
    return window.base && window.base < window.end ? window : closed;
}

void pci_windows_close_unset(const struct pci_device *bridge)
{
    if (io_read(bridge).base == 0)
        io_write(bridge, closed);
    if (memory_read(bridge).base == 0)
        memory_write(bridge, closed);
    if (pci_prefetch_window(bridge).base == 0) {
        pci_write32(bridge, PCI_PREF_BASE_UPPER32, 0);
        pci_write32(bridge, PCI_PREF_LIMIT_UPPER32, 0);
        pci_write16(bridge, PCI_PREF_MEMORY_BASE, 0xfff0);
        pci_write16(bridge, PCI_PREF_MEMORY_LIMIT, 0);
    }
}

const struct pci_space pci_space_io = {
    .name = "I/O",
    .grain = 0x1000,
    .read = io_read,
    .write = io_write,
    .root = io_root,
};

const struct pci_space pci_space_memory = {
    .name = "memory",
    .grain = 0x100000,
    .read = memory_read,
    .write = memory_write,
    .root = memory_root,
};
