/* Layout of the ACPI tables that are read (ACPI 6.5, chapter 5; MCFG: PCI Firmware 3.3, 4.1.2). */
#ifndef ARCH_X86_64_ACPI_SPEC_H
#define ARCH_X86_64_ACPI_SPEC_H

#include <stdint.h>

#define ACPI_RSDP_SIGNATURE "RSD PTR "
#define ACPI_RSDP_V1_LEN    20

struct acpi_rsdp {
    char signature[8];
    uint8_t checksum; /* of the first 20 bytes */
    char oem_id[6];
    uint8_t revision;
    uint32_t rsdt_pa;
    uint32_t length; /* this and what follows from revision 2 on */
    uint64_t xsdt_pa;
    uint8_t extended_checksum;
    uint8_t reserved[3];
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_rsdp) == 36, "RSDP");

struct acpi_header {
    char signature[4];
    uint32_t length; /* with this header */
    uint8_t revision;
    uint8_t checksum;
    char oem_id[6];
    char oem_table_id[8];
    uint32_t oem_revision;
    uint32_t creator_id;
    uint32_t creator_revision;
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_header) == 36, "table header");

#define ACPI_GAS_MEMORY 0
#define ACPI_GAS_PORT   1

struct acpi_gas {
    uint8_t space;
    uint8_t bit_width;
    uint8_t bit_offset;
    uint8_t access_size;
    uint64_t address;
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_gas) == 12, "generic address");

#define ACPI_FADT_RESET_REG_SUP   (1u << 10)
#define ACPI_FADT_HW_REDUCED_ACPI (1u << 20)

struct acpi_fadt {
    struct acpi_header header;
    uint32_t firmware_ctrl;
    uint32_t dsdt;
    uint8_t reserved0;
    uint8_t preferred_pm_profile;
    uint16_t sci_int;
    uint32_t smi_cmd;
    uint8_t acpi_enable;
    uint8_t acpi_disable;
    uint8_t s4bios_req;
    uint8_t pstate_cnt;
    uint32_t pm1a_evt_blk;
    uint32_t pm1b_evt_blk;
    uint32_t pm1a_cnt_blk;
    uint32_t pm1b_cnt_blk;
    uint32_t pm2_cnt_blk;
    uint32_t pm_tmr_blk;
    uint8_t other0[32];
    uint32_t flags;
    struct acpi_gas reset_reg;
    uint8_t reset_value;
    uint8_t other1[3];
    uint64_t x_firmware_ctrl;
    uint64_t x_dsdt;
    struct acpi_gas x_pm1a_evt_blk;
    struct acpi_gas x_pm1b_evt_blk;
    struct acpi_gas x_pm1a_cnt_blk;
    struct acpi_gas x_pm1b_cnt_blk;
    struct acpi_gas x_pm2_cnt_blk;
    struct acpi_gas x_pm_tmr_blk;
    struct acpi_gas x_gpe0_blk;
    struct acpi_gas x_gpe1_blk;
    struct acpi_gas sleep_control_reg;
    struct acpi_gas sleep_status_reg;
    uint64_t hypervisor_id;
} __attribute__((packed));
_Static_assert(__builtin_offsetof(struct acpi_fadt, pm_tmr_blk) == 76, "FADT");
_Static_assert(__builtin_offsetof(struct acpi_fadt, flags) == 112, "FADT");
_Static_assert(__builtin_offsetof(struct acpi_fadt, x_dsdt) == 140, "FADT");
_Static_assert(__builtin_offsetof(struct acpi_fadt, x_pm_tmr_blk) == 208, "FADT");
_Static_assert(__builtin_offsetof(struct acpi_fadt, sleep_control_reg) == 244, "FADT");
_Static_assert(sizeof(struct acpi_fadt) == 276, "FADT");
#define ACPI_FADT_V1_LEN 116

#define ACPI_PM1_SCI_EN          (1u << 0)
#define ACPI_PM1_SLP_TYP_SHIFT   10
#define ACPI_PM1_SLP_EN          (1u << 13)
#define ACPI_SLEEP_SLP_TYP_SHIFT 2
#define ACPI_SLEEP_SLP_EN        (1u << 5)

struct acpi_madt {
    struct acpi_header header;
    uint32_t lapic_pa;
    uint32_t flags;
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_madt) == 44, "MADT");

struct acpi_madt_entry {
    uint8_t type;
    uint8_t length;
};

#define ACPI_MADT_LAPIC    0
#define ACPI_MADT_IOAPIC   1
#define ACPI_MADT_OVERRIDE 2
#define ACPI_MADT_X2APIC   9

#define ACPI_MADT_CPU_ENABLED (1u << 0)

struct acpi_madt_lapic {
    struct acpi_madt_entry entry;
    uint8_t processor_uid;
    uint8_t apic_id;
    uint32_t flags;
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_madt_lapic) == 8, "MADT local APIC");

