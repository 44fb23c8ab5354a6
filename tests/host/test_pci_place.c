/* Placing BARs that nobody gave an address: aligned, apart, inside every window above them. */
/* sources: pci/pci_scan.c pci/pci_sriov_cap.c pci/pci_enum.c pci/pci_place.c pci/pci_window.c
 * pci/pci_report.c pci/pci_bar.c pci/pci_cap.c pci/pci_config.c kernel/format.c
 * tests/host/fake/fake_pci.c tests/host/fake/report.c tests/host/fake/log.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_log.h"
#include "fake_pci.h"
#include "pci/pci_private.h"

#define WINDOW_BASE 0xc0000000ull
#define WINDOW_END  0xe0000000ull

static int setup(void **state)
{
    (void)state;
    fake_pci_reset();
    fake_log_clear();
    fake_firmware.mmio32 = (struct firmware_pci_window){WINDOW_BASE, WINDOW_END - WINDOW_BASE};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_pci_reset();
    return 0;
}

static struct fake_pci_function *bridge(struct fake_pci_function *parent, uint8_t device)
{
    struct fake_pci_function *fn = fake_pci_add(parent, device, 0, 0x1b36, 0x0001);

    fake_pci_make_bridge(fn);
    return fn;
}

static struct fake_pci_function *device(struct fake_pci_function *parent, uint8_t number)
{
    return fake_pci_add(parent, number, 0, 0x1af4, 0x1041);
}

static const struct pci_device *above(const struct pci_device *pdev)
{
    for (struct pci_device *up = pci_first(); up; up = pci_next(up))
        if (up->secondary_bus != 0 && up->secondary_bus == pdev->addr.bus)
            return up;
    return NULL;
}

static void scan_and_check(void)
{
    pci_config_init();
    assert_int_equal(pci_scan(), 0);
    for (struct pci_device *a = pci_first(); a; a = pci_next(a)) {
        for (unsigned i = 0; i < PCI_BAR_CNT; i++) {
            const struct pci_bar *one = &a->bars[i];
            const bool io = one->kind == PCI_BAR_IO;

            if (one->kind == PCI_BAR_NONE || one->base == 0)
                continue;
            assert_int_equal(one->base % one->len, 0);
            for (const struct pci_device *up = above(a); up; up = above(up)) {
                const struct pci_window window =
                    io ? pci_space_io.read(up) : pci_space_memory.read(up);

                assert_true(one->base >= window.base && one->base + one->len <= window.end);
                assert_int_equal(pci_read16(up, PCI_COMMAND) & 7, 7);
            }
            for (struct pci_device *b = pci_first(); b; b = pci_next(b)) {
                for (unsigned j = 0; j < PCI_BAR_CNT; j++) {
                    const struct pci_bar *two = &b->bars[j];

                    if (one != two && two->kind != PCI_BAR_NONE && two->base != 0 &&
                        (two->kind == PCI_BAR_IO) == io)
                        assert_true(one->base + one->len <= two->base ||
                                    two->base + two->len <= one->base);
                }
            }
        }
    }
}

static bool in_root_window(const struct fake_pci_function *fn, unsigned bar, uint64_t len)
{
    const uint64_t base = fake_pci_bar_base(fn, bar);

    return base >= WINDOW_BASE && base + len <= WINDOW_END;
}

static void test_all_kinds_on_the_root_bus(void **state)
{
    struct fake_pci_function *a = device(NULL, 1), *b = device(NULL, 2);

    (void)state;
    fake_pci_set_bar(a, 1, 0, 0x1000, 0);
    fake_pci_set_bar(a, 4, 0xc, 0x4000, 0);
    fake_pci_set_bar(b, 0, 0, 16, 0);
    fake_pci_set_bar(b, 1, 8, 0x1000000, 0);
    scan_and_check();
    assert_true(in_root_window(a, 1, 0x1000));
    assert_true(in_root_window(a, 4, 0x4000));
    assert_true(in_root_window(b, 0, 16));
    assert_true(in_root_window(b, 1, 0x1000000));
    assert_string_equal(fake_log_text(), "");
}

static void test_what_firmware_placed_stays_and_is_avoided(void **state)
{
    struct fake_pci_function *a = device(NULL, 1), *b = device(NULL, 2), *c = bridge(NULL, 3);

    (void)state;
    fake_pci_set_bar(a, 0, 0, 0x1000, WINDOW_BASE);
    fake_pci_bridge_numbers(c, 0, 1, 1);
    fake_pci_put(c, PCI_MEMORY_BASE, 4, 0xc010c010);
    fake_pci_set_bar(b, 0, 0, 0x100000, 0);
    scan_and_check();
    assert_int_equal(fake_pci_bar_base(a, 0), WINDOW_BASE);
    assert_int_equal(fake_pci_bar_base(b, 0), WINDOW_BASE + 0x200000);
    assert_int_equal(fake_pci_get(c, PCI_MEMORY_BASE, 4), 0xc010c010);
}

static void test_bridge_windows_are_opened_as_needed(void **state)
{
    struct fake_pci_function *outer = bridge(NULL, 1), *inner = bridge(outer, 0),
                             *unused = bridge(NULL, 4);
    struct fake_pci_function *a = device(outer, 2), *b = device(inner, 3), *c = device(NULL, 5);

    (void)state;
    fake_pci_set_bar(a, 0, 0xc, 0x4000, 0);
    fake_pci_set_bar(b, 0, 0, 0x800000, 0);
    fake_pci_set_bar(b, 1, 0, 0x1000, 0);
    fake_pci_set_bar(c, 0, 0, 0x400000, 0);
    fake_pci_set_bar(outer, 0, 4, 0x1000, 0);
    scan_and_check();
    assert_true(in_root_window(a, 0, 0x4000));
    assert_true(in_root_window(b, 0, 0x800000));
    assert_true(in_root_window(b, 1, 0x1000));
    assert_true(in_root_window(c, 0, 0x400000));
    assert_true(in_root_window(outer, 0, 0x1000));
    /* Nothing behind it: closed, as are all prefetchable windows. */
    assert_int_equal(fake_pci_get(unused, PCI_MEMORY_BASE, 4), 0x0000fff0);
    assert_int_equal(fake_pci_get(inner, PCI_PREF_MEMORY_BASE, 4), 0x0001fff1);
    assert_string_equal(fake_log_text(), "");
}

