/* Addresses of virtual functions: which window, and what firmware gave. */
/* sources: pci/pci_sriov.c pci/pci_sriov_cap.c pci/pci_sriov_route.c pci/pci_sriov_place.c
 * pci/pci_sriov_vf.c pci/pci_scan.c pci/pci_enum.c pci/pci_quiesce.c pci/pci_place.c
 * pci/pci_window.c pci/pci_report.c pci/pci_bar.c pci/pci_cap.c pci/pci_config.c kernel/format.c
 * tests/host/fake/fake_pci.c tests/host/fake/fake_sriov.c tests/host/fake/report.c
 * tests/host/fake/log.c tests/host/fake/clock.c tests/host/fake/panic.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_clock.h"
#include "fake_log.h"
#include "fake_sriov.h"
#include "pci/pci_sriov_private.h"
#include "pci/sriov.h"

#define SRIOV(reg) (FAKE_SRIOV_CAP + PCI_SRIOV_##reg)
#define PORT       fake_sriov_the_port
#define PF         fake_sriov_the_pf

/* Where the lower half of an address is not all of it, only what has no room elsewhere. */
static void test_wide_ones_lie_above_4_gib_if_they_must(void **state)
{
    (void)state;
    fake_sriov_prefetch(PORT, 0xe000000000, 0xe010000000);
    fake_sriov_bar(PF, 0, 0x0c, 0x1000000, 0);
    fake_sriov_granted(8);
    assert_int_equal(fake_sriov_bar_base(PF, 0), 0xe000000000);
    assert_int_equal(fake_sriov_bar_base(PF, 3), 0xfe620000);
}

static void test_wide_ones_lie_below_4_gib_if_they_can(void **state)
{
    (void)state;
    fake_sriov_prefetch(PORT, 0xe000000000, 0xe000200000);
    fake_sriov_granted(8);
    assert_int_equal(fake_sriov_bar_base(PF, 0), 0xfe620000);
    assert_int_equal(fake_sriov_bar_base(PF, 3), 0xfe640000);
}

static void test_others_lie_below_4_gib(void **state)
{
    (void)state;
    fake_sriov_prefetch(PORT, 0xe000000000, 0xe000200000);
    fake_sriov_bar(PF, 0, 0x08, 0x4000, 0); /* prefetchable, 32 bits */
    fake_sriov_bar(PF, 3, 0x04, 0x8000, 0); /* 64 bits, not prefetchable */
    fake_sriov_granted(8);
    assert_int_equal(fake_sriov_bar_base(PF, 3), 0xfe620000); /* behind the PF's own */
    assert_int_equal(fake_sriov_bar_base(PF, 0), 0xfe660000);
}

static void test_a_closed_prefetchable_window(void **state)
{
    (void)state;
    fake_sriov_prefetch(PORT, 0xfff00000, 0x100000);
    fake_sriov_granted(8);
    assert_int_equal(fake_sriov_bar_base(PF, 0), 0xfe620000);
}

static void test_no_room_for_huge_ones(void **state)
{
    (void)state;
    fake_sriov_bar(PF, 0, 0x0c, 1ull << 30, 0);
    fake_sriov_refused(8, -ENOSPC,
                       "no room for VF BAR 0 of 8 virtual functions: 0x200000000 bytes");
}

static void test_fewer_may_fit(void **state)
{
    (void)state;
    fake_sriov_bar(PF, 0, 0x0c, 0x100000, 0);
    fake_sriov_refused(8, -ENOSPC, "no room for VF BAR 0");
    assert_int_equal(pci_sriov_enable(fake_sriov_found, 2), 0);
}

static void test_the_second_does_not_fit(void **state)
{
    (void)state;
    fake_sriov_bar(PF, 0, 0x08, 0x20000, 0);
    fake_sriov_bar(PF, 3, 0x00, 0x80000, 0); /* 2 of 4 fit behind the PF's own BAR */
    fake_sriov_refused(8, -ENOSPC, "no room for VF BAR 3");
}

static void test_lengths_beyond_all_windows(void **state)
{
    (void)state;
    fake_sriov_bar(PF, 0, 0x0c, 1ull << 62, 0);
    fake_sriov_found = fake_sriov_scan();
    assert_true(fake_log_has("VF BAR 0 is too large: not used"));
    assert_int_equal(pci_sriov_enable(fake_sriov_found, 8), 0);
    assert_int_equal(pci_sriov_vf(fake_sriov_found, 0)->bars[0].kind, PCI_BAR_NONE);
}

static void test_an_address_that_is_not_kept(void **state)
{
    (void)state;
    fake_sriov_found = fake_sriov_scan();
    fake_pci_allow(PF, SRIOV(BAR) + 12, 4, 0);
    fake_sriov_remember();
    assert_int_equal(pci_sriov_enable(fake_sriov_found, 8), -EIO);
    assert_true(fake_log_has("VF BAR 3 does not keep the address 0xfea20000"));
    assert_true(fake_sriov_unchanged());
}

static void test_io_is_none_of_theirs(void **state)
{
    (void)state;
    fake_sriov_bar(PF, 1, 0x01, 0x20, 0xc000);
    fake_sriov_bar(PF, 0, 0x00, 0x4000, 0);
    fake_sriov_found = fake_sriov_scan();
    assert_true(fake_log_has("VF BAR 1 is for I/O: not used"));
    assert_int_equal(pci_sriov_enable(fake_sriov_found, 8), 0);
    assert_int_equal(pci_sriov_vf(fake_sriov_found, 2)->bars[1].kind, PCI_BAR_NONE);
}

