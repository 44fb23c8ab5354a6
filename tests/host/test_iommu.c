/* What is made of the IOMMUs that firmware tells of, by boot option, and which devices may be used
 * then. */
/* sources: kernel/bootopt.c kernel/format.c tests/host/fake/log.c tests/host/fake/clock.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arch/firmware.h"
#include "fake_log.h"

/* With its state, which each test begins afresh. */
#include "iommu/iommu.c"

#define VTD    FIRMWARE_IOMMU_VTD
#define AMD    FIRMWARE_IOMMU_AMD
#define VIRTIO FIRMWARE_IOMMU_VIRTIO

static const struct iommu_info nothing = {.kind = "none", .why = "the machine has no IOMMU"};
static struct firmware_info firmware;
static const char *start_missing; /* why the domain does not start */
static int open_error, off_error, amd_error;
static unsigned starts, attached;

const struct firmware_info *firmware_get(void)
{
    return &firmware;
}

int vtd_open(struct vtd_unit *unit, uint64_t pa)
{
    (void)unit;
    (void)pa;
    return open_error;
}

int vtd_off(struct vtd_unit *unit)
{
    (void)unit;
    return off_error;
}

int amd_iommu_off(uint64_t pa)
{
    (void)pa;
    return amd_error;
}

const char *vtd_domain_start(struct vtd_unit *units, unsigned cnt, const struct boot_info *info)
{
    (void)units;
    (void)info;
    assert_int_equal(cnt, firmware.iommu_cnt);
    starts++;
    return start_missing;
}

unsigned vtd_domain_width(void)
{
    return 39;
}

int vtd_domain_attach(uint16_t requester)
{
    attached = requester;
    return 0;
}

void vtd_domain_detach(uint16_t requester)
{
    assert_int_equal(requester, attached);
    attached = 0;
}

int vtd_faults_start(struct vtd_unit *unit)
{
    (void)unit;
    return 0;
}

static int setup(void **state)
{
    (void)state;
    memset(&firmware, 0, sizeof(firmware));
    start_missing = NULL;
    open_error = off_error = amd_error = 0;
    starts = attached = 0;
    fake_log_clear();
    current = nothing;
    vtd_cnt = 0;
    demand[0] = '\0';
    return 0;
}

static void add(enum firmware_iommu_kind kind, uint16_t segment)
{
    firmware.iommus[firmware.iommu_cnt++] =
        (struct firmware_iommu){.kind = kind, .segment = segment, .base_pa = 0xfed90000};
}

/* Comes up with this command line; the state, and the "@iommu" line or "". */
static void expect(const char *line, enum iommu_state state, const char *report)
{
    static const struct boot_info info;
    struct iommu_info now;

    bootopt_init(line);
    iommu_quiesce();
    iommu_init(&info);
    iommu_report();
    iommu_get(&now);
    assert_int_equal(now.state, state);
    assert_string_equal(fake_log_text(), report);
}

static void test_none(void **state)
{
    (void)state;
    expect("", IOMMU_NONE, "");
    assert_null(iommu_objection(true));
    assert_null(iommu_objection(false));
    assert_int_equal(iommu_attach(7, 1), 0);
}

static void test_on(void **state)
{
    (void)state;
    add(VTD, 0);
    add(VTD, 0);
    expect("iommu=on", IOMMU_ON, "@iommu kind=vt-d units=2 state=on width=39\n");
    assert_int_equal(starts, 1);
    assert_null(iommu_objection(true));
    assert_non_null(iommu_objection(false));
    assert_int_equal(iommu_attach(0, 0x18), 0);
    assert_int_equal(attached, 0x18);
    iommu_detach(0, 0x18);
    assert_int_equal(attached, 0);
    assert_int_equal(iommu_attach(1, 0x18), -ENODEV);
    assert_int_equal(attached, 0);
}

static void test_off(void **state)
{
    (void)state;
    add(VTD, 0);
    expect("iommu=off", IOMMU_OFF,
           "@iommu kind=vt-d units=1 state=off reason=\"boot option iommu=off\"\n");
    assert_int_equal(starts, 0);
    assert_null(iommu_objection(true));
    assert_null(iommu_objection(false));
    assert_int_equal(iommu_attach(0, 0x18), 0);
    assert_int_equal(attached, 0);
}

static void test_cannot_start(void **state)
{
    (void)state;
    add(VTD, 0);
    start_missing = "it does not translate";
    expect("", IOMMU_OFF, "@iommu kind=vt-d units=1 state=off reason=\"it does not translate\"\n");
    assert_null(iommu_objection(true));
}