static void test_windows_that_firmware_opened_are_filled(void **state)
{
    struct fake_pci_function *up = bridge(NULL, 1), *a = device(up, 1), *b = device(up, 2);

    (void)state;
    fake_pci_bridge_numbers(up, 0, 1, 1);
    fake_pci_put(up, PCI_MEMORY_BASE, 4, 0xd000d000);
    fake_pci_set_bar(a, 0, 0, 0x1000, 0xd0000000);
    fake_pci_set_bar(b, 0, 0, 0x1000, 0);
    scan_and_check();
    assert_int_equal(fake_pci_bar_base(b, 0), 0xd0001000);

    /* Full: the BAR stays without an address, and that is said. */
    setup(NULL);
    up = bridge(NULL, 1);
    b = device(up, 2);
    fake_pci_bridge_numbers(up, 0, 1, 1);
    fake_pci_put(up, PCI_MEMORY_BASE, 4, 0xd000d000);
    fake_pci_set_bar(b, 0, 0, 0x200000, 0);
    scan_and_check();
    assert_int_equal(fake_pci_bar_base(b, 0), 0);
    assert_true(
        fake_log_has("01:02.0: BAR 0 has no address: no room for 0x200000 bytes of memory"));
}

static void test_ports_need_a_host_bridge_that_forwards_them(void **state)
{
    struct fake_pci_function *a = device(NULL, 1), *up = bridge(NULL, 2), *b = device(up, 0);

    (void)state;
    fake_pci_set_bar(a, 0, 1, 0x20, 0);
    fake_pci_set_bar(b, 0, 1, 0x40, 0);
    scan_and_check();
    assert_int_equal(fake_pci_bar_base(a, 0), 0);
    assert_true(fake_log_has("00:01.0: BAR 0 has no address: no room for 0x20 bytes of I/O"));

    setup(NULL);
    fake_firmware.has_port_config = true;
    a = device(NULL, 1);
    up = bridge(NULL, 2);
    b = device(up, 0);
    fake_pci_set_bar(a, 0, 1, 0x20, 0);
    fake_pci_set_bar(b, 0, 1, 0x40, 0);
    scan_and_check();
    assert_true(fake_pci_bar_base(a, 0) >= 0xc000);
    assert_true(fake_pci_bar_base(b, 0) >= 0xc000);
    assert_int_not_equal(fake_pci_get(up, PCI_IO_BASE, 1), 0xf0);
}

