/* The checks of "selftest virtio" that concern every device and ring: each sees its violation. */
/* sources: virtio/virtio_check_cmd.c virtio/virtio_check_device_cmd.c
 * virtio/virtio_check_ring_cmd.c virtio/virtio_features.c virtio/virtqueue.c
 * virtio/virtqueue_split.c virtio/virtqueue_split_alloc.c kernel/format.c tests/host/fake/log.c
 * tests/host/fake/memory.c tests/host/fake/fake_dma.c tests/host/fake/fake_virtio.c
 * kernel/bootopt.c * virtio/virtqueue_split_in_order.c virtio/virtio_ring.c
 * virtio/virtqueue_packed.c virtio/virtqueue_packed_in_order.c virtio/virtqueue_packed_alloc.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arch/memory.h"
#include "fake_dma.h"
#include "fake_log.h"
#include "fake_virtio.h"
#include "kernel/console.h"
#include "virtio/virtio_check.h"
#include "virtio/vring.h"

#define BIT(n) (1ull << (n))
#define V1     BIT(VIRTIO_F_VERSION_1)

const struct virtio_check_set __start_virtio_checks[1];
extern const struct virtio_check_set __stop_virtio_checks[1];
const struct virtio_check_set __stop_virtio_checks[1];

static const struct virtio_feature drv_features[] = {
    {.bit = 3, .name = "VIRTIO_X_F"},
    {.bit = 4, .name = "VIRTIO_X_F_MORE", .needs = BIT(3)},
    {.name = NULL},
};
static const struct virtio_driver driver = {.name = "virtio-x", .features = drv_features};
static struct virtio_device dev, other;
static unsigned dev_cnt;

void virtio_for_each(void (*fn)(struct virtio_device *dev, void *arg), void *arg)
{
    if (dev_cnt > 0)
        fn(&dev, arg);
    if (dev_cnt > 1)
        fn(&other, arg);
}

int console_fail(int err, const char *fmt, ...)
{
    (void)fmt;
    return err;
}

static void on_used(struct virtqueue *vq)
{
    (void)vq;
}

static struct virtqueue *make_queue(bool event_idx)
{
    return virtqueue_split_alloc(&(struct virtqueue_params){.name = "q",
                                                            .dev = &dev,
                                                            .size = 8,
                                                            .event_idx = event_idx,
                                                            .notify = on_used,
                                                            .callback = on_used});
}

/* A sound device of the modern interface. */
static int setup(void **state)
{
    (void)state;
    fake_log_clear();
    fake_virtio_reset();
    fake_virtio_ops.features_required = V1;
    fake_virtio.offered = V1 | BIT(3) | BIT(4);
    fake_virtio.status = 0xf;
    dev = (struct virtio_device){.name = "x0",
                                 .transport = &fake_virtio_ops,
                                 .driver = &driver,
                                 .device_id = 77,
                                 .features = V1 | BIT(3),
                                 .queue_cnt = 2};
    dev.queues[1] = make_queue(false);
    other = (struct virtio_device){.name = "y0", .device_id = 78};
    dev_cnt = 1;
    return dev.queues[1] == NULL;
}

static int teardown(void **state)
{
    (void)state;
    virtqueue_free(dev.queues[1]);
    fake_virtio_ops.features_required = 0;
    return fake_dma_in_use != 0;
}

static void expect(const struct virtio_check *table, unsigned id, enum virtio_verdict verdict)
{
    const char *why = NULL;

    while (table->id != id)
        assert_int_not_equal((table++)->id, 0);
    assert_int_equal(table->fn(&dev, &why), verdict);
    assert_true(verdict == VIRTIO_CHECK_PASS || why != NULL);
}

#define DEVICE(id, verdict) expect(virtio_device_checks, id, VIRTIO_CHECK_##verdict)
#define RING(id, verdict)   expect(virtio_ring_checks, id, VIRTIO_CHECK_##verdict)

static void legacy(void)
{
    fake_virtio_ops.features_required = 0;
    fake_virtio.offered &= ~V1;
    dev.features &= ~V1;
    fake_virtio.status = 7;
}

static void test_features(void **state)
{
    (void)state;
    DEVICE(5, PASS);
    DEVICE(6, PASS);
    DEVICE(22, PASS);
    DEVICE(25, SKIP);
    dev.features = V1 | BIT(4);
    DEVICE(5, FAIL); /* without what it needs */
    dev.features = V1 | BIT(5);
    DEVICE(5, FAIL); /* not offered */
    DEVICE(6, FAIL);
    dev.features = BIT(3);
    DEVICE(22, FAIL);
    fake_virtio.offered |= BIT(VIRTIO_F_NOTIF_CONFIG_DATA);
    DEVICE(25, FAIL);
    dev.features |= BIT(VIRTIO_F_NOTIF_CONFIG_DATA);
    DEVICE(25, PASS);
    fake_virtio.offered |= BIT(VIRTIO_F_RING_PACKED);
    DEVICE(25, FAIL);
    dev.features |= BIT(VIRTIO_F_RING_PACKED);
    DEVICE(25, PASS);
    dev.features |= BIT(VIRTIO_F_SR_IOV);
    DEVICE(25, FAIL);
}

