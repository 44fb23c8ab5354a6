/*
 * ACPI tables turned into plain structures. No port or memory access of its own: tables are read
 * through a callback, so that the parser also runs on the host.
 */
#ifndef ARCH_X86_64_ACPI_H
#define ARCH_X86_64_ACPI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/cpu.h"
#include "arch/firmware.h"

#define ACPI_IOAPIC_MAX   8
#define ACPI_OVERRIDE_MAX 16
#define ACPI_DOMAIN_MAX   256 /* firmware also lists CPUs that are not there (yet) */

/* How the parser reaches physical memory. */
struct acpi_reader {
    const void *(*map)(uint64_t pa, size_t len); /* NULL when there is nothing to read */
    void (*unmap)(const void *p, size_t len);
    void (*warn)(const char *table, const char *why); /* @table: "RSDP", "XSDT", "APIC", ... */
};

struct acpi_ioapic {
    uint64_t pa;
    uint32_t gsi_base;
};

/* An ISA interrupt that is not on the GSI of its own number, or not edge/high. */
struct acpi_override {
    uint8_t isa_irq;
    bool level;
    bool low;
    uint32_t gsi;
};

/* A CPU's proximity domain: the NUMA node in firmware's own numbering. */
struct acpi_domain {
    uint32_t apic_id;
    uint32_t domain;
};

/* A register in port or memory space; address 0: absent. */
struct acpi_register {
    bool in_memory;
    uint64_t address;
};

struct acpi_info {
    unsigned cpu_cnt;
    uint32_t cpu_apic_ids[CPU_MAX]; /* the first CPU_MAX of them */
    unsigned domain_cnt;            /* 0: not known, or contradictory */
    struct acpi_domain domains[ACPI_DOMAIN_MAX];
    unsigned ioapic_cnt;
    struct acpi_ioapic ioapics[ACPI_IOAPIC_MAX];
    unsigned override_cnt;
    struct acpi_override overrides[ACPI_OVERRIDE_MAX];
    unsigned ecam_cnt;
    struct firmware_ecam ecam[FIRMWARE_ECAM_MAX];
    unsigned iommu_cnt;
    struct firmware_iommu iommus[FIRMWARE_IOMMU_MAX];
    bool iommu_unclear;

    uint16_t pm_timer_port; /* 0: absent */
    bool hw_reduced;
    uint16_t smi_command_port; /* 0: the machine is in ACPI mode from the start */
    uint8_t acpi_enable_value;
    struct acpi_register pm1a_control, pm1b_control;
    struct acpi_register sleep_control;
    struct acpi_register reset;
    uint8_t reset_value;
    bool has_s5;
    uint8_t s5_type_a, s5_type_b;
};

/* Fills @info from the tables behind @rsdp_pa; what is missing or bad stays zero. */
void acpi_read(const struct acpi_reader *reader, uint64_t rsdp_pa, struct acpi_info *info);

/*
 * The NUMA nodes of @cnt CPUs (at most CPU_MAX) with @apic_ids, into @nodes: numbered without gaps
 * in the order of their domains. A CPU that firmware says nothing of is on node 0. Returns the
 * number of nodes, at least 1.
 */
unsigned acpi_nodes_assign(const struct acpi_info *info, const uint32_t *apic_ids, unsigned cnt,
                           uint8_t *nodes);

#endif