struct acpi_madt_ioapic {
    struct acpi_madt_entry entry;
    uint8_t id;
    uint8_t reserved;
    uint32_t pa;
    uint32_t gsi_base;
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_madt_ioapic) == 12, "MADT I/O APIC");

#define ACPI_MADT_POLARITY(flags) ((flags)&3)
#define ACPI_MADT_POLARITY_LOW    3
#define ACPI_MADT_TRIGGER(flags)  ((flags) >> 2 & 3)
#define ACPI_MADT_TRIGGER_LEVEL   3

struct acpi_madt_override {
    struct acpi_madt_entry entry;
    uint8_t bus;
    uint8_t source;
    uint32_t gsi;
    uint16_t flags;
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_madt_override) == 10, "MADT interrupt source override");

struct acpi_madt_x2apic {
    struct acpi_madt_entry entry;
    uint16_t reserved;
    uint32_t apic_id;
    uint32_t flags;
    uint32_t processor_uid;
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_madt_x2apic) == 16, "MADT x2APIC");

struct acpi_mcfg {
    struct acpi_header header;
    uint8_t reserved[8];
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_mcfg) == 44, "MCFG");

struct acpi_mcfg_entry {
    uint64_t base_pa;
    uint16_t segment;
    uint8_t start_bus;
    uint8_t end_bus;
    uint32_t reserved;
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_mcfg_entry) == 16, "MCFG entry");

struct acpi_srat {
    struct acpi_header header;
    uint8_t reserved[12];
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_srat) == 48, "SRAT");

#define ACPI_SRAT_LAPIC  0
#define ACPI_SRAT_X2APIC 2

#define ACPI_SRAT_ENABLED (1u << 0)

struct acpi_srat_lapic {
    uint8_t type;
    uint8_t length;
    uint8_t domain_low;
    uint8_t apic_id;
    uint32_t flags;
    uint8_t sapic_eid;
    uint8_t domain_high[3]; /* from revision 2 of the table on */
    uint32_t clock_domain;
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_srat_lapic) == 16, "SRAT local APIC affinity");

struct acpi_srat_x2apic {
    uint8_t type;
    uint8_t length;
    uint16_t reserved0;
    uint32_t domain;
    uint32_t apic_id;
    uint32_t flags;
    uint32_t clock_domain;
    uint32_t reserved1;
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_srat_x2apic) == 24, "SRAT local x2APIC affinity");

/* DMA remapping (VT-d 4.1, chapter 8) */
struct acpi_dmar {
    struct acpi_header header;
    uint8_t host_address_width; /* minus 1 */
    uint8_t flags;
    uint8_t reserved[10];
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_dmar) == 48, "DMAR");

#define ACPI_DMAR_DRHD 0

struct acpi_dmar_drhd {
    uint16_t type;
    uint16_t length;
    uint8_t flags;
    uint8_t size;
    uint16_t segment;
    uint64_t base_pa;
    /* device scopes follow */
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_dmar_drhd) == 16, "DMAR remapping hardware unit");

/* AMD I/O virtualization (AMD IOMMU 3.08, 5.2) */
struct acpi_ivrs {
    struct acpi_header header;
    uint32_t info;
    uint8_t reserved[8];
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_ivrs) == 48, "IVRS");

#define ACPI_IVRS_IVHD_10 0x10
#define ACPI_IVRS_IVHD_11 0x11
#define ACPI_IVRS_IVHD_40 0x40

struct acpi_ivrs_ivhd {
    uint8_t type;
    uint8_t flags;
    uint16_t length;
    uint16_t device_id;
    uint16_t cap_off;
    uint64_t base_pa;
    uint16_t segment;
    uint16_t info;
    uint32_t features;
    /* device entries follow */
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_ivrs_ivhd) == 24, "IVRS hardware definition");

/* Virtual I/O translation (ACPI 6.5, 5.2.36) */
struct acpi_viot {
    struct acpi_header header;
    uint16_t node_cnt;
    uint16_t node_off;
    uint8_t reserved[8];
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_viot) == 48, "VIOT");

#define ACPI_VIOT_VIRTIO_PCI 3

struct acpi_viot_virtio_pci {
    uint8_t type;
    uint8_t reserved0;
    uint16_t length;
    uint16_t segment;
    uint16_t requester;
    uint8_t reserved1[8];
} __attribute__((packed));
_Static_assert(sizeof(struct acpi_viot_virtio_pci) == 16, "VIOT virtio-iommu");

/* AML encoding of Name (_S5_, Package () {...}) (ACPI 6.5, 20.2) */
#define AML_NAME_OP     0x08
#define AML_PACKAGE_OP  0x12
#define AML_ZERO_OP     0x00
#define AML_ONE_OP      0x01
#define AML_BYTE_PREFIX 0x0a

#endif
