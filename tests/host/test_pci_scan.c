/* The scan: functions found behind bridges, buses numbered where firmware did not, and no hierarchy
 * that traps it. */
/* sources: pci/pci_scan.c pci/pci_sriov_cap.c pci/pci_enum.c pci/pci_quiesce.c pci/pci_place.c
 * pci/pci_window.c pci/pci_report.c pci/pci_bar.c pci/pci_cap.c pci/pci_config.c kernel/format.c
 * tests/host/fake/fake_pci.c tests/host/fake/report.c tests/host/fake/log.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fake_log.h"
#include "fake_pci.h"
#include "pci/pci_private.h"

static int setup(void **state)
{
    (void)state;
    fake_pci_reset();
    fake_log_clear();
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

static void scan(void)
{
    pci_config_init();
    assert_int_equal(pci_scan(), 0);
}

static void expect_found(const char *names)
{
    char found[4096] = "";

    for (struct pci_device *pdev = pci_first(); pdev; pdev = pci_next(pdev))
        snprintf(found + strlen(found), sizeof(found) - strlen(found), "%s%s", *found ? " " : "",
                 pdev->name);
    assert_string_equal(found, names);
}

static void test_an_empty_machine(void **state)
{
    (void)state;
    scan();
    expect_found("");
    assert_null(pci_find("00:00.0"));
    fake_firmware.ecam_cnt = 0;
    scan();
    expect_found("");
}

static void test_functions_of_a_device(void **state)
{
    struct fake_pci_function *fn = fake_pci_add(NULL, 0x1f, 0, 0x8086, 1);

    (void)state;
    fake_pci_add(NULL, 0x1f, 3, 0x8086, 2);
    fake_pci_add(NULL, 2, 1, 0x8086, 3); /* without function 0 there is no device */
    scan();
    expect_found("00:1f.0");

    fake_pci_reset();
    fn = fake_pci_add(NULL, 0x1f, 0, 0x8086, 1);
    fn->config[PCI_HEADER_TYPE] = PCI_HEADER_TYPE_MULTIFUNC;
    fake_pci_put(fn, PCI_REVISION_ID, 4, 0x02000003);
    fake_pci_put(fn, PCI_SUBSYSTEM_VENDOR_ID, 4, 0x00011af4);
    fn->config[PCI_INTERRUPT_PIN] = 2;
    fake_pci_add(NULL, 0x1f, 3, 0x8086, 2)->config[PCI_INTERRUPT_PIN] = 9;
    scan();
    expect_found("00:1f.0 00:1f.3");
    assert_int_equal(pci_find("00:1f.0")->class_code, 0x020000);
    assert_int_equal(pci_find("00:1f.0")->revision, 3);
    assert_int_equal(pci_find("00:1f.0")->subsystem_vendor_id, 0x1af4);
    assert_int_equal(pci_find("00:1f.0")->intx_pin, 2);
    assert_int_equal(pci_find("00:1f.3")->intx_pin, 0);
}

static void test_only_buses_that_exist_are_probed(void **state)
{
    (void)state;
    fake_pci_add(NULL, 0, 0, 0x8086, 1);
    fake_pci_read_cnt = 0;
    scan();
    assert_true(fake_pci_read_cnt < 100);
}

static void test_numbers_from_firmware_are_kept(void **state)
{
    struct fake_pci_function *outer = bridge(NULL, 1), *inner = bridge(outer, 4);

    (void)state;
    fake_pci_bridge_numbers(outer, 0, 5, 9);
    fake_pci_bridge_numbers(inner, 5, 7, 7);
    fake_pci_add(inner, 0, 0, 0x1af4, 0x1000);
    fake_pci_add(outer, 2, 0, 0x1af4, 0x1001);
    scan();
    expect_found("00:01.0 05:02.0 05:04.0 07:00.0");
    assert_int_equal(outer->config[PCI_SUBORDINATE_BUS], 9);
    assert_int_equal(pci_find("00:01.0")->secondary_bus, 5);
}

static void test_buses_without_numbers_get_some(void **state)
{
    struct fake_pci_function *a = bridge(NULL, 1), *b = bridge(NULL, 2), *c = bridge(b, 0);

    (void)state;
    fake_pci_add(a, 3, 0, 0x1af4, 0x1000);
    fake_pci_add(c, 4, 0, 0x1af4, 0x1000);
    fake_pci_add(b, 5, 0, 0x1af4, 0x1000);
    scan();
    expect_found("00:01.0 00:02.0 01:03.0 02:00.0 02:05.0 03:04.0");
    assert_int_equal(b->config[PCI_PRIMARY_BUS], 0);
    assert_int_equal(b->config[PCI_SECONDARY_BUS], 2);
    assert_int_equal(b->config[PCI_SUBORDINATE_BUS], 3);
    assert_int_equal(c->config[PCI_PRIMARY_BUS], 2);
    assert_int_equal(a->config[PCI_SUBORDINATE_BUS], 1);
    assert_int_equal(a->config[PCI_COMMAND] & 7, 7);
}

