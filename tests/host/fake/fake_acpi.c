/* ACPI tables in pretended physical memory: a good set of them, and the means to spoil it. */
#include "fake_acpi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

uint8_t acpi_fake_memory[ACPI_FAKE_LEN];
static unsigned mapped_cnt;
char acpi_fake_warnings[512];
struct acpi_info acpi_fake_info;

void *acpi_fake_at(uint64_t pa)
{
    return acpi_fake_memory + (pa - ACPI_FAKE_BASE);
}

/* Each mapping is a copy of exactly @len bytes: the sanitizer sees what is read beyond it. */
static const void *map(uint64_t pa, size_t len)
{
    void *copy;

    if (pa < ACPI_FAKE_BASE || pa - ACPI_FAKE_BASE > ACPI_FAKE_LEN ||
        len > ACPI_FAKE_LEN - (pa - ACPI_FAKE_BASE))
        return NULL;
    copy = malloc(len);
    memcpy(copy, acpi_fake_at(pa), len);
    mapped_cnt++;
    return copy;
}

static void unmap(const void *p, size_t len)
{
    (void)len;
    mapped_cnt--;
    free((void *)(uintptr_t)p);
}

static void warn(const char *table, const char *why)
{
    size_t len = strlen(acpi_fake_warnings);

    snprintf(acpi_fake_warnings + len, sizeof(acpi_fake_warnings) - len, "%s: %s\n", table, why);
}

const struct acpi_reader acpi_fake_reader = {map, unmap, warn};

static void fix_sum(void *p, size_t len, uint8_t *sum)
{
    uint8_t total = 0;

    *sum = 0;
    for (size_t i = 0; i < len; i++)
        total += ((uint8_t *)p)[i];
    *sum = (uint8_t)-total;
}

void acpi_fake_seal(uint64_t pa)
{
    struct acpi_header *header = acpi_fake_at(pa);

    fix_sum(header, header->length, &header->checksum);
}

struct acpi_header *acpi_fake_table(uint64_t pa, const char *signature, uint32_t len)
{
    struct acpi_header *header = acpi_fake_at(pa);

    memset(header, 0, len);
    memcpy(header->signature, signature, 4);
    header->length = len;
    header->revision = 1;
    return header;
}

void *acpi_fake_append(uint64_t pa, size_t len)
{
    struct acpi_header *header = acpi_fake_at(pa);
    void *p = (uint8_t *)header + header->length;

    memset(p, 0, len);
    header->length += (uint32_t)len;
    return p;
}

void acpi_fake_rsdp(uint8_t revision)
{
    struct acpi_rsdp *rsdp = acpi_fake_at(RSDP_PA);

    memset(rsdp, 0, sizeof(*rsdp));
    memcpy(rsdp->signature, ACPI_RSDP_SIGNATURE, 8);
    rsdp->revision = revision;
    rsdp->rsdt_pa = ROOT32_PA;
    rsdp->length = sizeof(*rsdp);
    rsdp->xsdt_pa = revision >= 2 ? ROOT64_PA : 0;
    fix_sum(rsdp, ACPI_RSDP_V1_LEN, &rsdp->checksum);
    fix_sum(rsdp, sizeof(*rsdp), &rsdp->extended_checksum);
}

void acpi_fake_root(uint64_t pa, const char *signature, size_t width, const uint64_t *tables,
                    size_t cnt)
{
    acpi_fake_table(pa, signature, sizeof(struct acpi_header));
    for (size_t i = 0; i < cnt; i++)
        memcpy(acpi_fake_append(pa, width), &tables[i], width);
    acpi_fake_seal(pa);
}

void acpi_fake_cpu(uint8_t apic_id, uint32_t flags)
{
    struct acpi_madt_lapic e = {{ACPI_MADT_LAPIC, sizeof(e)}, apic_id, apic_id, flags};

    memcpy(acpi_fake_append(MADT_PA, sizeof(e)), &e, sizeof(e));
}

static void add_override(uint8_t irq, uint32_t gsi, uint16_t flags)
{
    struct acpi_madt_override e = {{ACPI_MADT_OVERRIDE, sizeof(e)}, 0, irq, gsi, flags};

    memcpy(acpi_fake_append(MADT_PA, sizeof(e)), &e, sizeof(e));
}

