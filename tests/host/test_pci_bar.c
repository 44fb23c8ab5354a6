/* Base address registers: every kind sized, nonsense refused, mappings kept within bounds. */
/* sources: pci/pci_bar.c pci/pci_cap.c pci/pci_config.c tests/host/fake/fake_pci.c
 * tests/host/fake/log.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_log.h"
#include "fake_pci.h"
#include "pci/pci_private.h"

struct list pci_devices = LIST_INIT(pci_devices);

static struct fake_pci_function *fn;
static struct pci_device pdev;

static int setup(void **state)
{
    (void)state;
    fake_pci_reset();
    fake_log_clear();
    fn = fake_pci_add(NULL, 3, 0, 0x1af4, 0x1000);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_pci_reset();
    return 0;
}

static void expect_bar(unsigned index, enum pci_bar_kind kind, bool prefetchable, uint64_t base,
                       uint64_t len)
{
    const struct pci_bar *bar = &pdev.bars[index];

    assert_int_equal(bar->kind, kind);
    assert_int_equal(bar->prefetchable, prefetchable);
    assert_int_equal(bar->base, base);
    assert_int_equal(bar->len, len);
}

static void test_every_kind_is_sized(void **state)
{
    (void)state;
    fake_pci_set_bar(fn, 0, 1, 0x20, 0xc000);
    fake_pci_set_bar(fn, 1, 0, 0x1000, 0xfebd1000);
    fake_pci_set_bar(fn, 2, 8, 0x100000, 0xf0000000);
    fake_pci_set_bar(fn, 4, 0xc, 0x4000, 0xe000000000);
    fake_pci_device(fn, &pdev);
    expect_bar(0, PCI_BAR_IO, false, 0xc000, 0x20);
    expect_bar(1, PCI_BAR_MEM32, false, 0xfebd1000, 0x1000);
    expect_bar(2, PCI_BAR_MEM32, true, 0xf0000000, 0x100000);
    expect_bar(3, PCI_BAR_NONE, false, 0, 0);
    expect_bar(4, PCI_BAR_MEM64, true, 0xe000000000, 0x4000);
    expect_bar(5, PCI_BAR_NONE, false, 0, 0);
}

static void test_sizing_decodes_nothing_and_restores_everything(void **state)
{
    uint8_t before[PCI_CFG_SPACE_LEN];

    (void)state;
    fake_pci_set_bar(fn, 0, 1, 0x20, 0xc000);
    fake_pci_set_bar(fn, 1, 4, 0x100000000, 0x300000000);
    fake_pci_put(fn, PCI_COMMAND, 2, 0x0507);
    memcpy(before, fn->config, sizeof(before));
    fake_pci_device(fn, &pdev);
    expect_bar(1, PCI_BAR_MEM64, false, 0x300000000, 0x100000000);
    assert_int_equal(fn->bar_writes_decoding, 0);
    assert_memory_equal(before, fn->config, sizeof(before));
}

static void test_a_64_bit_bar_does_not_fit_the_last_register(void **state)
{
    (void)state;
    fake_pci_put(fn, PCI_BASE_ADDRESS(5), 4, 0xfe000004);
    fake_pci_put(fn, PCI_CAPABILITY_LIST, 4, 0);
    memset(fn->writable + PCI_BASE_ADDRESS(5), 0xff, 4);
    fn->writable[PCI_BASE_ADDRESS(5)] = 0;
    fake_pci_device(fn, &pdev);
    expect_bar(5, PCI_BAR_NONE, false, 0, 0);
    assert_true(fake_log_has("BAR 5 makes no sense"));
}

static void test_bridges_have_two_bars(void **state)
{
    (void)state;
    fake_pci_make_bridge(fn);
    fake_pci_set_bar(fn, 0, 0, 0x1000, 0xfe000000);
    fake_pci_bridge_numbers(fn, 0, 1, 2);
    fake_pci_device(fn, &pdev);
    expect_bar(0, PCI_BAR_MEM32, false, 0xfe000000, 0x1000);
    expect_bar(2, PCI_BAR_NONE, false, 0, 0);
    assert_int_equal(fn->config[PCI_SUBORDINATE_BUS], 2);
}

static void test_decode_refuses_nonsense(void **state)
{
    static const struct pci_bar_probe bad[] = {
        {.low = 0xffffffff, .low_mask = 0xffffffff}, /* nobody there */
        {.low = 0x00000000, .low_mask = 0xfffff001}, /* kind changes when written */
        {.low = 0x00000008, .low_mask = 0xfffff000}, /* flag changes when written */
        {.low = 0x00000000, .low_mask = 0xfff0f000}, /* gap in the mask */
        {.low = 0x00000000, .low_mask = 0x000ff000}, /* upper bits fixed */
        {.low = 0x00000002, .low_mask = 0xfffff002}, /* type reserved: below 1 MiB */
        {.low = 0x00000006, .low_mask = 0xfffff006}, /* type reserved */
        {.low = 0x00000001, .low_mask = 0x00000001}, /* I/O without address bits */
        {.low = 0x00000003, .low_mask = 0xffffff03}, /* I/O with reserved bit */
        {.low = 0x00000001, .low_mask = 0x0000f0e1}, /* I/O with gap */
        {.low = 0x00000004, .low_mask = 0x00000004}, /* 64-bit without address bits */
        {.low = 0x00000004, .low_mask = 0xfffff004}, /* 64-bit, upper half fixed */
        {.low = 0x00000008, .low_mask = 0x00000008}, /* 32-bit with flags only */
        {.low = 0x00000800, .low_mask = 0xfffff000}, /* address bit below the length */
        {.low = 0x4, .high = 1, .low_mask = 0x4, .high_mask = 0xfffffffe}, /* the same, 64-bit */
    };
    struct pci_bar bar;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        bar.kind = PCI_BAR_IO;
        assert_int_equal(pci_bar_decode(&bad[i], &bar), -EINVAL);
        assert_int_equal(bar.kind, PCI_BAR_NONE);
    }
}

