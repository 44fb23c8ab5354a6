/* Readers of the ACPI tables: MADT, MCFG, FADT, and the DSDT's _S5_ package. */
#include "arch/x86_64/acpi_tables.h"

#include <string.h>

#include "arch/x86_64/acpi_spec.h"

/* Addresses have at most 52 bits, and each bus takes 1 MiB. */
#define ECAM_BASE_MASK 0x000ffffffff00000ull

static void add_cpu(struct acpi_info *info, uint32_t apic_id, uint32_t flags)
{
    if (!(flags & ACPI_MADT_CPU_ENABLED))
        return;
    /* Some firmware lists a CPU in both formats. */
    for (unsigned i = 0; i < info->cpu_cnt && i < CPU_MAX; i++)
        if (info->cpu_apic_ids[i] == apic_id)
            return;
    if (info->cpu_cnt < CPU_MAX)
        info->cpu_apic_ids[info->cpu_cnt] = apic_id;
    info->cpu_cnt++;
}

static void read_lapic(const uint8_t *p, struct acpi_info *info)
{
    struct acpi_madt_lapic e;

    memcpy(&e, p, sizeof(e));
    add_cpu(info, e.apic_id, e.flags);
}

static void read_x2apic(const uint8_t *p, struct acpi_info *info)
{
    struct acpi_madt_x2apic e;

    memcpy(&e, p, sizeof(e));
    add_cpu(info, e.apic_id, e.flags);
}

static void read_ioapic(const uint8_t *p, struct acpi_info *info)
{
    struct acpi_madt_ioapic e;

    memcpy(&e, p, sizeof(e));
    if (info->ioapic_cnt < ACPI_IOAPIC_MAX)
        info->ioapics[info->ioapic_cnt++] =
            (struct acpi_ioapic){.pa = e.pa, .gsi_base = e.gsi_base};
}

static void read_override(const uint8_t *p, struct acpi_info *info)
{
    struct acpi_madt_override e;

    memcpy(&e, p, sizeof(e));
    if (info->override_cnt < ACPI_OVERRIDE_MAX)
        info->overrides[info->override_cnt++] = (struct acpi_override){
            .isa_irq = e.source,
            .gsi = e.gsi,
            .level = ACPI_MADT_TRIGGER(e.flags) == ACPI_MADT_TRIGGER_LEVEL,
            .low = ACPI_MADT_POLARITY(e.flags) == ACPI_MADT_POLARITY_LOW,
        };
}

static const struct {
    uint8_t type;
    uint8_t len_min;
    void (*read)(const uint8_t *p, struct acpi_info *info);
} madt_readers[] = {
    {ACPI_MADT_LAPIC, sizeof(struct acpi_madt_lapic), read_lapic},
    {ACPI_MADT_IOAPIC, sizeof(struct acpi_madt_ioapic), read_ioapic},
    {ACPI_MADT_OVERRIDE, sizeof(struct acpi_madt_override), read_override},
    {ACPI_MADT_X2APIC, sizeof(struct acpi_madt_x2apic), read_x2apic},
};

void acpi_read_madt(const struct acpi_reader *reader, const void *table, uint32_t len,
                    struct acpi_info *info)
{
    const uint8_t *p = (const uint8_t *)table + sizeof(struct acpi_madt);
    const uint8_t *end = (const uint8_t *)table + len;

    while (end - p >= (ptrdiff_t)sizeof(struct acpi_madt_entry)) {
        uint8_t type = p[0], entry_len = p[1];

        if (entry_len < sizeof(struct acpi_madt_entry) || entry_len > end - p) {
            reader->warn("APIC", "bad entry length");
            return;
        }
        for (unsigned i = 0; i < sizeof(madt_readers) / sizeof(madt_readers[0]); i++)
            if (madt_readers[i].type == type && entry_len >= madt_readers[i].len_min)
                madt_readers[i].read(p, info);
        p += entry_len;
    }
    if (p != end)
        reader->warn("APIC", "truncated");
}

void acpi_read_mcfg(const struct acpi_reader *reader, const void *table, uint32_t len,
                    struct acpi_info *info)
{
    const size_t entry_len = sizeof(struct acpi_mcfg_entry);
    size_t cnt = (len - sizeof(struct acpi_mcfg)) / entry_len;