static void test_new_numbers_keep_clear_of_firmware_ones(void **state)
{
    struct fake_pci_function *a = bridge(NULL, 1), *b = bridge(NULL, 2), *c = bridge(b, 0);

    (void)state;
    fake_pci_bridge_numbers(b, 0, 1, 4);
    fake_pci_add(a, 3, 0, 0x1af4, 0x1000);
    fake_pci_add(c, 4, 0, 0x1af4, 0x1000);
    scan();
    expect_found("00:01.0 00:02.0 01:00.0 02:04.0 05:03.0");
}

static void test_senseless_numbers_are_replaced(void **state)
{
    struct fake_pci_function *a = bridge(NULL, 1), *b = bridge(NULL, 2), *c = bridge(NULL, 3),
                             *d = bridge(NULL, 4);

    (void)state;
    fake_pci_bridge_numbers(a, 0, 3, 2); /* backwards */
    fake_pci_bridge_numbers(b, 0, 0, 9); /* its own bus */
    fake_pci_bridge_numbers(c, 0, 1, 2);
    fake_pci_bridge_numbers(d, 0, 2, 2); /* inside another's */
    for (unsigned i = 0; i < 4; i++)
        fake_pci_add((struct fake_pci_function *[]){a, b, c, d}[i], 8, 0, 0x1af4, 0x1000);
    scan();
    expect_found("00:01.0 00:02.0 00:03.0 00:04.0 01:08.0 03:08.0 04:08.0 05:08.0");
}

static void test_a_bridge_that_takes_no_numbers_is_left_out(void **state)
{
    struct fake_pci_function *stuck = bridge(NULL, 1), *good = bridge(NULL, 2);

    (void)state;
    fake_pci_bridge_numbers(stuck, 0, 0, 0x55);
    memset(stuck->writable + PCI_PRIMARY_BUS, 0, 4);
    fake_pci_add(good, 8, 0, 0x1af4, 0x1000);
    scan();
    expect_found("00:01.0 00:02.0 01:08.0");
    assert_true(fake_log_has("00:01.0: the bridge does not take a bus number"));
}

static void test_bus_numbers_can_run_out(void **state)
{
    (void)state;
    fake_firmware.ecam[0].end_bus = 1;
    bridge(NULL, 1);
    bridge(NULL, 2);
    scan();
    expect_found("00:01.0 00:02.0");
    assert_true(fake_log_has("00:02.0: no bus number is left"));
}

static void test_bridges_without_end_stop_at_a_depth(void **state)
{
    struct fake_pci_function *at = NULL;
    unsigned cnt = 0;

    (void)state;
    for (unsigned i = 0; i < 40; i++)
        at = bridge(at, 0);
    scan();
    for (struct pci_device *pdev = pci_first(); pdev; pdev = pci_next(pdev))
        cnt++;
    assert_int_equal(cnt, PCI_DEPTH_MAX);
}

static void test_messages_left_on_by_firmware_are_switched_off(void **state)
{
    struct fake_pci_function *fn = fake_pci_add(NULL, 1, 0, 0x1af4, 0x1000);

    (void)state;
    fake_pci_cap(fn, 0x40, PCI_CAP_ID_MSI, 0x60);
    fake_pci_cap(fn, 0x60, PCI_CAP_ID_MSIX, 0);
    fake_pci_put(fn, 0x42, 2, PCI_MSI_FLAGS_ENABLE | 2u << PCI_MSI_FLAGS_QMASK_SHIFT);
    fake_pci_put(fn, 0x62, 2, PCI_MSIX_FLAGS_ENABLE | 2);
    fn->writable[0x42] = PCI_MSI_FLAGS_ENABLE;
    fn->writable[0x63] = 0xc0;
    scan();
    assert_int_equal(fake_pci_get(fn, 0x42, 2) & PCI_MSI_FLAGS_ENABLE, 0);
    assert_int_equal(fake_pci_get(fn, 0x62, 2), 2);
    assert_int_equal(pci_msi_cnt(pci_find("00:01.0")), 4);
    assert_int_equal(pci_msix_cnt(pci_find("00:01.0")), 3);
}

