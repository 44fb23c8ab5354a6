/* Proximity domains out of the SRAT, and the nodes that the CPUs in use get from them. */
/* sources: arch/x86_64/acpi.c arch/x86_64/acpi_tables.c arch/x86_64/acpi_srat.c
 * arch/x86_64/acpi_iommu.c arch/x86_64/text.c tests/host/fake/fake_acpi.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_acpi.h"

#define SRAT_PA (ACPI_FAKE_BASE + 0x2000)

static void make_srat(uint8_t revision)
{
    const uint64_t tables[] = {SRAT_PA, MADT_PA};

    acpi_fake_root(ROOT64_PA, "XSDT", 8, tables, 2);
    acpi_fake_table(SRAT_PA, "SRAT", sizeof(struct acpi_srat))->revision = revision;
}

static void add_lapic(uint8_t apic_id, uint32_t domain, uint32_t flags)
{
    const struct acpi_srat_lapic e = {
        .type = ACPI_SRAT_LAPIC,
        .length = sizeof(e),
        .domain_low = (uint8_t)domain,
        .domain_high = {(uint8_t)(domain >> 8), (uint8_t)(domain >> 16), (uint8_t)(domain >> 24)},
        .apic_id = apic_id,
        .flags = flags};

    memcpy(acpi_fake_append(SRAT_PA, sizeof(e)), &e, sizeof(e));
}

static void add_x2apic(uint32_t apic_id, uint32_t domain, uint32_t flags)
{
    const struct acpi_srat_x2apic e = {.type = ACPI_SRAT_X2APIC,
                                       .length = sizeof(e),
                                       .domain = domain,
                                       .apic_id = apic_id,
                                       .flags = flags};

    memcpy(acpi_fake_append(SRAT_PA, sizeof(e)), &e, sizeof(e));
}

static void read_srat(const char *warnings)
{
    acpi_fake_warnings[0] = '\0';
    acpi_fake_seal(SRAT_PA);
    acpi_fake_read();
    assert_string_equal(acpi_fake_warnings, warnings);
}

static int setup(void **state)
{
    acpi_fake_setup(state);
    make_srat(3);
    return 0;
}

/* Nodes of the CPUs with the APIC ids 0 to @cnt - 1, as digits. */
static const char *nodes_of(unsigned cnt, unsigned expected_cnt)
{
    static char text[CPU_MAX + 1];
    uint32_t apic_ids[CPU_MAX];
    uint8_t nodes[CPU_MAX];

    for (unsigned i = 0; i < cnt; i++)
        apic_ids[i] = i;
    assert_int_equal(acpi_nodes_assign(&acpi_fake_info, apic_ids, cnt, nodes), expected_cnt);
    for (unsigned i = 0; i < cnt; i++)
        text[i] = (char)('0' + nodes[i]);
    text[cnt] = '\0';
    return text;
}

static void test_no_table_is_one_node(void **state)
{
    acpi_fake_setup(state);
    acpi_fake_read();
    assert_int_equal(acpi_fake_info.domain_cnt, 0);
    assert_string_equal(nodes_of(4, 1), "0000");
}

static void test_both_kinds_of_entries(void **state)
{
    (void)state;
    add_lapic(0, 0, ACPI_SRAT_ENABLED);
    add_lapic(1, 1, ACPI_SRAT_ENABLED);
    memcpy(acpi_fake_append(SRAT_PA, 40), "\x01\x28", 2); /* memory: passed over */
    add_x2apic(2, 0, ACPI_SRAT_ENABLED);
    add_x2apic(3, 1, ACPI_SRAT_ENABLED);
    add_x2apic(0x12345, 7, ACPI_SRAT_ENABLED);
    read_srat("");
    assert_int_equal(acpi_fake_info.domain_cnt, 5);
    assert_int_equal(acpi_fake_info.domains[4].apic_id, 0x12345);
    assert_string_equal(nodes_of(4, 2), "0101");
}

static void test_numbers_have_no_gaps_and_follow_the_domains(void **state)
{
    (void)state;
    add_lapic(0, 0x700, ACPI_SRAT_ENABLED);
    add_lapic(1, 9, ACPI_SRAT_ENABLED);
    add_lapic(2, 0xfedcba98, ACPI_SRAT_ENABLED);
    add_lapic(3, 9, ACPI_SRAT_ENABLED);
    add_lapic(4, 1, ACPI_SRAT_ENABLED); /* a CPU that is not in use */
    read_srat("");
    assert_string_equal(nodes_of(4, 3), "1020");
}

