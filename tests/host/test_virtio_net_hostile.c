/* The network driver against devices that break the rules. */
/* sources: drivers/virtio_net_config.c drivers/virtio_net_rx.c drivers/virtio_net_tx.c
 * drivers/virtio_net_queues.c drivers/virtio_net_ctrl.c tests/host/fake/mutex.c
 * tests/host/fake/smp.c drivers/netdev.c drivers/netbuf.c virtio/virtio.c virtio/virtio_features.c
 * virtio/virtio_watchdog.c tests/host/fake/work.c
 * virtio/virtio_queues.c virtio/virtio_config.c virtio/virtqueue.c virtio/virtqueue_split.c
 * virtio/virtqueue_split_alloc.c kernel/bootopt.c kernel/error.c kernel/format.c kernel/timer.c
 * tests/host/fake/log.c tests/host/fake/clock.c tests/host/fake/fake_dma.c
 * tests/host/fake/fake_ring.c tests/host/fake/fake_virtio.c tests/host/fake/fake_net_device.c
 * tests/host/fake/wait.c */
/* sources: virtio/virtio_ring.c virtio/virtqueue_split_in_order.c virtio/virtqueue_packed.c
 * virtio/virtqueue_packed_alloc.c virtio/virtqueue_packed_in_order.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_clock.h"
#include "fake_log.h"
#include "fake_net_device.h"
#include "fake_virtio.h"

#define ROOM      (NETDEV_BUF_SIZE - NETDEV_HEADROOM)
#define POOL_REST (FAKE_NET_POOL - FAKE_NET_RING) /* beside a full receive ring */

static void fill_merged(unsigned cnt, unsigned num_buffers, unsigned first_len, unsigned len)
{
    struct virtio_net_hdr hdr = {.num_buffers = (uint16_t)num_buffers};

    fake_net_fill(0, &hdr, first_len, 9, -1);
    for (unsigned i = 1; i < cnt; i++)
        fake_net_fill(i, NULL, len, (uint8_t)(9 + i), -1);
    fake_net_publish(cnt);
}

/* What was just published must be dropped as @errors bad frames; the next sound one arrives. */
static void expect_drops(unsigned errors, const char *why)
{
    uint64_t before = fake_net_pair->stats.rx_errors, frames = fake_net_pair->stats.rx_frames;
    struct netbuf *buf;

    assert_int_equal(netdev_receive(fake_net, &buf, 1), 0);
    assert_int_equal(fake_net_pair->stats.rx_errors - before, errors);
    assert_int_equal(fake_net_pair->stats.rx_frames, frames);
    assert_true(fake_log_has(why));
    fake_log_clear();
    fake_net_check_refilled();
    fake_net_deliver(60, 5);
    fake_net_expect_frame(60, 5);
    assert_int_equal(fake_net_pair->pool.free_cnt, FAKE_NET_POOL - FAKE_NET_RING);
    assert_null(fake_net_dev.dead);
}

static void test_wrong_numbers_of_merged_buffers(void **state)
{
    struct virtio_net_hdr two = {.num_buffers = 2};

    (void)state;
    fake_net_start(BIT(VIRTIO_NET_F_MRG_RXBUF));
    fill_merged(1, 0, 60, 0);
    expect_drops(1, "impossible number of merged buffers");
    fill_merged(1, FAKE_NET_RING + 1, 60, 0);
    expect_drops(1, "impossible number of merged buffers");
    fill_merged(1, 0xffff, 60, 0);
    expect_drops(1, "impossible number of merged buffers");
    fill_merged(1, 2, 60, 0);
    expect_drops(1, "announced more buffers than it used");
    fill_merged(3, 4, 60, 60);
    expect_drops(1, "announced more buffers than it used");
    fill_merged(3, 3, 500, 510);
    expect_drops(1, "longer than a frame can be");
    fill_merged(FAKE_NET_RING, FAKE_NET_RING, ROOM, ROOM + 12);
    expect_drops(1, "longer than a frame can be");
    fill_merged(3, 3, 500, 0);
    expect_drops(1, "an empty piece");
    fake_net_fill(0, &two, 60, 0, -1);
    fake_net_fill(1, NULL, 100, 0, ROOM + 13);
    fake_net_publish(2);
    expect_drops(1, "an empty piece");
}

static void test_wrong_lengths(void **state)
{
    static const struct {
        int64_t used_len;
        const char *why;
    } cases[] = {
        {0, "shorter than its headers"},           {1, "shorter than its headers"},
        {11, "shorter than its headers"},          {12, "shorter than its headers"},
        {12 + 13, "shorter than its headers"},     {12 + 1519, "longer than a frame can be"},
        {12 + ROOM, "longer than a frame can be"}, {12 + ROOM + 1, "shorter than its headers"},
        {65535, "shorter than its headers"},       {0xffffffff, "shorter than its headers"},
    };
    struct virtio_net_hdr hdr = {.num_buffers = 1};

    (void)state;
    fake_net_start(0);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fake_net_fill(0, &hdr, 100, 0, cases[i].used_len);
        fake_net_publish(1);
        expect_drops(1, cases[i].why);
    }
    assert_int_equal(fake_net_dev.queues[VIRTIO_NET_RXQ(0)]->bad_len_cnt, 3);
    for (unsigned i = 0; i < FAKE_NET_RING; i++)
        fake_net_fill(i, &hdr, 0, 0, -1);
    fake_net_publish(FAKE_NET_RING);
    expect_drops(FAKE_NET_RING, "shorter than its headers");
}

static const struct virtqueue_ops *real_ops;
static unsigned flood_cnt;

static void bad_frame(void)
{
    flood_cnt++;
    assert_true(flood_cnt < 10 * FAKE_NET_RING);
    fake_net_deliver(3, 0);
}

