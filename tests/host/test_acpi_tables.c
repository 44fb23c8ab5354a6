/* What the parser takes out of MADT, MCFG, FADT and DSDT, and what it makes of damaged entries. */
/* sources: arch/x86_64/acpi.c arch/x86_64/acpi_tables.c arch/x86_64/acpi_srat.c
 * arch/x86_64/acpi_iommu.c arch/x86_64/text.c tests/host/fake/fake_acpi.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_acpi.h"

static void test_overrides(void **state)
{
    (void)state;
    acpi_fake_read();
    assert_int_equal(acpi_fake_info.override_cnt, 3);
    assert_int_equal(acpi_fake_info.overrides[0].isa_irq, 0);
    assert_int_equal(acpi_fake_info.overrides[0].gsi, 2);
    assert_false(acpi_fake_info.overrides[0].level || acpi_fake_info.overrides[0].low);
    assert_true(acpi_fake_info.overrides[1].level && !acpi_fake_info.overrides[1].low);
    assert_int_equal(acpi_fake_info.overrides[2].gsi, 20);
    assert_true(acpi_fake_info.overrides[2].level && acpi_fake_info.overrides[2].low);
}

static void test_madt_entry_lengths(void **state)
{
    static const uint8_t lengths[] = {0, 1, 200};

    (void)state;
    for (size_t i = 0; i < sizeof(lengths); i++) {
        acpi_fake_setup(NULL);
        memcpy(acpi_fake_append(MADT_PA, 2), (uint8_t[]){ACPI_MADT_LAPIC, lengths[i]}, 2);
        acpi_fake_seal(MADT_PA);
        acpi_fake_read();
        assert_string_equal(acpi_fake_warnings, "APIC: bad entry length\n");
        assert_int_equal(acpi_fake_info.cpu_cnt, 3);
    }
    /* Long enough for the walk, too short for its type: passed over. */
    acpi_fake_setup(NULL);
    memcpy(acpi_fake_append(MADT_PA, 4), "\x00\x04\x01\x01", 4);
    acpi_fake_seal(MADT_PA);
    acpi_fake_read();
    assert_string_equal(acpi_fake_warnings, "");
    assert_int_equal(acpi_fake_info.cpu_cnt, 3);
}

static void add_x2apic_cpu(uint32_t apic_id, uint32_t flags)
{
    const struct acpi_madt_x2apic e = {
        .entry = {ACPI_MADT_X2APIC, sizeof(e)},
        .apic_id = apic_id,
        .flags = flags,
    };

    memcpy(acpi_fake_append(MADT_PA, sizeof(e)), &e, sizeof(e));
}

/* Each once, in the order of the table, in whichever format; not those that are not enabled. */
static void test_cpus(void **state)
{
    (void)state;
    acpi_fake_cpu(9, ACPI_MADT_CPU_ENABLED);
    acpi_fake_cpu(10, 0);
    add_x2apic_cpu(9, ACPI_MADT_CPU_ENABLED);
    add_x2apic_cpu(300, ACPI_MADT_CPU_ENABLED);
    add_x2apic_cpu(301, 0);
    acpi_fake_cpu(8, ACPI_MADT_CPU_ENABLED);
    acpi_fake_cpu(9, ACPI_MADT_CPU_ENABLED);
    acpi_fake_seal(MADT_PA);
    acpi_fake_read();
    assert_int_equal(acpi_fake_info.cpu_cnt, 3 + 3);
    assert_int_equal(acpi_fake_info.cpu_apic_ids[3], 9);
    assert_int_equal(acpi_fake_info.cpu_apic_ids[4], 300);
    assert_int_equal(acpi_fake_info.cpu_apic_ids[5], 8);
}

static void test_more_than_fits(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CPU_MAX + 10; i++)
        acpi_fake_cpu((uint8_t)(i + 100), ACPI_MADT_CPU_ENABLED);
    acpi_fake_seal(MADT_PA);
    acpi_fake_read();
    assert_int_equal(acpi_fake_info.cpu_cnt, 3 + CPU_MAX + 10);
    assert_int_equal(acpi_fake_info.cpu_apic_ids[CPU_MAX - 1], 100 + CPU_MAX - 4);

    acpi_fake_setup(NULL);
    for (unsigned i = 0; i < FIRMWARE_ECAM_MAX + 3; i++)
        acpi_fake_ecam(0x10000000ull * (i + 1), (uint16_t)i, 0, 255);
    acpi_fake_seal(MCFG_PA);
    acpi_fake_read();
    assert_int_equal(acpi_fake_info.ecam_cnt, FIRMWARE_ECAM_MAX);
}

