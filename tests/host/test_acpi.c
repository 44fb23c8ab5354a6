/* From the RSDP to the tables: which root is taken, what is skipped, and with which words. */
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

static void check_madt_and_mcfg(void)
{
    assert_int_equal(acpi_fake_info.cpu_cnt, 3);
    assert_int_equal(acpi_fake_info.cpu_apic_ids[0], 0);
    assert_int_equal(acpi_fake_info.cpu_apic_ids[1], 3);
    assert_int_equal(acpi_fake_info.cpu_apic_ids[2], 0x123);
    assert_int_equal(acpi_fake_info.ioapic_cnt, 1);
    assert_int_equal(acpi_fake_info.ioapics[0].pa, 0xfec00000);
    assert_int_equal(acpi_fake_info.ecam_cnt, 2);
    assert_int_equal(acpi_fake_info.ecam[0].base_pa, 0xb0000000);
    assert_int_equal(acpi_fake_info.ecam[0].end_bus, 255);
    assert_int_equal(acpi_fake_info.ecam[1].base_pa, 0x4000000000);
    assert_int_equal(acpi_fake_info.ecam[1].segment, 1);
    assert_int_equal(acpi_fake_info.ecam[1].start_bus, 16);
}

static void test_everything(void **state)
{
    (void)state;
    acpi_fake_read();
    assert_string_equal(acpi_fake_warnings, "");
    check_madt_and_mcfg();
    assert_int_equal(acpi_fake_info.pm_timer_port, 0x608);
    assert_int_equal(acpi_fake_info.pm1a_control.address, 0x604);
    assert_false(acpi_fake_info.pm1a_control.in_memory);
    assert_int_equal(acpi_fake_info.pm1b_control.address, 0);
    assert_int_equal(acpi_fake_info.smi_command_port, 0xb2);
    assert_int_equal(acpi_fake_info.acpi_enable_value, 0xf1);
    assert_int_equal(acpi_fake_info.reset.address, 0);
    assert_false(acpi_fake_info.hw_reduced);
}

static void test_no_rsdp(void **state)
{
    (void)state;
    acpi_read(&acpi_fake_reader, 0, &acpi_fake_info);
    assert_string_equal(acpi_fake_warnings, "");
    acpi_read(&acpi_fake_reader, 0x1000, &acpi_fake_info);
    assert_string_equal(acpi_fake_warnings, "RSDP: cannot be read\n");
    assert_int_equal(acpi_fake_info.cpu_cnt, 0);
}

static void test_bad_rsdp(void **state)
{
    (void)state;
    ((struct acpi_rsdp *)acpi_fake_at(RSDP_PA))->checksum++;
    acpi_fake_read();
    assert_string_equal(acpi_fake_warnings, "RSDP: bad signature or checksum\n");
    assert_int_equal(acpi_fake_info.cpu_cnt, 0);
}

static void test_rsdt_of_revision_0(void **state)
{
    (void)state;
    acpi_fake_rsdp(0);
    memset(acpi_fake_at(ROOT64_PA), 0, 64);
    acpi_fake_read();
    assert_string_equal(acpi_fake_warnings, "");
    check_madt_and_mcfg();
}

static void test_bad_extended_checksum_falls_back(void **state)
{
    (void)state;
    ((struct acpi_rsdp *)acpi_fake_at(RSDP_PA))->extended_checksum++;
    acpi_fake_read();
    assert_string_equal(acpi_fake_warnings, "RSDP: bad checksum of its second part\n");
    check_madt_and_mcfg();
}

static void test_bad_xsdt_falls_back(void **state)
{
    (void)state;
    ((struct acpi_header *)acpi_fake_at(ROOT64_PA))->checksum++;
    acpi_fake_read();
    assert_string_equal(acpi_fake_warnings, "XSDT: bad checksum\n");
    check_madt_and_mcfg();
}