/* Whenever the driver looks, another bad frame is there. */
static void *flooding_get(struct virtqueue *vq, uint32_t *len)
{
    bad_frame();
    return real_ops->get(vq, len);
}

static bool flooding_enable(struct virtqueue *vq)
{
    bad_frame();
    return real_ops->enable_cb(vq);
}

static void test_a_flood_of_bad_frames_holds_nobody(void **state)
{
    struct virtqueue_ops flooding_ops;
    struct netbuf *bufs[4];
    struct virtqueue *vq;

    (void)state;
    fake_net_start(0);
    vq = fake_net_dev.queues[VIRTIO_NET_RXQ(0)];
    fake_net_open();
    real_ops = vq->ops;
    flooding_ops = *real_ops;
    flooding_ops.get = flooding_get;
    flooding_ops.enable_cb = flooding_enable;
    vq->ops = &flooding_ops;
    flood_cnt = 0;
    bad_frame();
    assert_int_equal(netdev_receive(fake_net, bufs, 4), 0);
    assert_in_range(fake_net_pair->stats.rx_errors, 1, 2 * FAKE_NET_RING);
    vq->ops = real_ops;
    fake_net_rx_calls = 0;
    fake_net_deliver(60, 2);
    fake_clock_advance(10000000);
    assert_int_not_equal(fake_net_rx_calls, 0);
    fake_net_expect_frame(60, 2);
    assert_int_equal(netdev_receive(fake_net, bufs, 4), 0);
    fake_net_rx_calls = 0;
    fake_net_deliver(60, 2);
    assert_int_equal(fake_net_rx_calls, 1);
}

static void expect_dead(const char *reason)
{
    struct netbuf *bufs[FAKE_NET_RING];
    unsigned got = netdev_receive(fake_net, bufs, FAKE_NET_RING);

    for (unsigned i = 0; i < got; i++)
        netdev_buf_free(bufs[i]);
    assert_int_equal(netdev_receive(fake_net, bufs, FAKE_NET_RING), 0);
    assert_string_equal(fake_net_dev.dead, reason);
    assert_int_equal(fake_virtio.status, 0);
    assert_false(netdev_link_up(fake_net));
    assert_int_equal(fake_net_pair->pool.free_cnt, FAKE_NET_POOL);
    assert_int_equal(netdev_wait(fake_net, 1000), -ETIMEDOUT);
    assert_int_equal(fake_net_teardown(NULL), 0);
    fake_net_setup(NULL);
    fake_net_start(0);
}

static void test_a_lying_receive_ring_ends_the_device(void **state)
{
    static const uint32_t out_of_range[] = {FAKE_NET_RING, 0x10000, 0x80000001, 0xffffffff};
    struct virtio_net_hdr hdr = {.num_buffers = 1};

    (void)state;
    fake_net_start(0);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(fake_net_send(fake_net_make(60, 0)), 1);
        fake_net_fill(0, &hdr, 60, 0, -1);
        fake_ring_put(&fake_net_rx, 1, out_of_range[i], 72);
        fake_net_publish(2);
        expect_dead("used id out of range");
    }
    fake_net_fill(0, &hdr, 60, 0, -1); /* the same one twice */
    fake_ring_put(&fake_net_rx, 1, fake_net_rx.used->ring[0].id, 72);
    fake_net_publish(2);
    expect_dead("used id is not in flight");
    fake_net_publish(FAKE_NET_RING + 1);
    expect_dead("used index beyond what is in flight");
    fake_net_publish(0xffff);
    expect_dead("used index beyond what is in flight");
}

static void test_a_length_of_a_sent_frame_means_nothing(void **state)
{
    struct fake_net_frame frame;

    (void)state;
    fake_net_start(0);
    assert_int_equal(fake_net_send(fake_net_make(60, 0)), 1);
    assert_true(fake_net_take(&frame));
    fake_ring_use(&fake_net_tx, frame.head, 1234);
    virtqueue_interrupt(fake_net_dev.queues[VIRTIO_NET_TXQ(0)]);
    assert_int_equal(fake_net_pair->pool.free_cnt, POOL_REST);
    assert_null(fake_net_dev.dead);
}

static void test_a_lying_transmit_ring_ends_the_device(void **state)
{
    struct fake_net_frame frame;
    struct netbuf *bufs[3];

    (void)state;
    fake_net_start(0);
    for (unsigned i = 0; i < 3; i++)
        bufs[i] = fake_net_make(60, 0);
    assert_int_equal(netdev_send(fake_net, bufs, 3), 3);
    assert_true(fake_net_take(&frame));
    fake_net_sent(&frame);
    fake_ring_use(&fake_net_tx, frame.head, 0);
    virtqueue_interrupt(fake_net_dev.queues[VIRTIO_NET_TXQ(0)]);
    assert_string_equal(fake_net_dev.dead, "used id is not in flight");
    assert_int_equal(fake_virtio.status, 0);
    assert_false(netdev_link_up(fake_net));
    assert_int_equal(fake_net_pair->pool.free_cnt, FAKE_NET_POOL);
    for (unsigned i = 0; i < 3; i++)
        bufs[i] = fake_net_make(60, 0);
    assert_int_equal(netdev_send(fake_net, bufs, 3), -ENETDOWN);
    for (unsigned i = 0; i < 3; i++)
        netdev_buf_free(bufs[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, fake_net_setup, fake_net_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(wrong_numbers_of_merged_buffers),        TEST(wrong_lengths),
        TEST(a_flood_of_bad_frames_holds_nobody),     TEST(a_lying_receive_ring_ends_the_device),
        TEST(a_length_of_a_sent_frame_means_nothing), TEST(a_lying_transmit_ring_ends_the_device),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
