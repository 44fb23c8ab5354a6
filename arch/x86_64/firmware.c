/* Reads the ACPI tables through the direct map or temporary mappings, and finds out what they leave
 * out. */
#include "arch/firmware.h"

#include <string.h>

#include "arch/io.h"
#include "arch/memory.h"
#include "arch/x86_64/cpu_insn.h"
#include "arch/x86_64/firmware_private.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/power_private.h"
#include "arch/x86_64/text.h"

#define PCI_PORT_ADDRESS   0xcf8
#define PCI_ADDRESS_ENABLE 0x80000000u

/* QEMU's microvm: a PCIe host bridge that no ACPI table but the DSDT tells of. */
#define MICROVM_ECAM_PA    0xe0000000ull
#define MICROVM_MMIO32_PA  0xc0000000ull
#define MICROVM_MMIO32_LEN 0x20000000ull
#define PCI_ID_REG         0x00
#define PCI_CLASS_REG      0x08
#define PCI_CLASS_SHIFT    16
#define PCI_CLASS_HOST     0x0600

#define IOAPIC_DEFAULT_PA 0xfec00000ull

static struct firmware_info firmware;
static struct acpi_info acpi;

static const void *map_table(uint64_t pa, size_t len)
{
    return memory_is_direct(pa, len) ? phys_to_virt(pa) : mmio_map(pa, len);
}

static void unmap_table(const void *p, size_t len)
{
    if (!memory_is_direct((uintptr_t)p - MEMORY_DIRECT_BASE, len))
        mmio_unmap((void *)(uintptr_t)p, len);
}

static void warn(const char *table, const char *why)
{
    struct text text;

    if (firmware.warning_cnt == FIRMWARE_WARNING_MAX)
        return;
    text_init(&text, firmware.warnings[firmware.warning_cnt++], FIRMWARE_WARNING_TEXT_MAX);
    text_add(&text, "ACPI ");
    text_add(&text, table);
    text_add(&text, ": ");
    text_add(&text, why);
}

static bool port_config_answers(void)
{
    uint32_t old = io_in32(PCI_PORT_ADDRESS), back;

    io_out32(PCI_PORT_ADDRESS, PCI_ADDRESS_ENABLE);
    back = io_in32(PCI_PORT_ADDRESS);
    io_out32(PCI_PORT_ADDRESS, old);
    return back == PCI_ADDRESS_ENABLE;
}

/* Only tried in a virtual machine: on hardware nobody knows what a read there does. */
static bool microvm_ecam_answers(void)
{
    uint8_t *config;
    uint32_t id, class_code;

    if (!cpu_has_hypervisor() || memory_is_direct(MICROVM_ECAM_PA, PAGE_SIZE))
        return false;
    config = mmio_map(MICROVM_ECAM_PA, PAGE_SIZE);
    if (config == NULL)
        return false;
    id = mmio_read32(config + PCI_ID_REG) & 0xffff;
    class_code = mmio_read32(config + PCI_CLASS_REG) >> PCI_CLASS_SHIFT;
    mmio_unmap(config, PAGE_SIZE);
    return id != 0 && id != 0xffff && class_code == PCI_CLASS_HOST;
}

static void find_pci(void)
{
    firmware.ecam_cnt = acpi.ecam_cnt;
    memcpy(firmware.ecam, acpi.ecam, sizeof(firmware.ecam));
    firmware.has_port_config = port_config_answers();
    if (firmware.ecam_cnt > 0 || firmware.has_port_config || !microvm_ecam_answers())
        return;
    firmware.ecam_cnt = 1;
    firmware.ecam[0] = (struct firmware_ecam){.base_pa = MICROVM_ECAM_PA, .end_bus = 255};
    firmware.mmio32 = (struct firmware_pci_window){MICROVM_MMIO32_PA, MICROVM_MMIO32_LEN};
}

void firmware_init(uint64_t rsdp_pa)
{
    static const struct acpi_reader reader = {map_table, unmap_table, warn};

    acpi_read(&reader, rsdp_pa, &acpi);
    if (acpi.ioapic_cnt == 0)
        acpi.ioapics[acpi.ioapic_cnt++] = (struct acpi_ioapic){.pa = IOAPIC_DEFAULT_PA};
    firmware.cpu_cnt = acpi.cpu_cnt > 0 ? acpi.cpu_cnt : 1;
    firmware.iommu_cnt = acpi.iommu_cnt;
    memcpy(firmware.iommus, acpi.iommus, sizeof(firmware.iommus));
    firmware.iommu_unclear = acpi.iommu_unclear;
    find_pci();
    power_map_registers();
}

const struct firmware_info *firmware_get(void)
{
    return &firmware;
}

const struct acpi_info *firmware_acpi(void)
{
    return &acpi;
}