static void test_xsdt_is_preferred(void **state)
{
    const uint64_t tables[] = {MADT_PA};

    (void)state;
    acpi_fake_root(ROOT64_PA, "XSDT", 8, tables, 1);
    acpi_fake_read();
    assert_string_equal(acpi_fake_warnings, "");
    assert_int_equal(acpi_fake_info.cpu_cnt, 3);
    assert_int_equal(acpi_fake_info.ecam_cnt, 0);
}

static void test_bad_checksum_skips_one(void **state)
{
    (void)state;
    ((struct acpi_header *)acpi_fake_at(MCFG_PA))->checksum++;
    acpi_fake_read();
    assert_string_equal(acpi_fake_warnings, "MCFG: bad checksum\n");
    assert_int_equal(acpi_fake_info.ecam_cnt, 0);
    assert_int_equal(acpi_fake_info.cpu_cnt, 3);
}

static void test_truncated_tables(void **state)
{
    (void)state;
    ((struct acpi_header *)acpi_fake_at(MADT_PA))->length = sizeof(struct acpi_madt) - 1;
    acpi_fake_seal(MADT_PA);
    ((struct acpi_header *)acpi_fake_at(MCFG_PA))->length = 0;
    ((struct acpi_header *)acpi_fake_at(FADT_PA))->length = ACPI_FAKE_LEN;
    acpi_fake_read();
    assert_string_equal(acpi_fake_warnings, "FACP: truncated\nAPIC: truncated\nMCFG: truncated\n");
    assert_int_equal(
        acpi_fake_info.cpu_cnt + acpi_fake_info.ecam_cnt + acpi_fake_info.pm_timer_port, 0);
}

static void test_huge_length(void **state)
{
    (void)state;
    ((struct acpi_header *)acpi_fake_at(MADT_PA))->length = 0xffffffff;
    acpi_fake_read();
    assert_string_equal(acpi_fake_warnings, "APIC: bad length\n");
    assert_int_equal(acpi_fake_info.ecam_cnt, 2);
}

static void test_unreadable_table(void **state)
{
    const uint64_t tables[] = {0x123456789000, MCFG_PA};

    (void)state;
    acpi_fake_root(ROOT64_PA, "XSDT", 8, tables, 2);
    acpi_fake_read();
    assert_string_equal(acpi_fake_warnings, "table: cannot be read\n");
    assert_int_equal(acpi_fake_info.ecam_cnt, 2);
}

/* Whatever single byte is wrong, with and without a right checksum, the parser ends, gives its
 * mappings back and reads nothing it may not. */
static void test_any_byte_damaged(void **state)
{
    static const uint64_t tables[] = {MADT_PA, MCFG_PA, FADT_PA, DSDT_PA};

    (void)state;
    for (size_t off = 0; off < 0x1100; off++) {
        acpi_fake_setup(NULL);
        acpi_fake_memory[off] ^= 0xff;
        acpi_fake_read();
        for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
            if (((struct acpi_header *)acpi_fake_at(tables[i]))->length < TABLE_SPACE)
                acpi_fake_seal(tables[i]);
        acpi_fake_warnings[0] = '\0';
        acpi_fake_read();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_everything, acpi_fake_setup),
        cmocka_unit_test_setup(test_no_rsdp, acpi_fake_setup),
        cmocka_unit_test_setup(test_bad_rsdp, acpi_fake_setup),
        cmocka_unit_test_setup(test_rsdt_of_revision_0, acpi_fake_setup),
        cmocka_unit_test_setup(test_bad_extended_checksum_falls_back, acpi_fake_setup),
        cmocka_unit_test_setup(test_bad_xsdt_falls_back, acpi_fake_setup),
        cmocka_unit_test_setup(test_xsdt_is_preferred, acpi_fake_setup),
        cmocka_unit_test_setup(test_bad_checksum_skips_one, acpi_fake_setup),
        cmocka_unit_test_setup(test_truncated_tables, acpi_fake_setup),
        cmocka_unit_test_setup(test_huge_length, acpi_fake_setup),
        cmocka_unit_test_setup(test_unreadable_table, acpi_fake_setup),
        cmocka_unit_test_setup(test_any_byte_damaged, acpi_fake_setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