static void test_status(void **state)
{
    (void)state;
    DEVICE(16, PASS);
    DEVICE(18, PASS);
    DEVICE(8, SKIP);
    DEVICE(20, SKIP);
    fake_virtio.status = 7;
    DEVICE(16, FAIL);
    DEVICE(18, FAIL);
    legacy();
    DEVICE(16, SKIP);
    DEVICE(18, SKIP);
    DEVICE(20, PASS);
    DEVICE(8, PASS);
    DEVICE(22, SKIP);
    fake_virtio.status = 0xf;
    DEVICE(20, FAIL);
    dev.features |= V1;
    DEVICE(8, FAIL);
}

static struct virtqueue_ops ops;
static struct virtqueue_layout layout;

static void lying_layout(const struct virtqueue *vq, struct virtqueue_layout *out)
{
    (void)vq;
    *out = layout;
}

/* The queue's functions with a layout that the test sets, which is the true one at first. */
static void lie(void)
{
    virtqueue_layout(dev.queues[1], &layout);
    ops = *dev.queues[1]->ops;
    ops.layout = lying_layout;
    dev.queues[1]->ops = &ops;
}

static void test_layout(void **state)
{
    (void)state;
    RING(26, PASS);
    RING(27, PASS);
    RING(28, SKIP);
    legacy();
    RING(28, PASS);
    dev.queues[1]->size = 12;
    RING(26, FAIL);
    dev.queues[1]->size = 8;
    lie();
    layout.used_pa += 4;
    RING(27, PASS);
    RING(28, FAIL);
    layout.used_pa += 2;
    RING(27, FAIL);
}

static void test_index_and_flags(void **state)
{
    struct vring_avail *avail;

    (void)state;
    virtqueue_layout(dev.queues[1], &layout);
    avail = phys_to_virt(layout.avail_pa);
    RING(36, PASS);
    RING(37, PASS);
    avail->flags = 1;
    RING(37, PASS);
    avail->flags = 2;
    RING(37, FAIL);
    dev.features |= BIT(VIRTIO_RING_F_EVENT_IDX);
    avail->flags = 1;
    RING(37, FAIL);
    avail->idx = 3;
    RING(36, FAIL);
    dev.queues[1]->chain_cnt = 65536 + 3;
    RING(36, PASS);
}

static void test_packed_rings(void **state)
{
    (void)state;
    RING(48, SKIP);
    lie();
    ops.name = "packed";
    RING(48, PASS);
    RING(26, SKIP);
    layout.avail_pa += 2;
    RING(48, FAIL);
}

static enum virtio_verdict given[2];

static enum virtio_verdict scripted(struct virtio_device *d, const char **why)
{
    *why = "as told";
    return given[d == &other];
}

static void run(enum virtio_verdict first, enum virtio_verdict second, const char *line)
{
    static const struct virtio_check table[] = {{2, "2.1.1", scripted}, {0}};
    const struct virtio_check_set set = {.checks = table};

    fake_log_clear();
    given[0] = first;
    given[1] = second;
    assert_int_equal(virtio_checks_run(&set, 1),
                     first == VIRTIO_CHECK_FAIL || second == VIRTIO_CHECK_FAIL);
    assert_true(fake_log_has(line));
}

static void test_what_devices_say_is_put_together(void **state)
{
    static const struct virtio_check table[] = {{3, "2.1.1", scripted}, {0}};
    const struct virtio_check_set set = {.device_id = 79, .checks = table};

    (void)state;
    dev_cnt = 2;
    run(VIRTIO_CHECK_SKIP, VIRTIO_CHECK_SKIP,
        "@check id=2 section=2.1.1 verdict=SKIP reason=\"x0: as told\"");
    run(VIRTIO_CHECK_SKIP, VIRTIO_CHECK_PASS, "@check id=2 section=2.1.1 verdict=PASS\n");
    run(VIRTIO_CHECK_FAIL, VIRTIO_CHECK_PASS,
        "@check id=2 section=2.1.1 verdict=FAIL reason=\"x0: as told\"");
    run(VIRTIO_CHECK_PASS, VIRTIO_CHECK_FAIL,
        "@check id=2 section=2.1.1 verdict=FAIL reason=\"y0: as told\"");
    other.dead = "it lies"; /* what it does not do any more cannot be wrong */
    given[0] = VIRTIO_CHECK_PASS;
    fake_log_clear();
    assert_int_equal(
        virtio_checks_run(&(struct virtio_check_set){.device_id = 77, .checks = table}, 1), 0);
    assert_true(fake_log_has("@check id=3 section=2.1.1 verdict=PASS"));
    assert_int_equal(virtio_checks_run(&set, 1), 0);
    assert_true(fake_log_has("@check id=3 section=2.1.1 verdict=SKIP reason=\"no such device\""));
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(features),        TEST(status),       TEST(layout),
        TEST(index_and_flags), TEST(packed_rings), TEST(what_devices_say_is_put_together),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