static void test_bad_mcfg_entries(void **state)
{
    (void)state;
    acpi_fake_table(MCFG_PA, "MCFG", sizeof(struct acpi_mcfg));
    acpi_fake_ecam(0, 0, 0, 255);
    acpi_fake_ecam(0xb0000000, 0, 10, 9);
    acpi_fake_ecam(0xfffffffff0000000, 0, 0, 255);
    acpi_fake_ecam(0xe0000000, 0, 0, 1);
    acpi_fake_append(MCFG_PA, 7); /* less than an entry */
    acpi_fake_seal(MCFG_PA);
    acpi_fake_read();
    assert_string_equal(acpi_fake_warnings,
                        "MCFG: truncated\nMCFG: bad entry\nMCFG: bad entry\nMCFG: bad entry\n");
    assert_int_equal(acpi_fake_info.ecam_cnt, 1);
    assert_int_equal(acpi_fake_info.ecam[0].base_pa, 0xe0000000);
}

static void test_s5(void **state)
{
    static const struct {
        const char *aml;
        size_t len;
        bool found;
        uint8_t a, b;
    } cases[] = {
        {"\x08_S5_\x12\x07\x04\x0a\x05\x01\x00\x00", 12, true, 5, 1},
        {"\x08\\_S5_\x12\x06\x04\x00\x00\x00\x00", 12, true, 0, 0},
        {"\x08_S5_\x12\x47\x00\x04\x0a\x07\x0a\x06\x00\x00", 14, true, 7,
         6},                                                       /* two-byte PkgLength */
        {"\x10_S5_\x12\x06\x04\x00\x00", 10, false, 0, 0},         /* not a Name */
        {"\x08_S5_\x0a\x05", 7, false, 0, 0},                      /* not a package */
        {"\x08_S5_\x12\x06\x02\x0b\x05\x00\x01", 11, false, 0, 0}, /* no small integer */
        {"\x08_S5_\x12\xc6", 7, false, 0, 0},                      /* cut off */
        {"____S5__S5_S5", 13, false, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        acpi_fake_setup(NULL);
        acpi_fake_dsdt(cases[i].aml, cases[i].len);
        acpi_fake_read();
        assert_string_equal(acpi_fake_warnings, "");
        assert_int_equal(acpi_fake_info.has_s5, cases[i].found);
        assert_int_equal(acpi_fake_info.s5_type_a, cases[i].a);
        assert_int_equal(acpi_fake_info.s5_type_b, cases[i].b);
    }
}

static void test_bad_dsdt(void **state)
{
    (void)state;
    ((struct acpi_header *)acpi_fake_at(DSDT_PA))->checksum++;
    acpi_fake_read();
    assert_string_equal(acpi_fake_warnings, "DSDT: bad checksum\n");
    assert_false(acpi_fake_info.has_s5);
    assert_int_equal(acpi_fake_info.pm_timer_port, 0x608);
}

static void test_hw_reduced_fadt(void **state)
{
    struct acpi_fadt *fadt = acpi_fake_fadt(sizeof(*fadt));

    (void)state;
    fadt->flags = ACPI_FADT_HW_REDUCED_ACPI | ACPI_FADT_RESET_REG_SUP;
    fadt->pm_tmr_blk = 0;
    fadt->smi_cmd = 0;
    fadt->dsdt = 0;
    fadt->x_dsdt = DSDT_PA;
    fadt->sleep_control_reg = (struct acpi_gas){ACPI_GAS_MEMORY, 8, 0, 1, 0xfea00200};
    fadt->reset_reg = (struct acpi_gas){ACPI_GAS_MEMORY, 8, 0, 1, 0xfea00202};
    fadt->reset_value = 0x42;
    fadt->x_pm1a_cnt_blk =
        (struct acpi_gas){2, 8, 0, 1, 0x1234}; /* PCI configuration space: not supported */
    acpi_fake_seal(FADT_PA);
    acpi_fake_read();
    assert_string_equal(acpi_fake_warnings, "");
    assert_true(acpi_fake_info.hw_reduced && acpi_fake_info.has_s5);
    assert_int_equal(acpi_fake_info.pm_timer_port, 0);
    assert_int_equal(acpi_fake_info.smi_command_port, 0);
    assert_true(acpi_fake_info.sleep_control.in_memory && acpi_fake_info.reset.in_memory);
    assert_int_equal(acpi_fake_info.sleep_control.address, 0xfea00200);
    assert_int_equal(acpi_fake_info.reset.address, 0xfea00202);
    assert_int_equal(acpi_fake_info.reset_value, 0x42);
    assert_int_equal(acpi_fake_info.pm1a_control.address, 0x604);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_overrides, acpi_fake_setup),
        cmocka_unit_test_setup(test_madt_entry_lengths, acpi_fake_setup),
        cmocka_unit_test_setup(test_cpus, acpi_fake_setup),
        cmocka_unit_test_setup(test_more_than_fits, acpi_fake_setup),
        cmocka_unit_test_setup(test_bad_mcfg_entries, acpi_fake_setup),
        cmocka_unit_test_setup(test_s5, acpi_fake_setup),
        cmocka_unit_test_setup(test_bad_dsdt, acpi_fake_setup),
        cmocka_unit_test_setup(test_hw_reduced_fadt, acpi_fake_setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
