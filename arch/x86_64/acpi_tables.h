/* Readers of single ACPI tables, each given a table whose length and checksum are right. Private to
 * acpi*.c. */
#ifndef ARCH_X86_64_ACPI_TABLES_H
#define ARCH_X86_64_ACPI_TABLES_H

#include "arch/x86_64/acpi.h"

void acpi_read_madt(const struct acpi_reader *reader, const void *table, uint32_t len,
                    struct acpi_info *info);
void acpi_read_mcfg(const struct acpi_reader *reader, const void *table, uint32_t len,
                    struct acpi_info *info);
void acpi_read_srat(const struct acpi_reader *reader, const void *table, uint32_t len,
                    struct acpi_info *info);
void acpi_read_dmar(const struct acpi_reader *reader, const void *table, uint32_t len,
                    struct acpi_info *info);
void acpi_read_ivrs(const struct acpi_reader *reader, const void *table, uint32_t len,
                    struct acpi_info *info);
void acpi_read_viot(const struct acpi_reader *reader, const void *table, uint32_t len,
                    struct acpi_info *info);
/* Also reads the DSDT that the FADT points at. */
void acpi_read_fadt(const struct acpi_reader *reader, const void *table, uint32_t len,
                    struct acpi_info *info);

/* Maps and checks one table; NULL after a warning. The caller unmaps @len bytes. */
const void *acpi_table_map(const struct acpi_reader *reader, uint64_t pa, const char *signature,
                           uint32_t len_min, uint32_t *len);

#endif