static void test_decode_takes_the_unusual(void **state)
{
    static const struct {
        struct pci_bar_probe probe;
        struct pci_bar bar;
    } good[] = {
        {{.low = 0}, {.kind = PCI_BAR_NONE}},
        /* a 16-bit port decoder, and a 32-bit one */
        {{.low = 0xc041, .low_mask = 0xffc1}, {PCI_BAR_IO, false, 0xc040, 0x40}},
        {{.low = 0xc041, .low_mask = 0xffffffc1}, {PCI_BAR_IO, false, 0xc040, 0x40}},
        {{.low = 0xfffd, .low_mask = 0xfffd}, {PCI_BAR_IO, false, 0xfffc, 4}},
        /* a port that the CPU does not have counts as unassigned */
        {{.low = 0x10041, .low_mask = 0xffffffc1}, {PCI_BAR_IO, false, 0, 0x40}},
        /* smallest and largest memory */
        {{.low = 0xfe000010, .low_mask = 0xfffffff0}, {PCI_BAR_MEM32, false, 0xfe000010, 16}},
        {{.low = 0, .low_mask = 0x80000000}, {PCI_BAR_MEM32, false, 0, 0x80000000}},
        {{.low = 0xc, .high = 8, .low_mask = 0xc, .high_mask = 0xfffffff8},
         {PCI_BAR_MEM64, true, 0x800000000, 0x800000000}},
        {{.low = 4, .low_mask = 4, .high_mask = 0x80000000},
         {PCI_BAR_MEM64, false, 0, 0x8000000000000000}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        struct pci_bar bar;

        assert_int_equal(pci_bar_decode(&good[i].probe, &bar), 0);
        assert_int_equal(bar.kind, good[i].bar.kind);
        assert_int_equal(bar.prefetchable, good[i].bar.prefetchable);
        assert_int_equal(bar.base, good[i].bar.base);
        assert_int_equal(bar.len, good[i].bar.len);
    }
}

static void test_assign_writes_while_not_decoding_and_verifies(void **state)
{
    (void)state;
    fake_pci_set_bar(fn, 0, 4, 0x4000, 0);
    fake_pci_set_bar(fn, 2, 1, 0x20, 0);
    fake_pci_put(fn, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
    fake_pci_device(fn, &pdev);
    assert_int_equal(pci_bar_assign(&pdev, 0, 0x1c0000000), 0);
    assert_int_equal(fake_pci_bar_base(fn, 0), 0x1c0000000);
    assert_int_equal(pdev.bars[0].base, 0x1c0000000);
    assert_int_equal(pci_bar_assign(&pdev, 2, 0xc020), 0);
    assert_int_equal(fake_pci_bar_base(fn, 2), 0xc020);
    assert_int_equal(fn->bar_writes_decoding, 0);
    assert_int_equal(fake_pci_get(fn, PCI_COMMAND, 2), PCI_COMMAND_MEMORY);

    /* A register that lost a bit since it was sized. */
    fake_pci_set_bar(fn, 4, 0, 0x1000, 0);
    fake_pci_device(fn, &pdev);
    fn->writable[PCI_BASE_ADDRESS(4) + 3] = 0x7f;
    assert_int_equal(pci_bar_assign(&pdev, 4, 0xc0000000), -EIO);
    assert_int_equal(pdev.bars[4].base, 0);
    assert_int_equal(fake_pci_bar_base(fn, 4), 0);
}

static void test_mapping_stays_within_the_bar(void **state)
{
    uint8_t *va;

    (void)state;
    fake_pci_set_bar(fn, 0, 1, 0x20, 0xc000);
    fake_pci_set_bar(fn, 1, 0, 0x1000, 0xfebd1000);
    fake_pci_set_bar(fn, 2, 0, 0x1000, 0);
    fake_pci_put(fn, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
    fake_pci_device(fn, &pdev);
    va = pci_bar_map(&pdev, 1, 0x800, 0x800);
    assert_ptr_equal(va, fn->memory[1] + 0x800);
    pci_bar_unmap(&pdev, va, 0x800);
    assert_null(pci_bar_map(&pdev, 1, 0x800, 0x801));
    assert_null(pci_bar_map(&pdev, 1, 0x1001, 1));
    assert_null(pci_bar_map(&pdev, 1, UINT64_MAX, 2));
    assert_null(pci_bar_map(&pdev, 1, 2, SIZE_MAX));
    assert_null(pci_bar_map(&pdev, 1, 0, 0));
    assert_null(pci_bar_map(&pdev, 0, 0, 4)); /* I/O */
    assert_null(pci_bar_map(&pdev, 2, 0, 4)); /* unassigned */
    assert_null(pci_bar_map(&pdev, 3, 0, 4)); /* absent */
    assert_null(pci_bar_map(&pdev, 6, 0, 4));
    assert_null(pci_bar_map(&pdev, 0xffffffff, 0, 4));
    assert_int_equal(fake_pci_map_cnt, 0);
}

static void test_registers_out_of_reach_read_as_ones(void **state)
{
    (void)state;
    fake_pci_device(fn, &pdev);
    assert_int_equal(pci_read32(&pdev, PCI_CFG_SPACE_EXP_LEN), 0xffffffff);
    assert_int_equal(pci_read16(&pdev, 1), 0xffff);
    pdev.addr.device = 9;
    assert_int_equal(pci_read8(&pdev, 0), 0xff);
    pdev.addr.segment = 1;
    assert_int_equal(pci_read16(&pdev, 0), 0xffff);
    pci_write32(&pdev, PCI_CFG_SPACE_EXP_LEN, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_every_kind_is_sized, setup),
        cmocka_unit_test_setup(test_sizing_decodes_nothing_and_restores_everything, setup),
        cmocka_unit_test_setup(test_a_64_bit_bar_does_not_fit_the_last_register, setup),
        cmocka_unit_test_setup(test_bridges_have_two_bars, setup),
        cmocka_unit_test_setup(test_decode_refuses_nonsense, setup),
        cmocka_unit_test_setup(test_decode_takes_the_unusual, setup),
        cmocka_unit_test_setup(test_assign_writes_while_not_decoding_and_verifies, setup),
        cmocka_unit_test_setup(test_mapping_stays_within_the_bar, setup),
        cmocka_unit_test_setup(test_registers_out_of_reach_read_as_ones, setup),
    };

    return cmocka_run_group_tests(tests, NULL, teardown);
}