static unsigned visited_cnt;

static void visit(struct pci_device *pdev)
{
    assert_int_not_equal(pdev->vendor_id, 0);
    visited_cnt++;
}

static void test_quiesce_stops_all_but_bridges(void **state)
{
    struct fake_pci_function *host = fake_pci_add(NULL, 0, 0, 0x8086, 1), *a = bridge(NULL, 1),
                             *twin = bridge(NULL, 2), *fn = fake_pci_add(a, 3, 0, 0x1af4, 0x1000);

    (void)state;
    fake_pci_put(host, PCI_CLASS_DEVICE, 2, 0x0600);
    fake_pci_bridge_numbers(a, 0, 1, 1);
    fake_pci_bridge_numbers(twin, 0, 1, 1);
    fake_pci_put(host, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
    fake_pci_put(a, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
    fake_pci_put(fn, PCI_COMMAND, 2, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY);
    visited_cnt = 0;
    pci_config_init();
    pci_quiesce(visit);
    assert_int_equal(visited_cnt, 2);
    assert_int_equal(fake_pci_get(host, PCI_COMMAND, 2), PCI_COMMAND_MASTER);
    assert_int_equal(fake_pci_get(a, PCI_COMMAND, 2), PCI_COMMAND_MASTER);
    assert_int_equal(fake_pci_get(fn, PCI_COMMAND, 2), PCI_COMMAND_INTX_DISABLE);
    assert_true(list_empty(&pci_devices));
    pci_quiesce(NULL);
}

static void test_report_lines(void **state)
{
    struct fake_pci_function *fn = fake_pci_add(NULL, 3, 0, 0x1af4, 0x1000);

    (void)state;
    fake_pci_put(fn, PCI_CLASS_DEVICE, 2, 0x0200);
    fn->config[PCI_INTERRUPT_PIN] = 1;
    fake_pci_set_bar(fn, 0, 1, 0x20, 0xc000);
    fake_pci_set_bar(fn, 1, 0, 0x1000, 0xfebd1000);
    fake_pci_set_bar(fn, 4, 0xc, 0x4000, 0xe000000000);
    fake_pci_cap(fn, 0x40, PCI_CAP_ID_MSIX, 0);
    fake_pci_put(fn, 0x42, 2, 2);
    fake_pci_add(NULL, 4, 0, 0x1234, 0x11e8);
    scan();
    fake_log_clear();
    pci_report();
    assert_string_equal(fake_log_text(),
                        "@pci addr=00:03.0 id=1af4:1000 class=020000 bars=\"0:io:0xc000:0x20 "
                        "1:mem32:0xfebd1000:0x1000 4:mem64p:0xe000000000:0x4000\" msix=3 msi=none "
                        "intx=A driver=none\n"
                        "@pci addr=00:04.0 id=1234:11e8 class=000000 bars=none msix=none msi=none "
                        "intx=none driver=none\n");
    fake_log_clear();
    pci_table(1, report_emit_print, NULL);
    assert_true(fake_log_has("[{\"address\":\"00:03.0\",\"id\":\"1af4:1000\""));
    assert_true(fake_log_has("{\"bar\":4,\"kind\":\"mem64p\",\"base\":\"0xe000000000\","
                             "\"bytes\":16384}]},{\"address\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_an_empty_machine, setup),
        cmocka_unit_test_setup(test_functions_of_a_device, setup),
        cmocka_unit_test_setup(test_only_buses_that_exist_are_probed, setup),
        cmocka_unit_test_setup(test_numbers_from_firmware_are_kept, setup),
        cmocka_unit_test_setup(test_buses_without_numbers_get_some, setup),
        cmocka_unit_test_setup(test_new_numbers_keep_clear_of_firmware_ones, setup),
        cmocka_unit_test_setup(test_senseless_numbers_are_replaced, setup),
        cmocka_unit_test_setup(test_a_bridge_that_takes_no_numbers_is_left_out, setup),
        cmocka_unit_test_setup(test_bus_numbers_can_run_out, setup),
        cmocka_unit_test_setup(test_bridges_without_end_stop_at_a_depth, setup),
        cmocka_unit_test_setup(test_messages_left_on_by_firmware_are_switched_off, setup),
        cmocka_unit_test_setup(test_quiesce_stops_all_but_bridges, setup),
        cmocka_unit_test_setup(test_report_lines, setup),
    };

    return cmocka_run_group_tests(tests, NULL, teardown);
}
