/* Memory-mapped configuration space (PCI Express 7.2.2), each bus mapped when it is first looked
 * at. */
#include "arch/firmware.h"
#include "arch/io.h"
#include "arch/memory.h"
#include "pci/pci_private.h"

#define ECAM_BUS_LEN (1ul << 20)

/* Static, because firmware's devices are quiesced before there is a heap. */
static uint8_t *bus_maps[FIRMWARE_ECAM_MAX][PCI_BUS_CNT];

/* The range's index, or -1. */
static int range_of(struct pci_address addr)
{
    const struct firmware_info *firmware = firmware_get();

    for (unsigned i = 0; i < firmware->ecam_cnt; i++) {
        const struct firmware_ecam *ecam = &firmware->ecam[i];

        if (addr.segment == ecam->segment && addr.bus >= ecam->start_bus &&
            addr.bus <= ecam->end_bus)
            return (int)i;
    }
    return -1;
}

static uint8_t *register_va(struct pci_address addr, unsigned reg)
{
    int range = range_of(addr);
    uint8_t **map;

    if (range < 0)
        return NULL;
    map = &bus_maps[range][addr.bus];
    if (!*map)
        *map =
            mmio_map(firmware_get()->ecam[range].base_pa + addr.bus * ECAM_BUS_LEN, ECAM_BUS_LEN);
    return *map ? *map + (addr.device << 15 | addr.function << 12 | reg) : NULL;
}

static bool ecam_covers(struct pci_address addr, unsigned reg)
{
    return register_va(addr, reg) != NULL;
}

static uint32_t ecam_read(struct pci_address addr, unsigned reg, unsigned width)
{
    const uint8_t *va = register_va(addr, reg);

    if (width == 1)
        return mmio_read8(va);
    return width == 2 ? mmio_read16(va) : mmio_read32(va);
}

static void ecam_write(struct pci_address addr, unsigned reg, unsigned width, uint32_t value)
{
    uint8_t *va = register_va(addr, reg);

    if (width == 1)
        mmio_write8(va, (uint8_t)value);
    else if (width == 2)
        mmio_write16(va, (uint16_t)value);
    else
        mmio_write32(va, value);
}

const struct pci_config_ops pci_ecam_ops = {
    .name = "ecam",
    .covers = ecam_covers,
    .read = ecam_read,
    .write = ecam_write,
};
