/* Virtual functions on and off: what the capability must say, the functions that come of it, and
 * that a step that fails leaves nothing behind. */
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

static unsigned function_cnt(void)
{
    unsigned cnt = 0;

    for (struct pci_device *pdev = pci_first(); pdev; pdev = pci_next(pdev))
        cnt++;
    return cnt;
}

/* ---- the functions */

static void test_virtual_functions_are_functions(void **state)
{
    (void)state;
    fake_sriov_found = fake_sriov_scan();
    assert_int_equal(pci_sriov_total(fake_sriov_found), 8);
    assert_int_equal(pci_sriov_enable(fake_sriov_found, 8), 0);
    assert_int_equal(pci_sriov_cnt(fake_sriov_found), 8);
    for (unsigned i = 0; i < 8; i++) {
        const struct pci_device *vf = pci_sriov_vf(fake_sriov_found, i);
        const uint64_t base = fake_sriov_bar_base(PF, 3);

        assert_ptr_equal(pci_device_at((struct pci_address){0, 1, (uint8_t)(0x10 + i / 4),
                                                            (uint8_t)(i % 4 * 2)}),
                         vf);
        assert_int_equal(vf->vendor_id, 0x8086);
        assert_int_equal(vf->device_id, 0x10ca);
        assert_int_equal(vf->class_code, 0x020000);
        assert_int_equal(vf->subsystem_id, 0x1100);
        assert_int_equal(vf->intx_pin, 0);
        assert_int_equal(vf->msix_cap, 0x70);
        assert_ptr_equal(vf->pf, fake_sriov_found);
        assert_int_equal(vf->vf_index, i);
        assert_int_equal(vf->bars[3].kind, PCI_BAR_MEM64);
        assert_int_equal(vf->bars[3].base, base + i * 0x4000);
        assert_int_equal(vf->bars[3].len, 0x4000);
        assert_int_equal(vf->bars[1].kind, PCI_BAR_NONE);
        assert_null(vf->driver);
    }
    assert_string_equal(pci_sriov_vf(fake_sriov_found, 5)->name, "01:11.2");
    assert_null(pci_sriov_vf(fake_sriov_found, 8));
    assert_true(fake_log_has(" driver=none pf=01:00.0 vf=7\n"));
    assert_int_equal(fake_pci_get(PF, SRIOV(CTRL), 2), 0x19);
}

static void test_the_list_stays_in_address_order(void **state)
{
    (void)state;
    fake_pci_bridge_numbers(fake_sriov_port(NULL, 9), 0, 2, 2);
    fake_pci_add(fake_pci_function(fake_pci_function_cnt() - 1), 0, 0, 0x1af4, 0x1041);
    fake_sriov_found = fake_sriov_scan();
    assert_int_equal(pci_sriov_enable(fake_sriov_found, 8), 0);
    for (struct pci_device *pdev = pci_first(); pci_next(pdev); pdev = pci_next(pdev))
        assert_true(pci_address_compare(pdev->addr, pci_next(pdev)->addr) < 0);
    assert_int_equal(function_cnt(), 4 + 8);
}

static void test_settle_times_are_kept(void **state)
{
    uint64_t begun;

    (void)state;
    fake_sriov_found = fake_sriov_scan();
    begun = fake_clock_now_ns;
    assert_int_equal(pci_sriov_enable(fake_sriov_found, 1), 0);
    assert_true(fake_clock_now_ns >= begun + 100000000);
    begun = fake_clock_now_ns;
    pci_sriov_disable(fake_sriov_found);
    assert_int_equal(pci_sriov_enable(fake_sriov_found, 1), 0);
    assert_true(fake_clock_now_ns >= begun + 1100000000);
}

static void test_many_rounds_leave_nothing_behind(void **state)
{
    uint64_t base = 0;

    (void)state;
    fake_sriov_found = fake_sriov_scan();
    fake_sriov_remember();
    for (unsigned round = 0; round < 25; round++) {
        assert_int_equal(pci_sriov_enable(fake_sriov_found, 1 + round % 8), 0);
        assert_true(round == 0 || pci_sriov_vf(fake_sriov_found, 0)->bars[0].base == base);
        base = pci_sriov_vf(fake_sriov_found, 0)->bars[0].base;
        pci_sriov_disable(fake_sriov_found);
        assert_true(fake_sriov_unchanged());
        assert_int_equal(function_cnt(), 2);
        assert_int_equal(pci_sriov_cnt(fake_sriov_found), 0);
    }
}

/* ---- drivers */

static char driver_story[64];
static int driver_error;

