/* Capabilities of a modern function, sound and hostile: which are taken, and how they are reached.
 */
/* sources: virtio/virtio_pci_caps.c virtio/virtio_pci_region.c virtio/virtio_pci_modern.c
 * virtio/virtio_pci_reset.c virtio/virtqueue.c pci/pci_cap.c kernel/format.c
 * tests/host/fake/log.c tests/host/fake/clock.c tests/host/fake/fake_modern.c
 * tests/host/fake/fake_modern_regs.c */
/* cflags: -include tests/host/fake/fake_reg.h */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_modern.h"

#define VP     (&fake_modern_vp)
#define COMMON VIRTIO_PCI_CAP_COMMON_CFG
#define ISR    VIRTIO_PCI_CAP_ISR_CFG
#define CONFIG VIRTIO_PCI_CAP_DEVICE_CFG
#define BAR    FAKE_MODERN_BAR

static int setup(void **state)
{
    (void)state;
    fake_modern_reset();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    virtio_pci_modern_close(VP);
    assert_null(fake_modern.sin);
    return fake_modern.map_cnt != 0;
}

/* The structures behind the common one. */
static void others(void)
{
    fake_modern_cap(ISR, BAR, FAKE_MODERN_ISR, 1);
    fake_modern_cap(CONFIG, BAR, FAKE_MODERN_CONFIG_, 8);
    fake_modern_notify_cap(BAR, FAKE_MODERN_NOTIFY, 0x1000, 4);
}

static void assert_unusable(const char *why)
{
    assert_int_equal(virtio_pci_modern_open(VP), -ENXIO);
    assert_string_equal(VP->why, why);
    assert_int_equal(fake_modern.map_cnt, 0);
}

static void test_what_the_device_names_is_opened(void **state)
{
    (void)state;
    assert_int_equal(virtio_pci_modern_open(VP), 0);
    assert_int_equal(VP->modern.notify_multiplier, 4);
    assert_int_equal(VP->modern.notify.off, FAKE_MODERN_NOTIFY);
    assert_int_equal(VP->modern.notify.len, 0x1000);
    assert_int_equal(VP->modern.common.len, 60);
    assert_int_equal(VP->modern.window, 0);
    fake_modern.isr = 3;
    assert_int_equal(virtio_pci_modern_ops.read_isr(&VP->vdev), 3);
    assert_int_equal(virtio_pci_modern_ops.read_isr(&VP->vdev), 0);
    assert_int_equal(fake_modern.memory_cnt, 2);
}

static void test_no_capabilities_are_no_modern_interface(void **state)
{
    (void)state;
    fake_modern_caps_clear();
    fake_modern_pdev.device_id = 0x1000;
    assert_int_equal(virtio_pci_modern_open(VP), -ENODEV);
    assert_string_equal(VP->why, "the device has no virtio capabilities");
    fake_modern_pdev.device_id = 0x1041; /* by its id it must have them */
    assert_unusable("no common configuration capability");
}

static void test_each_structure_but_one_is_needed(void **state)
{
    static const struct {
        uint8_t type;
        const char *why;
    } cases[] = {
        {VIRTIO_PCI_CAP_COMMON_CFG, "no common configuration capability"},
        {VIRTIO_PCI_CAP_NOTIFY_CFG, "no notification capability"},
        {VIRTIO_PCI_CAP_ISR_CFG, "no ISR capability"},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        setup(NULL);
        for (unsigned cap = 0x40; cap < 0x90; cap += 4) {
            if (fake_modern.space[cap] == PCI_CAP_ID_VNDR &&
                fake_modern.space[cap + VIRTIO_PCI_CAP_CFG_TYPE] == cases[i].type)
                fake_modern.space[cap + VIRTIO_PCI_CAP_CFG_TYPE] = 0x77;
        }
        assert_unusable(cases[i].why);
    }
}

static void test_a_device_may_have_no_configuration(void **state)
{
    uint8_t bytes[4] = {1, 2, 3, 4};

    (void)state;
    fake_modern_caps_clear();
    fake_modern_cap(COMMON, BAR, FAKE_MODERN_COMMON, 60);
    fake_modern_cap(ISR, BAR, FAKE_MODERN_ISR, 1);
    fake_modern_notify_cap(BAR, FAKE_MODERN_NOTIFY, 0x1000, 4);
    assert_int_equal(virtio_pci_modern_open(VP), 0);
    assert_int_equal(virtio_pci_modern_ops.config_len(&VP->vdev), 0);
    virtio_pci_modern_ops.config_read(&VP->vdev, 0, bytes, sizeof(bytes));
    assert_memory_equal(bytes, "\0\0\0\0", sizeof(bytes));
    virtio_pci_modern_ops.config_write(&VP->vdev, 0, bytes, sizeof(bytes));
    assert_int_equal(fake_modern.memory_cnt + fake_modern.port_cnt, 0);
    virtio_pci_modern_close(VP);
    fake_modern_cap(CONFIG, BAR, 0x8000, 8); /* one that is there must be usable */
    assert_unusable("device configuration at 0x8000 is beyond the end of BAR 4");
}