    if (len != sizeof(struct acpi_mcfg) + cnt * entry_len)
        reader->warn("MCFG", "truncated");
    for (size_t i = 0; i < cnt && info->ecam_cnt < FIRMWARE_ECAM_MAX; i++) {
        struct acpi_mcfg_entry e;

        memcpy(&e, (const uint8_t *)table + sizeof(struct acpi_mcfg) + i * sizeof(e), sizeof(e));
        if (e.base_pa == 0 || (e.base_pa & ~ECAM_BASE_MASK) != 0 || e.start_bus > e.end_bus) {
            reader->warn("MCFG", "bad entry");
            continue;
        }
        info->ecam[info->ecam_cnt++] = (struct firmware_ecam){
            .base_pa = e.base_pa,
            .segment = e.segment,
            .start_bus = e.start_bus,
            .end_bus = e.end_bus,
        };
    }
}

/* One element of a package of small integers; the byte behind it, or NULL. */
static const uint8_t *aml_integer(const uint8_t *p, const uint8_t *end, uint8_t *value)
{
    if (p < end && (*p == AML_ZERO_OP || *p == AML_ONE_OP)) {
        *value = *p;
        return p + 1;
    }
    if (end - p >= 2 && *p == AML_BYTE_PREFIX) {
        *value = p[1];
        return p + 2;
    }
    return NULL;
}

/* @p: behind the name _S5_. */
static bool read_s5_package(const uint8_t *p, const uint8_t *end, struct acpi_info *info)
{
    uint8_t a, b;

    if (end - p < 4 || *p != AML_PACKAGE_OP)
        return false;
    p++;
    p += 1 + (*p >> 6); /* PkgLength says in its top bits how many bytes follow */
    p++;                /* NumElements */
    if (p >= end)
        return false;
    p = aml_integer(p, end, &a);
    if (p == NULL || aml_integer(p, end, &b) == NULL)
        return false;
    info->has_s5 = true;
    info->s5_type_a = a;
    info->s5_type_b = b;
    return true;
}

static void read_dsdt(const struct acpi_reader *reader, uint64_t pa, struct acpi_info *info)
{
    uint32_t len;
    const uint8_t *table = acpi_table_map(reader, pa, "DSDT", sizeof(struct acpi_header), &len);
    const uint8_t *p, *end;

    if (table == NULL)
        return;
    end = table + len;
    for (p = table + sizeof(struct acpi_header); p + 4 <= end && !info->has_s5; p++) {
        p = memchr(p, '_', (size_t)(end - p));
        if (p == NULL || end - p < 4)
            break;
        if (memcmp(p, "_S5_", 4) == 0 &&
            (p[-1] == AML_NAME_OP || (p[-1] == '\\' && p[-2] == AML_NAME_OP)))
            read_s5_package(p + 4, end, info);
    }
    reader->unmap(table, len);
}

static struct acpi_register from_gas(const struct acpi_gas *gas, uint32_t port)
{
    struct acpi_register reg = {.address = port};

    if (gas->address != 0 && gas->space <= ACPI_GAS_PORT)
        reg = (struct acpi_register){.in_memory = gas->space == ACPI_GAS_MEMORY,
                                     .address = gas->address};
    return reg;
}

void acpi_read_fadt(const struct acpi_reader *reader, const void *table, uint32_t len,
                    struct acpi_info *info)
{
    struct acpi_fadt fadt = {0};
    struct acpi_register timer;
    uint64_t dsdt_pa;

    /* Older revisions are shorter: what they lack stays zero. */
    memcpy(&fadt, table, len < sizeof(fadt) ? len : sizeof(fadt));
    timer = from_gas(&fadt.x_pm_tmr_blk, fadt.pm_tmr_blk);
    if (!timer.in_memory && timer.address <= UINT16_MAX)
        info->pm_timer_port = (uint16_t)timer.address;
    info->hw_reduced = fadt.flags & ACPI_FADT_HW_REDUCED_ACPI;
    info->pm1a_control = from_gas(&fadt.x_pm1a_cnt_blk, fadt.pm1a_cnt_blk);
    info->pm1b_control = from_gas(&fadt.x_pm1b_cnt_blk, fadt.pm1b_cnt_blk);
    info->sleep_control = from_gas(&fadt.sleep_control_reg, 0);
    if (fadt.flags & ACPI_FADT_RESET_REG_SUP) {
        info->reset = from_gas(&fadt.reset_reg, 0);
        info->reset_value = fadt.reset_value;
    }
    if (fadt.smi_cmd <= UINT16_MAX && fadt.acpi_enable != 0) {
        info->smi_command_port = (uint16_t)fadt.smi_cmd;
        info->acpi_enable_value = fadt.acpi_enable;
    }
    dsdt_pa = fadt.x_dsdt != 0 ? fadt.x_dsdt : fadt.dsdt;
    if (dsdt_pa != 0)
        read_dsdt(reader, dsdt_pa, info);
}
