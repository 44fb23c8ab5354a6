/* The address/data port pair of conventional PCI (PCI 3.0, 3.2.2.3.2): segment 0, first 256 bytes
 * of each function. */
#include "arch/io.h"
#include "arch/spinlock.h"
#include "pci/pci_private.h"

static void select_register(struct pci_address addr, unsigned reg)
{
    io_out32(PCI_PORT_ADDRESS, PCI_PORT_ENABLE | (uint32_t)addr.bus << 16 |
                                   (uint32_t)addr.device << 11 | (uint32_t)addr.function << 8 |
                                   (reg & 0xfcu));
}

static bool port_covers(struct pci_address addr, unsigned reg)
{
    return addr.segment == 0 && reg < PCI_CFG_SPACE_LEN;
}

/* Of the pair: between the two accesses neither another CPU nor a handler may select. */
static struct spinlock lock;

static uint32_t port_read(struct pci_address addr, unsigned reg, unsigned width)
{
    const uint16_t port = (uint16_t)(PCI_PORT_DATA + (reg & 3));
    uint64_t state = spin_lock(&lock);
    uint32_t value;

    select_register(addr, reg);
    if (width == 1)
        value = io_in8(port);
    else
        value = width == 2 ? io_in16(port) : io_in32(port);
    spin_unlock(&lock, state);
    return value;
}

static void port_write(struct pci_address addr, unsigned reg, unsigned width, uint32_t value)
{
    const uint16_t port = (uint16_t)(PCI_PORT_DATA + (reg & 3));
    uint64_t state = spin_lock(&lock);

    select_register(addr, reg);
    if (width == 1)
        io_out8(port, (uint8_t)value);
    else if (width == 2)
        io_out16(port, (uint16_t)value);
    else
        io_out32(port, value);
    spin_unlock(&lock, state);
}

const struct pci_config_ops pci_port_ops = {
    .name = "port",
    .covers = port_covers,
    .read = port_read,
    .write = port_write,
};