/* Each of these stands in front of a sound one, which is taken. Alone it is refused with the
 * reason. */
static void test_unusable_instances_are_passed_over(void **state)
{
    static const struct {
        uint8_t bar;
        uint32_t off, len;
        const char *why;
    } cases[] = {
        {6, 0, 60, "common configuration in BAR 6, which is not there"},
        {255, 0, 60, "common configuration in BAR 255, which is not there"},
        {3, 0, 60, "common configuration in BAR 3, which is not there"},
        {5, 0, 60, "common configuration in BAR 5, which is not there"},
        {BAR, 0, 0, "common configuration at 0, 0 bytes long: not usable"},
        {BAR, 0, 55, "common configuration at 0, 0x37 bytes long: not usable"},
        {BAR, 2, 60, "common configuration at 0x2, 0x3c bytes long: not usable"},
        {BAR, 0x7ffc, 60, "common configuration at 0x7ffc is beyond the end of BAR 4"},
        {BAR, 0x8000, 60, "common configuration at 0x8000 is beyond the end of BAR 4"},
        {BAR, 0xfffffffc, 0xffffffff,
         "common configuration at 0xfffffffc is beyond the end of BAR 4"},
        {BAR, 0xffffffc4, 60, "common configuration at 0xffffffc4 is beyond the end of BAR 4"},
        {0, 0, 60, "common configuration in BAR 0 cannot be reached"},
        {1, 0, 60, "common configuration in BAR 1 cannot be reached"},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        setup(NULL);
        fake_modern_pdev.bars[0] = (struct pci_bar){.kind = PCI_BAR_IO, .len = 64}; /* no address */
        fake_modern_pdev.bars[1] = (struct pci_bar){.kind = PCI_BAR_MEM32, .len = 4096};
        fake_modern_caps_clear();
        fake_modern_cap(COMMON, cases[i].bar, cases[i].off, cases[i].len);
        others();
        assert_unusable(cases[i].why);
        fake_modern_cap(COMMON, BAR, FAKE_MODERN_COMMON, 60);
        assert_int_equal(virtio_pci_modern_open(VP), 0);
        assert_int_equal(virtio_pci_modern_ops.get_status(&VP->vdev), 0);
        teardown(NULL);
    }
}

static void test_the_first_usable_instance_is_taken(void **state)
{
    (void)state;
    fake_modern_cap(COMMON, BAR, 0x4000, 60);
    fake_modern_cap(ISR, BAR, 0x4000, 1);
    fake_modern_notify_cap(BAR, 0x4000, 0x100, 8);
    assert_int_equal(virtio_pci_modern_open(VP), 0);
    assert_int_equal(VP->modern.common.bar_off, FAKE_MODERN_COMMON);
    assert_int_equal(VP->modern.isr.bar_off, FAKE_MODERN_ISR);
    assert_int_equal(VP->modern.notify_multiplier, 4);
}

static void test_longer_ones_are_taken_and_cut(void **state)
{
    unsigned cap;

    (void)state;
    fake_modern_caps_clear();
    cap = fake_modern_cap(COMMON, BAR, FAKE_MODERN_COMMON, 0xffffffff);
    fake_modern.space[cap + VIRTIO_PCI_CAP_LEN] = 0xff; /* longer than is known here */
    fake_modern_cap(ISR, BAR, FAKE_MODERN_ISR, 0x1000);
    fake_modern_cap(CONFIG, BAR, 0x7ff0, 0x80000000);
    fake_modern_notify_cap(BAR, FAKE_MODERN_NOTIFY, 0xfffffff0, 0x1000);
    assert_int_equal(virtio_pci_modern_open(VP), 0);
    assert_int_equal(VP->modern.common.len, 4096);
    assert_int_equal(VP->modern.config.len, 0x10);
    assert_int_equal(VP->modern.notify.len, FAKE_MODERN_BAR_LEN - FAKE_MODERN_NOTIFY);
}

static void test_foreign_and_short_capabilities_are_ignored(void **state)
{
    unsigned cap;

    (void)state;
    fake_modern_caps_clear();
    cap = fake_modern_cap(COMMON, BAR, 0x4000, 60);
    fake_modern.space[cap + VIRTIO_PCI_CAP_LEN] = 15;
    cap = fake_modern_cap(COMMON, BAR, 0x4000, 60);
    fake_modern.space[cap] = PCI_CAP_ID_PM;
    fake_modern_cap(0, BAR, 0x4000, 60);
    fake_modern_cap(0xff, BAR, 0x4000, 60);
    fake_modern_cap(COMMON, BAR, FAKE_MODERN_COMMON, 60);
    cap = fake_modern_notify_cap(BAR, 0x4000, 0x100, 4);
    fake_modern.space[cap + VIRTIO_PCI_CAP_LEN] = 16; /* without a multiplier */
    others();
    assert_int_equal(virtio_pci_modern_open(VP), 0);
    assert_int_equal(VP->modern.common.bar_off, FAKE_MODERN_COMMON);
    assert_int_equal(VP->modern.notify.off, FAKE_MODERN_NOTIFY);
}

