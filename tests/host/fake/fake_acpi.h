/* ACPI tables in pretended physical memory: a good set of them, and the means to spoil it. */
#ifndef FAKE_ACPI_H
#define FAKE_ACPI_H

#include <stddef.h>
#include <stdint.h>

#include "arch/x86_64/acpi.h"
#include "arch/x86_64/acpi_spec.h"

#define ACPI_FAKE_BASE 0x7f000000u
#define ACPI_FAKE_LEN  0x4000u
#define RSDP_PA        (ACPI_FAKE_BASE + 0x10)
#define ROOT32_PA      (ACPI_FAKE_BASE + 0x100)
#define ROOT64_PA      (ACPI_FAKE_BASE + 0x200)
#define MADT_PA        (ACPI_FAKE_BASE + 0x400)
#define MCFG_PA        (ACPI_FAKE_BASE + 0x800)
#define FADT_PA        (ACPI_FAKE_BASE + 0xa00)
#define DSDT_PA        (ACPI_FAKE_BASE + 0x1000)
#define TABLE_SPACE    0x200u /* of the smallest one */

extern uint8_t acpi_fake_memory[ACPI_FAKE_LEN];
extern char acpi_fake_warnings[512]; /* "TABLE: why" lines */
extern struct acpi_info acpi_fake_info;
extern const struct acpi_reader acpi_fake_reader;

/* Test setup: RSDP of revision 2, RSDT and XSDT, FADT of revision 1, MADT, MCFG, DSDT. */
int acpi_fake_setup(void **state);

/* Parses what is there into acpi_fake_info and checks that every mapping was given back. */
void acpi_fake_read(void);

void *acpi_fake_at(uint64_t pa);

/* Makes the checksum of the table at @pa right. */
void acpi_fake_seal(uint64_t pa);

/* A table of zeroes with a header; and @len bytes more behind what is there. */
struct acpi_header *acpi_fake_table(uint64_t pa, const char *signature, uint32_t len);
void *acpi_fake_append(uint64_t pa, size_t len);

void acpi_fake_rsdp(uint8_t revision);
void acpi_fake_root(uint64_t pa, const char *signature, size_t width, const uint64_t *tables,
                    size_t cnt);
void acpi_fake_cpu(uint8_t apic_id, uint32_t flags);
void acpi_fake_ecam(uint64_t base, uint16_t segment, uint8_t first, uint8_t last);
/* @aml: what stands between other bytes of the DSDT. */
void acpi_fake_dsdt(const void *aml, size_t len);
struct acpi_fadt *acpi_fake_fadt(uint32_t len);

#endif