static void test_entries_that_are_not_enabled_do_not_count(void **state)
{
    (void)state;
    add_lapic(0, 0, ACPI_SRAT_ENABLED);
    add_lapic(1, 1, 0);
    add_x2apic(1, 2, 0);
    read_srat("");
    assert_string_equal(nodes_of(2, 1), "00");
}

static void test_a_cpu_that_is_not_listed_is_on_node_0(void **state)
{
    (void)state;
    add_lapic(1, 4, ACPI_SRAT_ENABLED);
    add_lapic(2, 3, ACPI_SRAT_ENABLED);
    read_srat("");
    assert_string_equal(nodes_of(4, 2), "0100");
}

static void test_revision_1_has_domains_of_8_bits(void **state)
{
    (void)state;
    make_srat(1);
    add_lapic(0, 0xaabbcc02, ACPI_SRAT_ENABLED);
    add_lapic(1, 0x11223302, ACPI_SRAT_ENABLED);
    read_srat("");
    assert_int_equal(acpi_fake_info.domains[0].domain, 2);
    assert_string_equal(nodes_of(2, 1), "00");
}

static void test_damage_means_one_node(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *warning;
    } cases[] = {
        {"\x00", 1, "SRAT: truncated at byte 80, one node assumed\n"},
        {"\x00\x00", 2, "SRAT: bad entry length at byte 80, one node assumed\n"},
        {"\x01\x01\x00", 3, "SRAT: bad entry length at byte 80, one node assumed\n"},
        {"\x05\x04\x00", 3, "SRAT: bad entry length at byte 80, one node assumed\n"},
        {"\x00\x0f\0\0\0\0\0\0\0\0\0\0\0\0\0", 15,
         "SRAT: entry too short at byte 80, one node assumed\n"},
        {"\x02\x17\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 23,
         "SRAT: entry too short at byte 80, one node assumed\n"},
        {"\x00\x10\x02\x01\x01\0\0\0\0\0\0\0\0\0\0\0", 16,
         "SRAT: a CPU in two domains at byte 80, one node assumed\n"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        setup(state);
        add_lapic(0, 0, ACPI_SRAT_ENABLED);
        add_lapic(1, 1, ACPI_SRAT_ENABLED);
        memcpy(acpi_fake_append(SRAT_PA, cases[i].len), cases[i].bytes, cases[i].len);
        read_srat(cases[i].warning);
        assert_string_equal(nodes_of(2, 1), "00");
        assert_int_equal(acpi_fake_info.cpu_cnt, 3);
    }
}

static void test_bad_header(void **state)
{
    (void)state;
    acpi_fake_table(SRAT_PA, "SRAT", sizeof(struct acpi_srat) - 1);
    read_srat("SRAT: truncated\n");
    setup(state);
    add_lapic(0, 0, ACPI_SRAT_ENABLED);
    acpi_fake_seal(SRAT_PA);
    ((struct acpi_header *)acpi_fake_at(SRAT_PA))->checksum++;
    acpi_fake_warnings[0] = '\0';
    acpi_fake_read();
    assert_string_equal(acpi_fake_warnings, "SRAT: bad checksum\n");
    assert_int_equal(acpi_fake_info.domain_cnt, 0);
}

static void test_the_same_entry_twice_is_harmless(void **state)
{
    (void)state;
    add_lapic(0, 1, ACPI_SRAT_ENABLED);
    add_x2apic(0, 1, ACPI_SRAT_ENABLED);
    add_lapic(1, 2, ACPI_SRAT_ENABLED);
    read_srat("");
    assert_int_equal(acpi_fake_info.domain_cnt, 2);
    assert_string_equal(nodes_of(2, 2), "01");
}

static void test_more_than_fits(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ACPI_DOMAIN_MAX + 20; i++)
        add_x2apic(i, i / 64, ACPI_SRAT_ENABLED);
    read_srat("");
    assert_int_equal(acpi_fake_info.domain_cnt, ACPI_DOMAIN_MAX);
    assert_string_equal(nodes_of(4, 1), "0000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_table_is_one_node),
        cmocka_unit_test_setup(test_both_kinds_of_entries, setup),
        cmocka_unit_test_setup(test_numbers_have_no_gaps_and_follow_the_domains, setup),
        cmocka_unit_test_setup(test_entries_that_are_not_enabled_do_not_count, setup),
        cmocka_unit_test_setup(test_a_cpu_that_is_not_listed_is_on_node_0, setup),
        cmocka_unit_test_setup(test_revision_1_has_domains_of_8_bits, setup),
        cmocka_unit_test(test_damage_means_one_node),
        cmocka_unit_test_setup(test_bad_header, setup),
        cmocka_unit_test_setup(test_the_same_entry_twice_is_harmless, setup),
        cmocka_unit_test_setup(test_more_than_fits, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
