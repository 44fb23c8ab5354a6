/* Which transport a virtio function gets, by what it has and what the boot option says. */
/* sources: virtio/virtio_pci_caps.c virtio/virtio_pci_region.c virtio/virtio_pci_modern.c
 * virtio/virtio_pci_legacy.c virtio/virtio_pci_reset.c virtio/virtqueue.c pci/pci_cap.c
 * kernel/bootopt.c kernel/format.c tests/host/fake/log.c tests/host/fake/clock.c
 * tests/host/fake/fake_modern.c tests/host/fake/fake_modern_regs.c */
/* cflags: -include tests/host/fake/fake_reg.h */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_log.h"
#include "fake_modern.h"
#include "kernel/bootopt.h"
#include "msix/msix.h"

/* What probe() made. */
static struct virtio_device *added;
static int add_error;
static unsigned reported_cnt;

bool msix_enabled(const struct pci_device *pdev)
{
    (void)pdev;
    return false;
}

int virtio_device_add(struct virtio_device *dev)
{
    added = dev;
    if (add_error != -ENODEV)
        strcpy(dev->name, "x0");
    return add_error;
}

void virtio_device_remove(struct virtio_device *dev)
{
    (void)dev;
}

void virtio_report_late(struct virtio_device *dev)
{
    assert_ptr_equal(dev, added);
    reported_cnt++;
}

static unsigned vf_cnt;

int pci_sriov_enable(struct pci_device *pf, unsigned cnt)
{
    assert_ptr_equal(pf, &fake_modern_pdev);
    vf_cnt = cnt;
    return 0;
}

void pci_sriov_disable(struct pci_device *pf)
{
    assert_ptr_equal(pf, &fake_modern_pdev);
    vf_cnt = 0;
}

/* Included for its entry of the linker set. */
#include "virtio/virtio_pci.c"

enum kind {
    LEGACY,
    TRANSITIONAL,
    MODERN
};

static void start(enum kind kind, const char *options)
{
    fake_log_clear();
    bootopt_init(options);
    fake_modern_reset();
    added = NULL;
    add_error = 0;
    reported_cnt = 0;
    fake_modern_pdev.subsystem_id = VIRTIO_ID_BLOCK;
    fake_modern_pdev.device_id = kind == MODERN ? 0x1042 : 0x1001;
    if (kind == LEGACY)
        fake_modern_caps_clear();
    if (kind != MODERN)
        fake_modern_pdev.bars[0] = (struct pci_bar){.kind = PCI_BAR_IO, .base = 0xc000, .len = 64};
}

static int probe(void)
{
    return pci_driver_virtio.probe(&fake_modern_pdev);
}

/* Ends what probe() made; nothing is left of it. */
static void end(void)
{
    pci_driver_virtio.remove(&fake_modern_pdev);
    assert_null(fake_modern_pdev.driver_data);
    assert_int_equal(fake_modern.map_cnt, 0);
}

static void gets(enum kind kind, const char *options, const char *transport)
{
    start(kind, options);
    assert_int_equal(probe(), 0);
    assert_string_equal(added->transport->name, transport);
    assert_int_equal(added->device_id, VIRTIO_ID_BLOCK);
    assert_string_equal(fake_log_text(), "");
    assert_int_equal(reported_cnt, 1);
    end();
}

static void fails(enum kind kind, const char *options, const char *text)
{
    start(kind, options);
    assert_int_equal(probe(), -ENOTSUP);
    assert_null(added);
    assert_true(fake_log_has(text));
    assert_int_equal(fake_modern.map_cnt, 0);
}

static void test_each_device_gets_the_best_that_it_has(void **state)
{
    (void)state;
    gets(LEGACY, "", "legacy");
    gets(TRANSITIONAL, "", "modern");
    gets(MODERN, "", "modern");
    gets(TRANSITIONAL, "transport=auto", "modern");
}

static void test_the_boot_option_decides(void **state)
{
    (void)state;
    gets(TRANSITIONAL, "transport=legacy", "legacy");
    gets(TRANSITIONAL, "transport=modern", "modern");
    gets(LEGACY, "transport=legacy", "legacy");
    gets(MODERN, "transport=modern", "modern");
}

