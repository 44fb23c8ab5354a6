/* Routing ids of virtual functions: ARI, bus numbers, and what is refused for want of them. */
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
#include "pci/pci_private.h"
#include "pci/sriov.h"

#define SRIOV(reg) (FAKE_SRIOV_CAP + PCI_SRIOV_##reg)
#define PORT       fake_sriov_the_port
#define PF         fake_sriov_the_pf

static void set_ids(unsigned offset, unsigned stride)
{
    fake_pci_put(PF, SRIOV(VF_OFFSET), 2, offset);
    fake_pci_put(PF, SRIOV(VF_STRIDE), 2, stride);
}

static bool port_forwards_ari(void)
{
    return fake_pci_get(PORT, FAKE_EXP_CAP + PCI_EXP_DEVCTL2, 2) & PCI_EXP_DEVCTL2_ARI;
}

/* ---- routing ids */

static void test_ids_that_are_the_same(void **state)
{
    (void)state;
    set_ids(0, 1);
    fake_sriov_refused(1, -EIO, "the device gives them the same routing id");
}

static void test_a_stride_of_0_is_enough_for_one(void **state)
{
    (void)state;
    set_ids(0x80, 0);
    fake_sriov_refused(2, -EIO, "the device gives them the same routing id");
    assert_int_equal(pci_sriov_enable(fake_sriov_found, 1), 0);
}

static void test_ids_beyond_the_last_bus(void **state)
{
    (void)state;
    set_ids(0xfeff, 1);
    fake_sriov_refused(2, -ENOSPC, "their routing ids go beyond bus 255");
}

static void test_an_id_that_another_function_has(void **state)
{
    (void)state;
    PF->config[PCI_HEADER_TYPE] |= PCI_HEADER_TYPE_MULTIFUNC;
    fake_pci_add(PORT, 0, 2, 0x1234, 0x5678);
    set_ids(1, 1);
    fake_sriov_refused(2, -ENOSPC, "another function has one of their routing ids");
    assert_int_equal(pci_sriov_enable(fake_sriov_found, 1), 0);
}

static void test_ari_is_forwarded_while_needed(void **state)
{
    (void)state;
    fake_sriov_found = fake_sriov_scan();
    assert_false(port_forwards_ari());
    assert_int_equal(pci_sriov_enable(fake_sriov_found, 8), 0);
    assert_true(port_forwards_ari());
    pci_sriov_disable(fake_sriov_found);
    assert_false(port_forwards_ari());
}

static void test_ari_that_firmware_turned_on_stays(void **state)
{
    (void)state;
    fake_pci_put(PORT, FAKE_EXP_CAP + PCI_EXP_DEVCTL2, 2, PCI_EXP_DEVCTL2_ARI);
    fake_sriov_granted(8);
    pci_sriov_disable(fake_sriov_found);
    assert_true(port_forwards_ari());
}

static void test_a_port_without_ari(void **state)
{
    (void)state;
    fake_pci_put(PORT, FAKE_EXP_CAP + PCI_EXP_DEVCAP2, 4, 0);
    fake_sriov_refused(1, -ENOSPC, "their routing ids need ARI, which the port lacks");
    assert_int_equal(fake_pci_get(PF, SRIOV(CTRL), 2), 0);
}

static void test_a_port_whose_ari_does_not_come_on(void **state)
{
    (void)state;
    fake_pci_allow(PORT, FAKE_EXP_CAP + PCI_EXP_DEVCTL2, 2, 0);
    fake_sriov_refused(1, -ENOSPC, "their routing ids need ARI, which the port lacks");
}

static void test_an_old_port_is_not_asked_for_ari(void **state)
{
    (void)state;
    fake_pci_put(PORT, FAKE_EXP_CAP + PCI_EXP_FLAGS, 2, 1 | PCI_EXP_TYPE_ROOT_PORT << 4);
    fake_sriov_refused(1, -ENOSPC, "their routing ids need ARI, which the port lacks");
}

static void test_functions_of_device_0_need_no_ari(void **state)
{
    (void)state;
    fake_pci_put(PORT, FAKE_EXP_CAP + PCI_EXP_DEVCAP2, 4, 0);
    set_ids(1, 1);
    fake_sriov_granted(7);
    assert_string_equal(pci_sriov_vf(fake_sriov_found, 6)->name, "01:00.7");
    pci_sriov_disable(fake_sriov_found);
    assert_int_equal(pci_sriov_enable(fake_sriov_found, 8), -ENOSPC);
}

static void test_a_neighbour_keeps_ari(void **state)
{
    struct fake_pci_function *other;
    struct pci_device *neighbour;

    (void)state;
    other = fake_sriov_pf(PORT, 1, 8);
    fake_pci_put(other, SRIOV(VF_OFFSET), 2, 0x81);
    fake_sriov_found = fake_sriov_scan();
    neighbour = pci_find("01:01.0");
    assert_int_equal(pci_sriov_enable(fake_sriov_found, 8), 0);
    assert_int_equal(pci_sriov_enable(neighbour, 8), 0);
    pci_sriov_disable(fake_sriov_found);
    assert_true(port_forwards_ari());
    pci_sriov_disable(neighbour);
}

/* ---- bus numbers */