static void test_segments(void **state)
{
    (void)state;
    add(VTD, 0);
    add(VTD, 1);
    expect(
        "", IOMMU_OFF,
        "@iommu kind=vt-d units=2 state=off reason=\"there are VT-d units of several segments\"\n");
    assert_int_equal(starts, 0);
}

/* Devices behind what is in the way are not used; those past it are. */
static void expect_blocked(const char *line, const char *report)
{
    expect(line, IOMMU_BLOCKED, report);
    assert_int_equal(starts, 0);
    assert_non_null(iommu_objection(true));
    assert_null(iommu_objection(false));
}

static void test_vtd_in_the_way(void **state)
{
    (void)state;
    add(VTD, 0);
    off_error = -ETIMEDOUT;
    expect_blocked("iommu=off", "@iommu kind=vt-d units=1 state=blocked "
                                "reason=\"a VT-d unit cannot be turned off\"\n");
}

static void test_vtd_silent(void **state)
{
    (void)state;
    add(VTD, 0);
    open_error = -ENODEV;
    expect_blocked("", "@iommu kind=vt-d units=1 state=blocked "
                       "reason=\"a VT-d unit does not answer\"\n");
}

static void test_amd(void **state)
{
    (void)state;
    add(AMD, 0);
    expect("", IOMMU_OFF,
           "@iommu kind=amd units=1 state=off "
           "reason=\"translation by AMD's IOMMU is not supported\"\n");
    assert_null(iommu_objection(true));
}

static void test_amd_in_the_way(void **state)
{
    (void)state;
    add(AMD, 0);
    amd_error = -EIO;
    expect_blocked("", "@iommu kind=amd units=1 state=blocked "
                       "reason=\"the AMD IOMMU cannot be turned off\"\n");
}

static void test_broken_table(void **state)
{
    (void)state;
    add(VTD, 0);
    firmware.iommu_unclear = true;
    expect_blocked("", "@iommu kind=vt-d units=1 state=blocked "
                       "reason=\"firmware's table of IOMMUs is broken\"\n");
}

static void test_virtio_until_its_driver_has_spoken(void **state)
{
    (void)state;
    add(VIRTIO, 0);
    expect_blocked("", "@iommu kind=virtio units=1 state=blocked "
                       "reason=\"the virtio-iommu has not been told to let devices through\"\n");
    iommu_virtio_set(NULL);
    assert_null(iommu_objection(true));
    iommu_virtio_set("it says no");
    assert_string_equal(iommu_objection(true), "it says no");
}

/* Whatever a function that calls itself a virtio-iommu says. */
static void test_virtio_beside_others(void **state)
{
    (void)state;
    add(VTD, 0);
    expect("", IOMMU_ON, "@iommu kind=vt-d units=1 state=on width=39\n");
    iommu_virtio_set(NULL);
    assert_non_null(iommu_objection(false));
    assert_int_equal(iommu_attach(0, 0x18), 0);
    assert_int_equal(attached, 0x18);
    iommu_virtio_set("it says no");
    assert_null(iommu_objection(true));
}

static void test_virtio_does_not_unblock_others(void **state)
{
    (void)state;
    add(VTD, 0);
    off_error = -ETIMEDOUT;
    expect_blocked("", "@iommu kind=vt-d units=1 state=blocked "
                       "reason=\"a VT-d unit cannot be turned off\"\n");
    iommu_virtio_set(NULL);
    assert_non_null(iommu_objection(true));
}

static void test_demanded_and_not_there(void **state)
{
    (void)state;
    expect("iommu=on", IOMMU_NONE,
           "error: iommu=on is not to be had: the machine has no IOMMU; no device is used\n");
    assert_non_null(iommu_objection(true));
    assert_non_null(iommu_objection(false));
    assert_int_equal(iommu_attach(0, 0x18), -ENODEV);
}

#define TEST(name) cmocka_unit_test_setup(test_##name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(none),
        TEST(on),
        TEST(off),
        TEST(cannot_start),
        TEST(segments),
        TEST(vtd_in_the_way),
        TEST(vtd_silent),
        TEST(amd),
        TEST(amd_in_the_way),
        TEST(broken_table),
        TEST(virtio_until_its_driver_has_spoken),
        TEST(virtio_beside_others),
        TEST(virtio_does_not_unblock_others),
        TEST(demanded_and_not_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
