/* IOMMUs out of DMAR, IVRS and VIOT, and what is made of tables that cannot be right. */
/* sources: arch/x86_64/acpi.c arch/x86_64/acpi_tables.c arch/x86_64/acpi_srat.c
 * arch/x86_64/acpi_iommu.c arch/x86_64/text.c tests/host/fake/fake_acpi.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_acpi.h"

#define TABLE_PA (ACPI_FAKE_BASE + 0x2000)

static void make_table(const char *signature)
{
    const uint64_t tables[] = {TABLE_PA, MADT_PA};

    acpi_fake_root(ROOT64_PA, "XSDT", 8, tables, 2);
    acpi_fake_table(TABLE_PA, signature, sizeof(struct acpi_dmar));
}

static void add_drhd(uint16_t type, uint16_t length, uint64_t base_pa)
{
    const struct acpi_dmar_drhd e = {
        .type = type, .length = length, .flags = 1, .base_pa = base_pa};

    memcpy(acpi_fake_append(TABLE_PA, sizeof(e)), &e, sizeof(e));
}

static void add_ivhd(uint8_t type, uint64_t base_pa)
{
    const struct acpi_ivrs_ivhd e = {
        .type = type, .length = sizeof(e), .device_id = 0x10, .base_pa = base_pa};

    memcpy(acpi_fake_append(TABLE_PA, sizeof(e)), &e, sizeof(e));
}

static void add_viot(uint8_t type, uint16_t length, uint16_t requester)
{
    const struct acpi_viot_virtio_pci e = {.type = type, .length = length, .requester = requester};

    memcpy(acpi_fake_append(TABLE_PA, sizeof(e)), &e, sizeof(e));
}

/* Reads the tables: @cnt units, and these warnings; a warning means that there may be more units.
 */
static void expect(unsigned cnt, const char *warnings)
{
    acpi_fake_seal(TABLE_PA);
    acpi_fake_warnings[0] = '\0';
    acpi_fake_read();
    assert_string_equal(acpi_fake_warnings, warnings);
    assert_int_equal(acpi_fake_info.iommu_cnt, cnt);
    assert_int_equal(acpi_fake_info.iommu_unclear, warnings[0] != '\0');
}

static void test_none(void **state)
{
    (void)state;
    acpi_fake_read();
    assert_int_equal(acpi_fake_info.iommu_cnt, 0);
    assert_false(acpi_fake_info.iommu_unclear);
}

static void test_dmar(void **state)
{
    const struct firmware_iommu *unit = acpi_fake_info.iommus;

    (void)state;
    make_table("DMAR");
    add_drhd(ACPI_DMAR_DRHD, sizeof(struct acpi_dmar_drhd) + 8, 0xfed90000);
    /* Scopes are passed over, however odd: type, length 0, a path that would lead out. */
    memcpy(acpi_fake_append(TABLE_PA, 8), "\x03\x00\x00\x00\x00\xff\xff\xff", 8);
    add_drhd(1, sizeof(struct acpi_dmar_drhd), 0);
    add_drhd(ACPI_DMAR_DRHD, sizeof(struct acpi_dmar_drhd), 0xfed91000);
    expect(2, "");
    assert_int_equal(unit[0].kind, FIRMWARE_IOMMU_VTD);
    assert_int_equal(unit[0].base_pa, 0xfed90000);
    assert_int_equal(unit[1].base_pa, 0xfed91000);
}

static void test_ivrs(void **state)
{
    (void)state;
    make_table("IVRS");
    add_ivhd(ACPI_IVRS_IVHD_10, 0xfed80000);
    add_ivhd(ACPI_IVRS_IVHD_11, 0xfed80000); /* the same one, for newer readers */
    add_ivhd(0x21, 1);
    expect(1, "");
    assert_int_equal(acpi_fake_info.iommus[0].kind, FIRMWARE_IOMMU_AMD);
    assert_int_equal(acpi_fake_info.iommus[0].base_pa, 0xfed80000);
    add_ivhd(ACPI_IVRS_IVHD_40, 0xfed80800);
    expect(1, "IVRS: bad register address at byte 120\n");
}

static void test_viot(void **state)
{
    struct acpi_viot *viot;

    (void)state;
    make_table("VIOT");
    viot = acpi_fake_at(TABLE_PA);
    viot->node_cnt = 2;
    viot->node_off = sizeof(*viot);
    add_viot(1, 16, 0);
    add_viot(ACPI_VIOT_VIRTIO_PCI, 16, 0x18);
    expect(1, "");
    assert_int_equal(acpi_fake_info.iommus[0].kind, FIRMWARE_IOMMU_VIRTIO);
    assert_int_equal(acpi_fake_info.iommus[0].requester, 0x18);
    viot->node_off = 4;
    expect(0, "VIOT: bad offset of its nodes\n");
    viot->node_off = 0x1000;
    expect(0, "VIOT: bad offset of its nodes\n");
}

static void test_bad_lengths(void **state)
{
    static const struct {
        uint16_t length;
        const char *warning;
    } cases[] = {
        {0, "DMAR: bad entry length at byte 64\n"},
        {3, "DMAR: bad entry length at byte 64\n"},
        {15, "DMAR: unit too short at byte 64\n"},
        {17, "DMAR: bad entry length at byte 64\n"},
        {0xffff, "DMAR: bad entry length at byte 64\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        make_table("DMAR");
        add_drhd(ACPI_DMAR_DRHD, sizeof(struct acpi_dmar_drhd), 0xfed90000);
        add_drhd(ACPI_DMAR_DRHD, cases[i].length, 0xfed91000);
        expect(1, cases[i].warning);
    }
    make_table("DMAR");
    acpi_fake_append(TABLE_PA, 3);
    expect(0, "DMAR: truncated at byte 48\n");
}

static void test_bad_units(void **state)
{
    (void)state;
    make_table("DMAR");
    add_drhd(ACPI_DMAR_DRHD, sizeof(struct acpi_dmar_drhd), 0);
    expect(0, "DMAR: bad register address at byte 48\n");
    make_table("DMAR");
    for (unsigned i = 0; i <= FIRMWARE_IOMMU_MAX; i++)
        add_drhd(ACPI_DMAR_DRHD, sizeof(struct acpi_dmar_drhd), 0xfed00000 + 0x1000 * i);
    expect(FIRMWARE_IOMMU_MAX, "DMAR: more units than expected at byte 304\n");
}

static void test_unreadable_table(void **state)
{
    struct acpi_header *header;

    (void)state;
    make_table("DMAR");
    acpi_fake_seal(TABLE_PA);
    header = acpi_fake_at(TABLE_PA);
    header->checksum++;
    acpi_fake_read();
    assert_true(acpi_fake_info.iommu_unclear);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_none, acpi_fake_setup),
        cmocka_unit_test_setup(test_dmar, acpi_fake_setup),
        cmocka_unit_test_setup(test_ivrs, acpi_fake_setup),
        cmocka_unit_test_setup(test_viot, acpi_fake_setup),
        cmocka_unit_test_setup(test_bad_lengths, acpi_fake_setup),
        cmocka_unit_test_setup(test_bad_units, acpi_fake_setup),
        cmocka_unit_test_setup(test_unreadable_table, acpi_fake_setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
