/* Configuration space by whichever mechanism reaches it. */
#include "arch/firmware.h"
#include "pci/pci_private.h"

#define ALL_ONES(width) (0xffffffffu >> (32 - 8 * (width)))

/* Best first; ended by NULL. */
static const struct pci_config_ops *mechanisms[3];

void pci_config_init(void)
{
    const struct firmware_info *firmware = firmware_get();
    unsigned cnt = 0;

    if (firmware->ecam_cnt > 0)
        mechanisms[cnt++] = &pci_ecam_ops;
    if (firmware->has_port_config)
        mechanisms[cnt++] = &pci_port_ops;
    mechanisms[cnt] = NULL;
}

static const struct pci_config_ops *mechanism(struct pci_address addr, unsigned reg, unsigned width)
{
    if (reg % width != 0 || reg + width > PCI_CFG_SPACE_EXP_LEN)
        return NULL;
    for (const struct pci_config_ops **ops = mechanisms; *ops; ops++)
        if ((*ops)->covers(addr, reg))
            return *ops;
    return NULL;
}

bool pci_config_covers(struct pci_address addr, unsigned reg, unsigned width)
{
    return mechanism(addr, reg, width) != NULL;
}

uint32_t pci_config_read(struct pci_address addr, unsigned reg, unsigned width)
{
    const struct pci_config_ops *ops = mechanism(addr, reg, width);

    return ops ? ops->read(addr, reg, width) : ALL_ONES(width);
}

void pci_config_write(struct pci_address addr, unsigned reg, unsigned width, uint32_t value)
{
    const struct pci_config_ops *ops = mechanism(addr, reg, width);

    if (ops)
        ops->write(addr, reg, width, value);
}

uint8_t pci_read8(const struct pci_device *pdev, unsigned reg)
{
    return (uint8_t)pci_config_read(pdev->addr, reg, 1);
}

uint16_t pci_read16(const struct pci_device *pdev, unsigned reg)
{
    return (uint16_t)pci_config_read(pdev->addr, reg, 2);
}

uint32_t pci_read32(const struct pci_device *pdev, unsigned reg)
{
    return pci_config_read(pdev->addr, reg, 4);
}

void pci_write8(const struct pci_device *pdev, unsigned reg, uint8_t value)
{
    pci_config_write(pdev->addr, reg, 1, value);
}

void pci_write16(const struct pci_device *pdev, unsigned reg, uint16_t value)
{
    pci_config_write(pdev->addr, reg, 2, value);
}

void pci_write32(const struct pci_device *pdev, unsigned reg, uint32_t value)
{
    pci_config_write(pdev->addr, reg, 4, value);
}

/*
 * Status shares the dword with Command and its bits clear when written as 1; 16-bit writes leave it
 * alone. A write that changes nothing is left out: to a virtual machine it costs more than the
 * read.
 */
uint16_t pci_command_change(const struct pci_device *pdev, uint16_t clear, uint16_t set)
{
    const uint16_t before = pci_read16(pdev, PCI_COMMAND);
    const uint16_t after = (uint16_t)((before & ~clear) | set);

    if (after == before)
        return before;
    pci_write16(pdev, PCI_COMMAND, after);
    return pci_read16(pdev, PCI_COMMAND);
}

uint16_t pci_command_set(const struct pci_device *pdev, uint16_t bits)
{
    return pci_command_change(pdev, 0, bits);
}

uint16_t pci_command_clear(const struct pci_device *pdev, uint16_t bits)
{
    return pci_command_change(pdev, bits, 0);
}