static void make_madt(void)
{
    struct acpi_madt_ioapic io = {{ACPI_MADT_IOAPIC, sizeof(io)}, 0, 0, 0xfec00000, 0};
    struct acpi_madt_x2apic x2 = {
        {ACPI_MADT_X2APIC, sizeof(x2)}, 0, 0x123, ACPI_MADT_CPU_ENABLED, 0};

    acpi_fake_table(MADT_PA, "APIC", sizeof(struct acpi_madt));
    acpi_fake_cpu(0, ACPI_MADT_CPU_ENABLED);
    acpi_fake_cpu(3, ACPI_MADT_CPU_ENABLED);
    acpi_fake_cpu(5, 0);
    memcpy(acpi_fake_append(MADT_PA, sizeof(io)), &io, sizeof(io));
    memcpy(acpi_fake_append(MADT_PA, 3), "\x7f\x03\x00", 3); /* a type nobody knows */
    add_override(0, 2, 0);
    add_override(9, 9, 0xd);
    add_override(10, 20, 0xf);
    memcpy(acpi_fake_append(MADT_PA, sizeof(x2)), &x2, sizeof(x2));
    acpi_fake_seal(MADT_PA);
}

void acpi_fake_ecam(uint64_t base, uint16_t segment, uint8_t first, uint8_t last)
{
    struct acpi_mcfg_entry e = {base, segment, first, last, 0};

    memcpy(acpi_fake_append(MCFG_PA, sizeof(e)), &e, sizeof(e));
}

static void make_mcfg(void)
{
    acpi_fake_table(MCFG_PA, "MCFG", sizeof(struct acpi_mcfg));
    acpi_fake_ecam(0xb0000000, 0, 0, 255);
    acpi_fake_ecam(0x4000000000, 1, 16, 31);
    acpi_fake_seal(MCFG_PA);
}

/* @aml: what stands between other bytes of the DSDT. */
void acpi_fake_dsdt(const void *aml, size_t len)
{
    acpi_fake_table(DSDT_PA, "DSDT", sizeof(struct acpi_header));
    memcpy(acpi_fake_append(DSDT_PA, 8), "\x10\x06_SB_\x08_", 8);
    memcpy(acpi_fake_append(DSDT_PA, len), aml, len);
    memcpy(acpi_fake_append(DSDT_PA, 4), "_S5_", 4); /* a mere reference, at the very end */
    acpi_fake_seal(DSDT_PA);
}

struct acpi_fadt *acpi_fake_fadt(uint32_t len)
{
    struct acpi_fadt *fadt = (struct acpi_fadt *)(void *)acpi_fake_table(FADT_PA, "FACP", len);

    fadt->dsdt = DSDT_PA;
    fadt->smi_cmd = 0xb2;
    fadt->acpi_enable = 0xf1;
    fadt->pm1a_cnt_blk = 0x604;
    fadt->pm_tmr_blk = 0x608;
    acpi_fake_seal(FADT_PA);
    return fadt;
}

int acpi_fake_setup(void **state)
{
    const uint64_t tables[] = {FADT_PA, 0, MADT_PA, MCFG_PA};

    (void)state;
    memset(acpi_fake_memory, 0xa5, sizeof(acpi_fake_memory));
    acpi_fake_warnings[0] = '\0';
    acpi_fake_rsdp(2);
    acpi_fake_root(ROOT32_PA, "RSDT", 4, tables, 4);
    acpi_fake_root(ROOT64_PA, "XSDT", 8, tables, 4);
    make_madt();
    make_mcfg();
    acpi_fake_dsdt("\x08_S5_\x12\x07\x04\x0a\x05\x01\x00\x00", 12);
    acpi_fake_fadt(ACPI_FADT_V1_LEN);
    return 0;
}

/* Also checks that every mapping is given back. */
void acpi_fake_read(void)
{
    acpi_read(&acpi_fake_reader, RSDP_PA, &acpi_fake_info);
    assert_int_equal(mapped_cnt, 0);
}