/* A list that never ends, one that leads out of the registers, one at the very end of the space. */
static void test_walks_end(void **state)
{
    (void)state;
    fake_modern.space[0x50 + PCI_CAP_NEXT] = 0x40;
    assert_unusable("no notification capability");
    fake_modern.space[0x40 + PCI_CAP_NEXT] = 0x40;
    assert_unusable("no notification capability");
    fake_modern.space[0x40 + PCI_CAP_NEXT] = 0x10;
    assert_unusable("no notification capability");
    fake_modern.space[0x40 + PCI_CAP_NEXT] = 0xfc;
    fake_modern.space[0xfc] = PCI_CAP_ID_VNDR;
    fake_modern.space[0xfc + VIRTIO_PCI_CAP_LEN] = 20;
    fake_modern.space[0xfc + VIRTIO_PCI_CAP_CFG_TYPE] = VIRTIO_PCI_CAP_NOTIFY_CFG;
    assert_unusable("no notification capability");
}

static void test_a_failure_leaves_nothing_mapped(void **state)
{
    (void)state;
    fake_modern.no_memory = true;
    assert_unusable("common configuration in BAR 4 cannot be reached");
    fake_modern.no_memory = false;
    assert_int_equal(virtio_pci_modern_open(VP), 0);
    assert_int_equal(fake_modern.map_cnt, 3);
    virtio_pci_modern_close(VP);
    virtio_pci_modern_close(VP); /* harmless */
    assert_int_equal(fake_modern.map_cnt, 0);
}

/* Notifications by port, as far as there are ports. */
static void test_ports_are_as_good_as_memory(void **state)
{
    (void)state;
    fake_modern_caps_clear();
    fake_modern_notify_cap(FAKE_MODERN_PORT_BAR, 0, 4, 0);
    fake_modern_cap(COMMON, BAR, FAKE_MODERN_COMMON, 60);
    others();
    assert_int_equal(virtio_pci_modern_open(VP), 0);
    assert_int_equal(VP->modern.notify.bar, FAKE_MODERN_PORT_BAR);
    virtio_pci_modern_close(VP);
    fake_modern_pdev.bars[FAKE_MODERN_PORT_BAR].base = 0;
    assert_int_equal(virtio_pci_modern_open(VP), 0);
    assert_int_equal(VP->modern.notify.bar, BAR);
}

static void test_the_window_is_the_last_resort(void **state)
{
    (void)state;
    fake_modern_window_cap();
    assert_int_equal(virtio_pci_modern_open(VP), 0);
    virtio_pci_modern_ops.get_status(&VP->vdev);
    assert_int_equal(fake_modern.window_cnt, 0);
    virtio_pci_modern_close(VP);
    fake_modern_pdev.bars[BAR].base = 0;
    assert_int_equal(virtio_pci_modern_open(VP), 0);
    virtio_pci_modern_ops.set_status(&VP->vdev, 1);
    assert_int_equal(virtio_pci_modern_ops.get_status(&VP->vdev), 1);
    fake_modern.isr = 2;
    assert_int_equal(virtio_pci_modern_ops.read_isr(&VP->vdev), 2);
    assert_int_equal(fake_modern.window_cnt, 3);
    assert_int_equal(fake_modern.memory_cnt, 1);
}

/* The window reaches what lies inside a BAR; it does not excuse nonsense. */
static void test_the_window_does_not_help_with_bad_places(void **state)
{
    (void)state;
    fake_modern_caps_clear();
    fake_modern_window_cap();
    fake_modern_cap(COMMON, BAR, 0x8000, 60);
    others();
    assert_unusable("common configuration at 0x8000 is beyond the end of BAR 4");
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_the_device_names_is_opened),
        TEST(no_capabilities_are_no_modern_interface),
        TEST(each_structure_but_one_is_needed),
        TEST(a_device_may_have_no_configuration),
        TEST(unusable_instances_are_passed_over),
        TEST(the_first_usable_instance_is_taken),
        TEST(longer_ones_are_taken_and_cut),
        TEST(foreign_and_short_capabilities_are_ignored),
        TEST(walks_end),
        TEST(a_failure_leaves_nothing_mapped),
        TEST(ports_are_as_good_as_memory),
        TEST(the_window_is_the_last_resort),
        TEST(the_window_does_not_help_with_bad_places),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
