/* VIRTIO_F_ACCESS_PLATFORM: which devices are refused for what the IOMMU says of them, and which
 * take the feature. */
/* sources: virtio/virtio_pci_access.c virtio/virtio.c virtio/virtio_features.c
 * virtio/virtio_queues.c virtio/virtio_config.c virtio/virtio_watchdog.c virtio/virtqueue.c
 * virtio/virtqueue_split.c virtio/virtqueue_split_alloc.c kernel/bootopt.c kernel/error.c
 * kernel/format.c kernel/timer.c tests/host/fake/log.c tests/host/fake/clock.c
 * tests/host/fake/work.c tests/host/fake/fake_dma.c tests/host/fake/fake_virtio.c
 * tests/host/fake/fake_driver.c virtio/virtio_ring.c virtio/virtqueue_packed.c
 * virtio/virtqueue_packed_in_order.c virtio/virtqueue_packed_alloc.c
 * virtio/virtqueue_split_in_order.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_driver.h"
#include "fake_log.h"
#include "fake_virtio.h"
#include "iommu/iommu.h"
#include "virtio/virtio_pci.h"

#define ACCESS (BIT(VIRTIO_F_ACCESS_PLATFORM) | BIT(VIRTIO_F_VERSION_1))

/* What the IOMMU says of devices past it, and behind it. */
static const char *objections[2];

const char *iommu_objection(bool behind)
{
    return objections[behind];
}

static uint64_t own_features(struct virtio_device *dev)
{
    (void)dev;
    return BIT(VIRTIO_F_ACCESS_PLATFORM);
}

static int setup(void **state)
{
    objections[0] = objections[1] = NULL;
    fake_virtio_ops.own_features = own_features;
    fake_virtio_ops.access_objection = virtio_pci_access_objection;
    return fake_driver_setup(state);
}

static void expect_refusal(const char *text)
{
    assert_int_equal(virtio_device_add(&fake_driver_dev), -ENOTSUP);
    assert_true(fake_log_has(text));
    assert_int_equal(fake_virtio.accepted, 0);
    fake_driver_assert_undone();
}

static void test_the_feature_is_taken_where_nothing_is_against_it(void **state)
{
    (void)state;
    objections[0] = "past it";
    fake_virtio.offered |= ACCESS;
    fake_driver_bring_up();
    assert_true(virtio_has_feature(&fake_driver_dev, VIRTIO_F_ACCESS_PLATFORM));
    assert_int_equal(fake_virtio.accepted & ACCESS, ACCESS);
    virtio_device_remove(&fake_driver_dev);
}

static void test_a_device_past_an_iommu_is_refused(void **state)
{
    (void)state;
    objections[0] = "past it";
    expect_refusal("device not used: it does not offer VIRTIO_F_ACCESS_PLATFORM, and past it\n");
}

static void test_a_device_behind_one_in_the_way_is_refused(void **state)
{
    (void)state;
    objections[1] = "in the way";
    fake_virtio.offered |= ACCESS;
    expect_refusal("device not used: it offers VIRTIO_F_ACCESS_PLATFORM, and in the way\n");
}

static void test_one_past_it_is_not_in_its_way(void **state)
{
    (void)state;
    objections[1] = "in the way";
    fake_driver_bring_up();
    assert_false(virtio_has_feature(&fake_driver_dev, VIRTIO_F_ACCESS_PLATFORM));
    virtio_device_remove(&fake_driver_dev);
}

static void test_an_iommu_is_not_behind_itself(void **state)
{
    struct virtio_device iommu = {.device_id = VIRTIO_ID_IOMMU};

    (void)state;
    objections[0] = objections[1] = "never";
    assert_null(virtio_pci_access_objection(&iommu, 0));
    assert_null(virtio_pci_access_objection(&iommu, ACCESS));
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, fake_driver_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_feature_is_taken_where_nothing_is_against_it),
        TEST(a_device_past_an_iommu_is_refused),
        TEST(a_device_behind_one_in_the_way_is_refused),
        TEST(one_past_it_is_not_in_its_way),
        TEST(an_iommu_is_not_behind_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