static void test_a_bridge_without_port_window_keeps_its_devices_without_ports(void **state)
{
    struct fake_pci_function *up = bridge(NULL, 2), *b = device(up, 0);

    (void)state;
    fake_firmware.has_port_config = true;
    up->writable[PCI_IO_BASE] = up->writable[PCI_IO_LIMIT] = 0;
    fake_pci_set_bar(b, 0, 1, 0x40, 0);
    fake_pci_set_bar(b, 1, 0, 0x1000, 0);
    scan_and_check();
    assert_int_equal(fake_pci_bar_base(b, 0), 0);
    assert_true(in_root_window(b, 1, 0x1000));
}

static void test_what_does_not_fit_is_left_out_and_the_rest_placed(void **state)
{
    struct fake_pci_function *a = device(NULL, 1), *b = device(NULL, 2), *up = bridge(NULL, 3),
                             *c = device(up, 0);

    (void)state;
    fake_pci_set_bar(a, 0, 4, 1ull << 63, 0);
    fake_pci_set_bar(a, 2, 4, 1ull << 33, 0);
    fake_pci_set_bar(a, 4, 0, 1u << 31, 0);
    fake_pci_set_bar(c, 0, 0, 1u << 31, 0);
    fake_pci_set_bar(c, 1, 0, 0x1000, 0);
    fake_pci_set_bar(b, 0, 0, 0x1000, 0);
    scan_and_check();
    assert_int_equal(fake_pci_bar_base(a, 0), 0);
    assert_int_equal(fake_pci_bar_base(a, 2), 0);
    assert_int_equal(fake_pci_bar_base(a, 4), 0);
    assert_true(in_root_window(b, 0, 0x1000));
    assert_true(
        fake_log_has("00:01.0: BAR 0 has no address: no room for 0x8000000000000000 bytes"));
}

static void test_without_a_known_window_nothing_is_placed(void **state)
{
    struct fake_pci_function *a = device(NULL, 1);

    (void)state;
    fake_firmware.mmio32.len = 0;
    fake_pci_set_bar(a, 0, 0, 0x1000, 0);
    scan_and_check();
    assert_int_equal(fake_pci_bar_base(a, 0), 0);
}

static void test_a_deep_chain_is_placed_in_time(void **state)
{
    struct fake_pci_function *at = NULL, *last;

    (void)state;
    for (unsigned i = 0; i < PCI_DEPTH_MAX - 1; i++)
        at = bridge(at, 0);
    last = device(at, 1);
    for (unsigned bar = 0; bar < PCI_BAR_CNT; bar++)
        fake_pci_set_bar(last, bar, 0, 0x1000u << bar, 0);
    scan_and_check();
    for (unsigned bar = 0; bar < PCI_BAR_CNT; bar++)
        assert_true(in_root_window(last, bar, 0x1000u << bar));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_all_kinds_on_the_root_bus, setup),
        cmocka_unit_test_setup(test_what_firmware_placed_stays_and_is_avoided, setup),
        cmocka_unit_test_setup(test_bridge_windows_are_opened_as_needed, setup),
        cmocka_unit_test_setup(test_windows_that_firmware_opened_are_filled, setup),
        cmocka_unit_test_setup(test_ports_need_a_host_bridge_that_forwards_them, setup),
        cmocka_unit_test_setup(test_a_bridge_without_port_window_keeps_its_devices_without_ports,
                               setup),
        cmocka_unit_test_setup(test_what_does_not_fit_is_left_out_and_the_rest_placed, setup),
        cmocka_unit_test_setup(test_without_a_known_window_nothing_is_placed, setup),
        cmocka_unit_test_setup(test_a_deep_chain_is_placed_in_time, setup),
    };

    return cmocka_run_group_tests(tests, NULL, teardown);
}