static void test_ids_carry_into_the_next_bus(void **state)
{
    (void)state;
    set_ids(0xfc, 2);
    fake_sriov_granted(8);
    assert_string_equal(pci_sriov_vf(fake_sriov_found, 1)->name, "01:1f.6");
    assert_string_equal(pci_sriov_vf(fake_sriov_found, 2)->name, "02:00.0");
    assert_int_equal(fake_pci_get(PORT, PCI_SUBORDINATE_BUS, 1), 2);
    pci_sriov_disable(fake_sriov_found);
    assert_int_equal(fake_pci_get(PORT, PCI_SUBORDINATE_BUS, 1), 1);
    assert_int_equal(pci_sriov_enable(fake_sriov_found, 2), 0);
    assert_int_equal(fake_pci_get(PORT, PCI_SUBORDINATE_BUS, 1), 1);
}

static void test_a_bus_that_another_bridge_has(void **state)
{
    (void)state;
    fake_pci_bridge_numbers(fake_sriov_port(NULL, 4), 0, 2, 2);
    set_ids(0xfc, 2);
    fake_sriov_refused(8, -ENOSPC, "the bus numbers that they need are taken");
    assert_int_equal(pci_sriov_enable(fake_sriov_found, 2), 0);
}

/* The port of the machine becomes a switch's; one port above it leads there. */
static struct fake_pci_function *switch_above(void)
{
    struct fake_pci_function *up = fake_sriov_port(NULL, 5);

    fake_pci_bridge_numbers(up, 0, 1, 2);
    fake_sriov_memory(up, 0xfe600000, 0xfe800000);
    fake_sriov_prefetch(up, 0xfea00000, 0xfec00000);
    PORT->parent = up;
    fake_pci_bridge_numbers(PORT, 1, 2, 2);
    fake_pci_put(PORT, FAKE_EXP_CAP + PCI_EXP_FLAGS, 2, 2 | PCI_EXP_TYPE_DOWNSTREAM_PORT << 4);
    set_ids(0xfc, 2);
    return up;
}

static void test_bridges_above_are_raised_too(void **state)
{
    struct fake_pci_function *up = switch_above();

    (void)state;
    fake_pci_put(PF, SRIOV(VF_OFFSET), 2, 0x1fc);
    pci_config_init();
    assert_int_equal(pci_scan(), 0);
    fake_sriov_found = pci_find("02:00.0");
    fake_sriov_remember();
    assert_int_equal(pci_sriov_enable(fake_sriov_found, 8), 0);
    assert_int_equal(fake_pci_get(up, PCI_SUBORDINATE_BUS, 1), 4);
    assert_int_equal(fake_pci_get(PORT, PCI_SUBORDINATE_BUS, 1), 4);
    assert_string_equal(pci_sriov_vf(fake_sriov_found, 0)->name, "03:1f.4");
    pci_sriov_disable(fake_sriov_found);
    assert_true(fake_sriov_unchanged());
}

static void test_a_bridge_above_that_does_not_take_it(void **state)
{
    (void)state;
    switch_above();
    pci_config_init();
    assert_int_equal(pci_scan(), 0);
    fake_sriov_found = pci_find("02:00.0");
    fake_sriov_remember();
    PORT->writable[PCI_SUBORDINATE_BUS] = 0;
    assert_int_equal(pci_sriov_enable(fake_sriov_found, 8), -EIO);
    assert_true(fake_log_has("does not take the bus numbers that they need"));
    assert_true(fake_sriov_unchanged());
}

static void test_a_root_bus_has_no_next_one(void **state)
{
    (void)state;
    fake_sriov_pf(NULL, 7, 8);
    fake_firmware.mmio32 = (struct firmware_pci_window){0xc0000000, 0x10000000};
    fake_pci_put(fake_pci_function(fake_pci_function_cnt() - 9), SRIOV(VF_OFFSET), 2, 0xc5);
    fake_sriov_scan();
    fake_sriov_found = pci_find("00:07.0");
    assert_int_equal(pci_sriov_enable(fake_sriov_found, 8), -ENOSPC);
    assert_true(fake_log_has("the bus numbers that they need are taken"));
    assert_int_equal(pci_sriov_enable(fake_sriov_found, 2), 0);
}

static void test_configuration_space_out_of_reach(void **state)
{
    (void)state;
    fake_firmware.ecam[0].end_bus = 1;
    set_ids(0xfc, 2);
    fake_sriov_refused(8, -ENOSPC, "their configuration space is out of reach");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_sriov_setup, fake_sriov_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_ids_that_are_the_same),
        TEST(test_a_stride_of_0_is_enough_for_one),
        TEST(test_ids_beyond_the_last_bus),
        TEST(test_an_id_that_another_function_has),
        TEST(test_ari_is_forwarded_while_needed),
        TEST(test_ari_that_firmware_turned_on_stays),
        TEST(test_a_port_without_ari),
        TEST(test_a_port_whose_ari_does_not_come_on),
        TEST(test_an_old_port_is_not_asked_for_ari),
        TEST(test_functions_of_device_0_need_no_ari),
        TEST(test_a_neighbour_keeps_ari),
        TEST(test_ids_carry_into_the_next_bus),
        TEST(test_a_bus_that_another_bridge_has),
        TEST(test_bridges_above_are_raised_too),
        TEST(test_a_bridge_above_that_does_not_take_it),
        TEST(test_a_root_bus_has_no_next_one),
        TEST(test_configuration_space_out_of_reach),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
