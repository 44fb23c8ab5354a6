/* What firmware tables say about the machine, as plain structures. */
#ifndef ARCH_FIRMWARE_H
#define ARCH_FIRMWARE_H

#include <stdbool.h>
#include <stdint.h>

#define FIRMWARE_ECAM_MAX         8
#define FIRMWARE_IOMMU_MAX        16
#define FIRMWARE_WARNING_MAX      8
#define FIRMWARE_WARNING_TEXT_MAX 96

/* One range of PCI buses whose configuration space is memory-mapped (ACPI MCFG). */
struct firmware_ecam {
    uint64_t base_pa; /* of bus 0 of the segment, not of start_bus */
    uint16_t segment;
    uint8_t start_bus;
    uint8_t end_bus; /* inclusive */
};

enum firmware_iommu_kind {
    FIRMWARE_IOMMU_VTD,   /* ACPI DMAR */
    FIRMWARE_IOMMU_AMD,   /* ACPI IVRS */
    FIRMWARE_IOMMU_VIRTIO /* ACPI VIOT */
};

/* A unit that can stand between devices and memory. */
struct firmware_iommu {
    enum firmware_iommu_kind kind;
    uint16_t segment;
    uint16_t requester; /* bus, device, function of a unit that is a PCI function */
    uint64_t base_pa;   /* registers; 0: behind its BARs */
};

/* A window of bus addresses that the host bridge forwards to PCI. */
struct firmware_pci_window {
    uint64_t base_pa;
    uint64_t len; /* 0: unknown */
};

struct firmware_info {
    unsigned cpu_cnt; /* enabled CPUs listed by firmware, at least 1 */
    unsigned ecam_cnt;
    struct firmware_ecam ecam[FIRMWARE_ECAM_MAX];
    bool has_port_config;              /* CF8/CFC configuration mechanism answers */
    struct firmware_pci_window mmio32; /* where unassigned BARs may be placed */
    unsigned iommu_cnt;
    struct firmware_iommu iommus[FIRMWARE_IOMMU_MAX];
    bool iommu_unclear; /* a table of them is broken: there may be more */
    /* One text for each table that was skipped, e.g. "ACPI MCFG: bad checksum", for the log. */
    unsigned warning_cnt;
    char warnings[FIRMWARE_WARNING_MAX][FIRMWARE_WARNING_TEXT_MAX];
};

/*
 * Reads RSDP, XSDT/RSDT, MADT, MCFG, FADT, SRAT, DMAR, IVRS, VIOT. A table that is truncated or has
 * a bad checksum or length is skipped, with one of the warnings above; the rest is used. Called
 * once after memory_init().
 *
 * Without MCFG and without CF8/CFC (QEMU's microvm) the ECAM window that such machines have at
 * 0xe0000000 is used if a host bridge answers there; their BARs go to 512 MiB at 0xc0000000.
 */
void firmware_init(uint64_t rsdp_pa);

/* Valid after firmware_init(). */
const struct firmware_info *firmware_get(void);

#endif