static void test_the_last_register_is_half_of_none(void **state)
{
    (void)state;
    fake_pci_put(PF, SRIOV(BAR) + 20, 4, 0x04);
    fake_pci_allow(PF, SRIOV(BAR) + 20, 4, 0xffffc000);
    fake_sriov_found = fake_sriov_scan();
    assert_true(fake_log_has("VF BAR 5 makes no sense"));
    assert_int_equal(pci_sriov_enable(fake_sriov_found, 8), 0);
}

/* ---- addresses that firmware gave */

static void firmware_says(uint64_t base, uint64_t expected)
{
    fake_sriov_bar(PF, 3, 0x0c, 0x4000, base);
    fake_sriov_found = fake_sriov_scan();
    assert_int_equal(pci_sriov_enable(fake_sriov_found, 8), 0);
    assert_int_equal(pci_sriov_vf(fake_sriov_found, 0)->bars[3].base, expected);
    assert_int_equal(fake_sriov_bar_base(PF, 3), expected);
    pci_sriov_disable(fake_sriov_found);
    assert_int_equal(fake_sriov_bar_base(PF, 3), expected == base ? base : 0);
}

static void test_firmwares_addresses_are_kept(void **state)
{
    (void)state;
    firmware_says(0xfea40000, 0xfea40000);
}

static void test_but_not_outside_the_windows(void **state)
{
    (void)state;
    firmware_says(0xfe900000, 0xfea20000);
}

static void test_nor_half_outside(void **state)
{
    (void)state;
    firmware_says(0xfebf0000, 0xfea20000);
}

static void test_nor_on_somebody_elses(void **state)
{
    (void)state;
    firmware_says(0xfe604000, 0xfea20000); /* the PF's own BAR */
}

static void test_nor_beyond_the_last_address(void **state)
{
    (void)state;
    firmware_says(0xffffffffffff0000, 0xfea20000);
}

static void test_a_bar_is_not_placed_where_firmware_put_theirs(void **state)
{
    struct fake_pci_function *late;

    (void)state;
    PF->config[PCI_HEADER_TYPE] |= PCI_HEADER_TYPE_MULTIFUNC;
    late = fake_pci_add(PORT, 0, 1, 0x1234, 0x5678);
    fake_pci_set_bar(late, 0, 0, 0x20000, 0);
    fake_firmware.mmio32 = (struct firmware_pci_window){0xc0000000, 0x3f000000};
    fake_sriov_bar(PF, 3, 0x0c, 0x4000, 0xfe620000);
    fake_sriov_found = fake_sriov_scan();
    assert_int_equal(fake_pci_bar_base(late, 0), 0xfe640000);
}

/* Nobody opened the port: what we open has room for them too, unless they want too much. */
static void opened(uint64_t vf_bar_len, bool with_room)
{
    fake_pci_reset();
    fake_sriov_machine();
    fake_firmware.mmio32 = (struct firmware_pci_window){0xc0000000, 0x10000000};
    fake_sriov_memory(PORT, 0xfff00000, 0x100000);
    fake_sriov_prefetch(PORT, 0xfff00000, 0x100000);
    fake_pci_set_bar(PF, 0, 0, 0x20000, 0);
    fake_sriov_bar(PF, 0, 0x0c, vf_bar_len, 0);
    fake_sriov_found = fake_sriov_scan();
    assert_true(fake_pci_bar_base(PF, 0) != 0);
    assert_int_equal(pci_sriov_enable(fake_sriov_found, 8), with_room ? 0 : -ENOSPC);
}

static void test_a_port_that_we_open_has_room_for_them(void **state)
{
    (void)state;
    opened(0x100000, true);
    pci_sriov_disable(fake_sriov_found);
    opened(0x1000000, false);
}

/* The host bridge's window is not known: the rest of the MiB of the lowest address. */
static void test_a_root_bus_of_which_nothing_is_known(void **state)
{
    struct fake_pci_function *root;

    (void)state;
    root = fake_sriov_pf(NULL, 7, 8);
    fake_pci_set_bar(root, 0, 0, 0x4000, 0xfd8f8000);
    fake_sriov_bar(root, 0, 0x04, 0x4000, 0);
    fake_sriov_bar(root, 2, 0x04, 0x8000, 0);
    fake_sriov_scan();
    fake_sriov_found = pci_find("00:07.0");
    assert_int_equal(pci_sriov_enable(fake_sriov_found, 8), 0);
    assert_int_equal(fake_sriov_bar_base(root, 2), 0xfd800000);
    assert_int_equal(fake_sriov_bar_base(root, 0), 0xfd840000);
    pci_sriov_disable(fake_sriov_found);
    fake_sriov_found->sriov->bars[2].len =
        0x20000; /* 8 of them are all of it, but for the function's own */
    assert_int_equal(pci_sriov_enable(fake_sriov_found, 8), -ENOSPC);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_sriov_setup, fake_sriov_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_wide_ones_lie_above_4_gib_if_they_must),
        TEST(test_wide_ones_lie_below_4_gib_if_they_can),
        TEST(test_others_lie_below_4_gib),
        TEST(test_a_closed_prefetchable_window),
        TEST(test_no_room_for_huge_ones),
        TEST(test_fewer_may_fit),
        TEST(test_the_second_does_not_fit),
        TEST(test_lengths_beyond_all_windows),
        TEST(test_an_address_that_is_not_kept),
        TEST(test_io_is_none_of_theirs),
        TEST(test_the_last_register_is_half_of_none),
        TEST(test_firmwares_addresses_are_kept),
        TEST(test_but_not_outside_the_windows),
        TEST(test_nor_half_outside),
        TEST(test_nor_on_somebody_elses),
        TEST(test_nor_beyond_the_last_address),
        TEST(test_a_bar_is_not_placed_where_firmware_put_theirs),
        TEST(test_a_port_that_we_open_has_room_for_them),
        TEST(test_a_root_bus_of_which_nothing_is_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