static void test_what_is_not_to_be_had_is_named(void **state)
{
    (void)state;
    fails(LEGACY, "transport=modern",
          "virtio 00:03.0 (1af4:1001): device not used: transport=modern is not available: "
          "the device has no virtio capabilities");
    fails(MODERN, "transport=legacy",
          "virtio 00:03.0 (1af4:1042): device not used: transport=legacy is not available: "
          "it is a modern-only device");
}

static void test_a_transitional_device_without_ports_is_a_modern_one(void **state)
{
    (void)state;
    start(TRANSITIONAL, "");
    fake_modern_pdev.bars[0].base = 0;
    assert_int_equal(probe(), 0);
    assert_string_equal(added->transport->name, "modern");
    end();
    bootopt_init("transport=legacy");
    assert_int_equal(probe(), -ENOTSUP);
    assert_true(fake_log_has("its legacy registers (I/O BAR 0) have no address"));
}

static void test_virtual_functions_must_have_been_agreed_on(void **state)
{
    (void)state;
    start(MODERN, "");
    assert_int_equal(probe(), 0);
    added->features = 1ull << VIRTIO_F_VERSION_1;
    assert_int_equal(pci_driver_virtio.sriov_configure(&fake_modern_pdev, 3), -ENOTSUP);
    assert_int_equal(vf_cnt, 0);
    added->features |= 1ull << VIRTIO_F_SR_IOV;
    assert_int_equal(pci_driver_virtio.sriov_configure(&fake_modern_pdev, 3), 0);
    assert_int_equal(vf_cnt, 3);
    assert_int_equal(pci_driver_virtio.sriov_configure(&fake_modern_pdev, 0), 0);
    assert_int_equal(vf_cnt, 0);
    end();
}

static void break_modern(void)
{
    fake_modern_caps_clear();
    fake_modern_cap(VIRTIO_PCI_CAP_COMMON_CFG, FAKE_MODERN_BAR, 0x8000, 60);
}

static void test_a_modern_interface_that_is_broken_is_left_with_its_reason(void **state)
{
    (void)state;
    start(TRANSITIONAL, "");
    break_modern();
    assert_int_equal(probe(), 0);
    assert_string_equal(added->transport->name, "legacy");
    assert_string_equal(fake_log_text(),
                        "@fallback name=x0 what=transport from=modern to=legacy reason=\"common "
                        "configuration at 0x8000 is beyond the end of BAR 4\"\n");
    end();
    fake_log_clear();
    add_error = -ENODEV; /* without driver there is no name, and nothing to tell */
    reported_cnt = 0;
    assert_int_equal(probe(), -ENODEV);
    assert_string_equal(fake_log_text(), "");
    assert_int_equal(reported_cnt, 0);
}

static void test_nothing_left_is_an_error_with_both_reasons(void **state)
{
    (void)state;
    start(TRANSITIONAL, "");
    break_modern();
    fake_modern_pdev.bars[0].len = 16;
    assert_int_equal(probe(), -ENOTSUP);
    assert_true(fake_log_has("device not used: its legacy registers (I/O BAR 0) are too short, and "
                             "common configuration at 0x8000 is beyond the end of BAR 4"));
    assert_null(added);
}

static void test_a_failed_start_leaves_nothing_behind(void **state)
{
    (void)state;
    start(MODERN, "");
    add_error = -ENOTSUP;
    assert_int_equal(probe(), -ENOTSUP);
    assert_int_equal(fake_modern.map_cnt, 0);
    assert_int_equal(fake_modern.master_lost_cnt, 1);
    assert_null(fake_modern_pdev.driver_data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_device_gets_the_best_that_it_has),
        cmocka_unit_test(test_the_boot_option_decides),
        cmocka_unit_test(test_what_is_not_to_be_had_is_named),
        cmocka_unit_test(test_a_transitional_device_without_ports_is_a_modern_one),
        cmocka_unit_test(test_virtual_functions_must_have_been_agreed_on),
        cmocka_unit_test(test_a_modern_interface_that_is_broken_is_left_with_its_reason),
        cmocka_unit_test(test_nothing_left_is_an_error_with_both_reasons),
        cmocka_unit_test(test_a_failed_start_leaves_nothing_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