static int driver_probe(struct pci_device *vf)
{
    assert_int_equal(pci_sriov_cnt(vf->pf), 3); /* all are there before the first driver looks */
    if (vf->vf_index == 1 && driver_error)
        return driver_error;
    strcat(strcat(driver_story, " +"), vf->name);
    return 0;
}

static void driver_remove(struct pci_device *vf)
{
    assert_ptr_equal(pci_sriov_vf(vf->pf, vf->vf_index), vf);
    strcat(strcat(driver_story, " -"), vf->name);
}

static const struct pci_driver driver = {
    .name = "vf", .probe = driver_probe, .remove = driver_remove};

static void driver_tells(int error, const char *story)
{
    fake_pci_driver = &driver;
    fake_pci_driver_id = 0x10ca;
    driver_error = error;
    driver_story[0] = '\0';
    fake_sriov_found = fake_sriov_scan();
    assert_int_equal(pci_sriov_enable(fake_sriov_found, 3), 0);
    assert_true(fake_log_has(" driver=vf pf=01:00.0 vf=2\n"));
    pci_sriov_disable(fake_sriov_found);
    assert_string_equal(driver_story, story);
}

static void test_drivers_come_and_go_the_other_way(void **state)
{
    (void)state;
    driver_tells(0, " +01:10.0 +01:10.2 +01:10.4 -01:10.4 -01:10.2 -01:10.0");
}

static void test_a_function_whose_driver_fails_stays(void **state)
{
    (void)state;
    driver_tells(-ENODEV, " +01:10.0 +01:10.4 -01:10.4 -01:10.0");
}

/* ---- what is asked for */

static void test_numbers(void **state)
{
    (void)state;
    fake_sriov_found = fake_sriov_scan();
    assert_int_equal(pci_sriov_enable(fake_sriov_found, 0), -ERANGE);
    assert_int_equal(pci_sriov_enable(fake_sriov_found, 9), -ERANGE);
    assert_int_equal(pci_sriov_enable(fake_sriov_found, 65536 + 1), -ERANGE);
    assert_int_equal(pci_sriov_enable(fake_sriov_found, 2), 0);
    assert_int_equal(pci_sriov_enable(fake_sriov_found, 2), -EBUSY);
    assert_int_equal(pci_sriov_enable(pci_find("00:03.0"), 1), -ENOTSUP);
    pci_sriov_disable(pci_find("00:03.0"));
    assert_int_equal(pci_sriov_cnt(fake_sriov_found), 2);
}

/* ---- the capability */

static void unusable(const char *text)
{
    fake_sriov_found = NULL;
    fake_log_clear();
    assert_null(fake_sriov_scan()->sriov);
    assert_int_equal(pci_sriov_total(pci_find("01:00.0")), 0);
    assert_int_equal(pci_sriov_enable(pci_find("01:00.0"), 1), -ENOTSUP);
    assert_true(text[0] != '\0' ? fake_log_has(text) : fake_log_text()[0] == '\0');
}

static void test_no_virtual_functions_is_no_fault(void **state)
{
    (void)state;
    fake_pci_put(PF, SRIOV(TOTAL_VFS), 2, 0);
    unusable("");
}

static void test_numbers_that_differ(void **state)
{
    (void)state;
    fake_pci_put(PF, SRIOV(INITIAL_VFS), 2, 4);
    unusable("warning: pci 01:00.0: SR-IOV not used: InitialVFs differs from TotalVFs");
}

static void test_a_capability_beyond_the_end(void **state)
{
    (void)state;
    fake_pci_put(PF, FAKE_ARI_CAP, 4, PCI_EXT_CAP_ID_ARI | 1u << 16 | 0xfc4u << 20);
    fake_pci_put(PF, 0xfc4, 4, PCI_EXT_CAP_ID_SRIOV | 1u << 16);
    unusable("");
}

static void test_without_extended_configuration_space(void **state)
{
    (void)state;
    fake_firmware.ecam_cnt = 0;
    fake_firmware.has_port_config = true;
    unusable("");
}

static void test_the_smallest_page_size_is_set_before_sizing(void **state)
{
    (void)state;
    fake_pci_put(PF, SRIOV(SYS_PAGE_SIZE), 4, 4);
    fake_sriov_found = fake_sriov_scan();
    assert_int_equal(fake_pci_get(PF, SRIOV(SYS_PAGE_SIZE), 4), 1);
    fake_pci_reset();
    fake_sriov_machine();
    fake_pci_put(PF, SRIOV(SUP_PAGE_SIZE), 4, 0x552);
    fake_sriov_found = fake_sriov_scan();
    assert_int_equal(fake_pci_get(PF, SRIOV(SYS_PAGE_SIZE), 4), 2);
    assert_int_equal(pci_sriov_enable(fake_sriov_found, 8), 0);
}

