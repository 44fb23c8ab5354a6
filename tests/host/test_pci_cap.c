/* Capability lists, sound and malicious. */
/* sources: pci/pci_cap.c pci/pci_config.c pci/pci_bar.c tests/host/fake/fake_pci.c
 * tests/host/fake/log.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_pci.h"
#include "pci/pci_private.h"

struct list pci_devices = LIST_INIT(pci_devices);

static struct fake_pci_function *fn;
static struct pci_device pdev;

static int setup(void **state)
{
    (void)state;
    fake_pci_reset();
    fn = fake_pci_add(NULL, 3, 0, 0x1af4, 0x1000);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_pci_reset();
    return 0;
}

static void ext_cap(unsigned off, uint16_t id, unsigned next)
{
    fake_pci_put(fn, off, 4, id | 1u << 16 | (uint32_t)next << 20);
}

static void test_capabilities_are_found_in_order(void **state)
{
    (void)state;
    fake_pci_cap(fn, 0x40, PCI_CAP_ID_VNDR, 0x50);
    fake_pci_cap(fn, 0x50, PCI_CAP_ID_MSIX, 0x60);
    fake_pci_cap(fn, 0x60, PCI_CAP_ID_VNDR, 0);
    fake_pci_device(fn, &pdev);

    assert_int_equal(pci_cap_find(&pdev, PCI_CAP_ID_VNDR, 0), 0x40);
    assert_int_equal(pci_cap_find(&pdev, PCI_CAP_ID_VNDR, 0x40), 0x60);
    assert_int_equal(pci_cap_find(&pdev, PCI_CAP_ID_VNDR, 0x60), 0);
    assert_int_equal(pci_cap_find(&pdev, PCI_CAP_ID_PM, 0), 0);
    assert_int_equal(pdev.msix_cap, 0x50);
    assert_int_equal(pdev.msi_cap, 0);
}

static void test_without_the_status_bit_there_is_no_list(void **state)
{
    (void)state;
    fake_pci_cap(fn, 0x40, PCI_CAP_ID_MSIX, 0);
    fn->config[PCI_STATUS] &= (uint8_t)~PCI_STATUS_CAP_LIST;
    fake_pci_device(fn, &pdev);
    assert_int_equal(pdev.msix_cap, 0);
    assert_int_equal(pci_cap_find(&pdev, PCI_CAP_ID_MSIX, 0), 0);
}

static void test_low_pointer_bits_are_ignored(void **state)
{
    (void)state;
    fake_pci_cap(fn, 0x40, PCI_CAP_ID_PM, 0x53);
    fake_pci_cap(fn, 0x50, PCI_CAP_ID_MSI, 0);
    fn->config[PCI_CAPABILITY_LIST] = 0x41;
    fake_pci_device(fn, &pdev);
    assert_int_equal(pdev.msi_cap, 0x50);
}

static void test_pointers_into_the_header_end_the_walk(void **state)
{
    (void)state;
    fake_pci_cap(fn, 0x40, PCI_CAP_ID_PM, 0x3c);
    fn->config[0x3c] = PCI_CAP_ID_MSIX;
    fake_pci_device(fn, &pdev);
    assert_int_equal(pdev.msix_cap, 0);
    fn->config[PCI_CAPABILITY_LIST] = 0x10;
    assert_int_equal(pci_cap_find(&pdev, PCI_CAP_ID_PM, 0), 0);
}

static void test_loops_end_the_walk(void **state)
{
    unsigned cap = 0, found = 0;

    (void)state;
    fake_pci_cap(fn, 0x40, PCI_CAP_ID_VNDR, 0x50);
    fake_pci_cap(fn, 0x50, PCI_CAP_ID_VNDR, 0x40);
    fake_pci_device(fn, &pdev);
    while ((cap = pci_cap_find(&pdev, PCI_CAP_ID_VNDR, cap)) != 0)
        assert_true(++found <= 2);
    assert_int_equal(found, 2);
    fake_pci_cap(fn, 0x40, PCI_CAP_ID_VNDR, 0x40);
    assert_int_equal(pci_cap_find(&pdev, PCI_CAP_ID_MSIX, 0), 0);
}

static void test_a_list_that_fills_all_space_is_walked_to_its_end(void **state)
{
    (void)state;
    for (unsigned off = 0x40; off < 0x100; off += 4)
        fake_pci_cap(fn, (uint8_t)off, PCI_CAP_ID_VNDR, (uint8_t)(off + 4));
    fn->config[0xfc] = PCI_CAP_ID_PM;
    fake_pci_device(fn, &pdev);
    assert_int_equal(pci_cap_find(&pdev, PCI_CAP_ID_PM, 0), 0xfc);
}

static void test_a_vanished_function_has_no_capabilities(void **state)
{
    (void)state;
    fake_pci_device(fn, &pdev);
    for (unsigned i = 0; i < sizeof(fn->config); i++)
        fn->config[i] = 0xff;
    assert_int_equal(pci_cap_find(&pdev, 0xff, 0), 0);
    pdev.pcie_cap = 0x40;
    assert_int_equal(pci_ext_cap_find(&pdev, 0xffff, 0), 0);
}

static void test_a_capability_cut_off_by_the_end_is_not_noted(void **state)
{
    (void)state;
    fake_pci_cap(fn, 0xf8, PCI_CAP_ID_MSIX, 0xfc);
    fake_pci_cap(fn, 0xfc, PCI_CAP_ID_MSI, 0);
    fake_pci_device(fn, &pdev);
    assert_int_equal(pdev.msix_cap, 0);
    assert_int_equal(pdev.msi_cap, 0);
}

static void test_the_first_of_two_is_noted(void **state)
{
    (void)state;
    fake_pci_cap(fn, 0x60, PCI_CAP_ID_MSIX, 0x40);
    fake_pci_cap(fn, 0x40, PCI_CAP_ID_MSIX, 0);
    fake_pci_device(fn, &pdev);
    assert_int_equal(pdev.msix_cap, 0x60);
}

static void test_unknown_header_types_have_no_list(void **state)
{
    (void)state;
    fake_pci_cap(fn, 0x40, PCI_CAP_ID_MSIX, 0);
    fn->config[PCI_HEADER_TYPE] = 2;
    fake_pci_device(fn, &pdev);
    assert_int_equal(pdev.msix_cap, 0);
}

static void test_extended_capabilities(void **state)
{
    (void)state;
    fake_pci_cap(fn, 0x40, PCI_CAP_ID_EXP, 0);
    ext_cap(0x100, PCI_EXT_CAP_ID_ERR, 0x140);
    ext_cap(0x140, PCI_EXT_CAP_ID_SRIOV, 0x180);
    ext_cap(0x180, PCI_EXT_CAP_ID_ERR, 0);
    fake_pci_device(fn, &pdev);
    assert_int_equal(pci_ext_cap_find(&pdev, PCI_EXT_CAP_ID_SRIOV, 0), 0x140);
    assert_int_equal(pci_ext_cap_find(&pdev, PCI_EXT_CAP_ID_ERR, 0x100), 0x180);
    assert_int_equal(pci_ext_cap_find(&pdev, PCI_EXT_CAP_ID_ERR, 0x180), 0);
}

static void test_extended_capabilities_may_loop_or_point_low(void **state)
{
    unsigned cap = 0, found = 0;

    (void)state;
    fake_pci_cap(fn, 0x40, PCI_CAP_ID_EXP, 0);
    ext_cap(0x100, PCI_EXT_CAP_ID_ERR, 0x200);
    ext_cap(0x200, PCI_EXT_CAP_ID_ERR, 0x100);
    fake_pci_device(fn, &pdev);
    while ((cap = pci_ext_cap_find(&pdev, PCI_EXT_CAP_ID_ERR, cap)) != 0)
        assert_true(++found <= 2);
    assert_int_equal(found, 2);
    ext_cap(0x200, PCI_EXT_CAP_ID_ERR, 0x40);
    assert_int_equal(pci_ext_cap_find(&pdev, PCI_CAP_ID_EXP, 0), 0);
}

static void test_extended_capabilities_need_pcie_and_a_mechanism(void **state)
{
    (void)state;
    ext_cap(0x100, PCI_EXT_CAP_ID_ERR, 0);
    fake_pci_device(fn, &pdev);
    assert_int_equal(pci_ext_cap_find(&pdev, PCI_EXT_CAP_ID_ERR, 0), 0);

    fake_pci_cap(fn, 0x40, PCI_CAP_ID_EXP, 0);
    fake_firmware.ecam_cnt = 0;
    fake_firmware.has_port_config = true;
    fake_pci_device(fn, &pdev);
    assert_int_equal(pdev.pcie_cap, 0x40);
    assert_int_equal(pci_ext_cap_find(&pdev, PCI_EXT_CAP_ID_ERR, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_capabilities_are_found_in_order, setup),
        cmocka_unit_test_setup(test_without_the_status_bit_there_is_no_list, setup),
        cmocka_unit_test_setup(test_low_pointer_bits_are_ignored, setup),
        cmocka_unit_test_setup(test_pointers_into_the_header_end_the_walk, setup),
        cmocka_unit_test_setup(test_loops_end_the_walk, setup),
        cmocka_unit_test_setup(test_a_list_that_fills_all_space_is_walked_to_its_end, setup),
        cmocka_unit_test_setup(test_a_vanished_function_has_no_capabilities, setup),
        cmocka_unit_test_setup(test_a_capability_cut_off_by_the_end_is_not_noted, setup),
        cmocka_unit_test_setup(test_the_first_of_two_is_noted, setup),
        cmocka_unit_test_setup(test_unknown_header_types_have_no_list, setup),
        cmocka_unit_test_setup(test_extended_capabilities, setup),
        cmocka_unit_test_setup(test_extended_capabilities_may_loop_or_point_low, setup),
        cmocka_unit_test_setup(test_extended_capabilities_need_pcie_and_a_mechanism, setup),
    };

    return cmocka_run_group_tests(tests, NULL, teardown);
}