static void test_page_sizes_that_cannot_be(void **state)
{
    (void)state;
    fake_pci_put(PF, SRIOV(SUP_PAGE_SIZE), 4, 0);
    unusable("SR-IOV not used: no page size can be set");
}

static void test_a_page_size_that_does_not_stick(void **state)
{
    (void)state;
    fake_pci_put(PF, SRIOV(SYS_PAGE_SIZE), 4, 2);
    fake_pci_allow(PF, SRIOV(SYS_PAGE_SIZE), 4, 0);
    unusable("SR-IOV not used: no page size can be set");
}

static void firmware_left_them_on(void)
{
    fake_pci_put(PF, SRIOV(NUM_VFS), 2, 8);
    fake_pci_put(PF, SRIOV(CTRL), 2, PCI_SRIOV_CTRL_VFE | PCI_SRIOV_CTRL_MSE | PCI_SRIOV_CTRL_ARI);
}

static void test_quiesce_ends_what_firmware_left_on(void **state)
{
    (void)state;
    firmware_left_them_on();
    pci_config_init();
    pci_quiesce(NULL);
    assert_int_equal(fake_pci_get(PF, SRIOV(CTRL), 2) & 9, 0);
}

static void test_the_scan_does_too(void **state)
{
    (void)state;
    firmware_left_them_on();
    fake_sriov_found = fake_sriov_scan();
    assert_int_equal(fake_pci_get(PF, SRIOV(CTRL), 2) & 9, 0);
    assert_int_equal(pci_sriov_enable(fake_sriov_found, 3), 0);
    assert_int_equal(fake_pci_get(PF, SRIOV(NUM_VFS), 2), 3);
}

/* ---- what the device does not do */

static void test_num_vfs_that_does_not_stick(void **state)
{
    (void)state;
    fake_pci_allow(PF, SRIOV(NUM_VFS), 2, 3);
    fake_sriov_refused(5, -EIO, "NumVFs does not become 5");
    assert_int_equal(pci_sriov_enable(fake_sriov_found, 3), 0);
}

static void test_vf_enable_that_does_not_stick(void **state)
{
    (void)state;
    fake_pci_allow(PF, SRIOV(CTRL), 2, PCI_SRIOV_CTRL_MSE | PCI_SRIOV_CTRL_ARI);
    fake_sriov_refused(8, -EIO, "VF Enable does not stay on");
}

static void test_vf_memory_that_does_not_come_on(void **state)
{
    (void)state;
    fake_pci_allow(PF, SRIOV(CTRL), 2, PCI_SRIOV_CTRL_VFE | PCI_SRIOV_CTRL_ARI);
    fake_sriov_refused(8, -EIO, "VF Enable does not stay on");
}

/* Claims nine, has eight. */
static void test_a_virtual_function_that_does_not_answer(void **state)
{
    (void)state;
    fake_pci_driver = &driver; /* never asked, and so never to be removed */
    fake_pci_driver_id = 0x10ca;
    driver_story[0] = '\0';
    fake_pci_put(PF, SRIOV(INITIAL_VFS), 2, 9);
    fake_pci_put(PF, SRIOV(TOTAL_VFS), 2, 9);
    fake_sriov_refused(9, -EIO, "its virtual function 01:12.0 does not answer");
    assert_string_equal(driver_story, "");
    fake_pci_driver = NULL;
    assert_int_equal(pci_sriov_enable(fake_sriov_found, 8), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_sriov_setup, fake_sriov_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_virtual_functions_are_functions),
        TEST(test_the_list_stays_in_address_order),
        TEST(test_settle_times_are_kept),
        TEST(test_many_rounds_leave_nothing_behind),
        TEST(test_drivers_come_and_go_the_other_way),
        TEST(test_a_function_whose_driver_fails_stays),
        TEST(test_numbers),
        TEST(test_no_virtual_functions_is_no_fault),
        TEST(test_numbers_that_differ),
        TEST(test_a_capability_beyond_the_end),
        TEST(test_without_extended_configuration_space),
        TEST(test_the_smallest_page_size_is_set_before_sizing),
        TEST(test_page_sizes_that_cannot_be),
        TEST(test_a_page_size_that_does_not_stick),
        TEST(test_quiesce_ends_what_firmware_left_on),
        TEST(test_the_scan_does_too),
        TEST(test_num_vfs_that_does_not_stick),
        TEST(test_vf_enable_that_does_not_stick),
        TEST(test_vf_memory_that_does_not_come_on),
        TEST(test_a_virtual_function_that_does_not_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
