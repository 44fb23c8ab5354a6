/* Receiving with the network driver, from devices that keep to the rules and ones that do not. */
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

#include "fake_log.h"
#include "fake_net_device.h"
#include "fake_virtio.h"
#include "fake_wait.h"

#define ROOM   (NETDEV_BUF_SIZE - NETDEV_HEADROOM)
#define MERGED BIT(VIRTIO_NET_F_MRG_RXBUF)

static void test_plain_frames(void **state)
{
    static const unsigned lens[] = {14, 60, 61, 1514, 1518};
    struct netdev_stats stats;

    (void)state;
    fake_net_start(0);
    for (unsigned i = 0; i < 5; i++) {
        fake_net_deliver(lens[i], (uint8_t)i);
        fake_net_expect_frame(lens[i], (uint8_t)i);
        fake_net_check_refilled();
    }
    netdev_stats(fake_net, &stats);
    assert_int_equal(stats.rx_frames, 5);
    assert_int_equal(stats.rx_bytes, 14 + 60 + 61 + 1514 + 1518);
    assert_int_equal(stats.rx_errors, 0);
    assert_string_equal(fake_log_text(), "");
}

static void test_the_device_gets_room_for_header_and_frame(void **state)
{
    struct fake_chain chain;
    unsigned cnt = 0;

    (void)state;
    fake_net_start(0);
    assert_int_equal(fake_virtio.notifies, 1);
    for (; fake_ring_pop(&fake_net_rx, &chain); cnt++) {
        assert_int_equal(chain.cnt, 1);
        assert_int_equal(chain.pieces[0].pa % NETDEV_BUF_SIZE, NETDEV_HEADROOM - 12);
        assert_int_equal(chain.pieces[0].len, ROOM + 12);
    }
    assert_int_equal(cnt, FAKE_NET_RING);
    fake_net_rx.avail_seen = 0;
}

static void test_batches_and_many_frames(void **state)
{
    struct netbuf *bufs[FAKE_NET_RING];
    unsigned sent = 0, seen = 0;

    (void)state;
    fake_net_start(0);
    for (unsigned round = 0; round < 6000; round++) {
        for (unsigned i = 0; i < 1 + round % FAKE_NET_RING; i++, sent++)
            fake_net_deliver(14 + sent % 20, (uint8_t)sent);
        while (seen < sent) {
            unsigned got = netdev_receive(fake_net, bufs, 1 + round % 7);

            assert_int_not_equal(got, 0);
            fake_net_check_refilled();
            for (unsigned i = 0; i < got; i++, seen++) {
                assert_int_equal(bufs[i]->len, 14 + seen % 20);
                fake_net_check(bufs[i]->data, bufs[i]->len, (uint8_t)seen, 0);
                netdev_buf_free(bufs[i]);
            }
        }
        assert_int_equal(netdev_receive(fake_net, bufs, 7), 0);
    }
    assert_int_equal(fake_net_pair->pool.free_cnt, FAKE_NET_POOL - FAKE_NET_RING);
}

static void test_an_empty_pool_recovers(void **state)
{
    struct netbuf *held[FAKE_NET_POOL];

    (void)state;
    fake_net_start(0);
    for (unsigned i = 0; i < FAKE_NET_POOL; i++) {
        fake_net_deliver(60, (uint8_t)i);
        assert_int_equal(netdev_receive(fake_net, &held[i], 1), 1);
    }
    assert_true(fake_net_pair->starved);
    assert_null(netdev_buf_alloc(fake_net));
    assert_int_equal(fake_net_rx.avail->idx, fake_net_rx.used_idx); /* the device has none left */
    assert_int_equal(netdev_receive(fake_net, held, 1), 0);
    fake_virtio.notifies = 0;
    netdev_buf_free(held[0]);
    assert_int_equal(fake_virtio.notifies, 1);
    fake_net_deliver(100, 7);
    assert_int_equal(netdev_receive(fake_net, &held[0], 1), 1);
    fake_net_check(held[0]->data, 100, 7, 0);
    for (unsigned i = 0; i < FAKE_NET_POOL; i++) {
        fake_net_check(held[i]->data, 60, i == 0 ? 7 : (uint8_t)i, 0);
        netdev_buf_free(held[i]);
    }
    fake_net_check_refilled();
    assert_int_equal(fake_net_pair->pool.free_cnt, FAKE_NET_POOL - FAKE_NET_RING);
}

static void fill_merged(unsigned cnt, unsigned num_buffers, unsigned first_len, unsigned len)
{
    struct virtio_net_hdr hdr = {.num_buffers = (uint16_t)num_buffers};

    fake_net_fill(0, &hdr, first_len, 9, -1);
    for (unsigned i = 1; i < cnt; i++)
        fake_net_fill(i, NULL, len, (uint8_t)(9 + i), -1);
    fake_net_publish(cnt);
}

static void check_merged(void)
{
    struct netbuf *frame, *piece;

    fill_merged(4, 4, 300, 400);
    fake_net_deliver(77, 1);
    assert_int_equal(netdev_receive(fake_net, &frame, 1), 1);
    fake_net_check_refilled();
    assert_int_equal(frame->frag_cnt, 3);
    assert_int_equal(frame->len, 300);
    fake_net_check(frame->data, 300, 9, 0);
    piece = frame->next;
    for (unsigned i = 1; i < 4; i++, piece = piece->next) {
        assert_int_equal(piece->len, 400);
        assert_int_equal(piece->frag_cnt, 0);
        fake_net_check(piece->data, 400, (uint8_t)(9 + i), 0);
    }
    assert_null(piece);
    assert_int_equal(fake_net_pair->stats.rx_bytes, 1500);
    assert_int_equal(fake_net_pair->stats.rx_frames, 1);
    netdev_buf_free(frame);
    fake_net_expect_frame(77, 1);
    assert_int_equal(fake_net_pair->pool.free_cnt,
                     FAKE_NET_POOL - fake_net_rx.avail->idx + fake_net_rx.used_idx);
}

static void test_merged_buffers_are_joined(void **state)
{
    (void)state;
    fake_net_start(MERGED);
    check_merged();
}

static void check_quiet(void)
{
    struct netbuf *bufs[4];
    unsigned interrupts;

    fake_net_open();
    fake_net_deliver(60, 0);
    assert_int_equal(fake_net_rx_calls, 1);
    interrupts = fake_net_rx.interrupts;
    for (unsigned i = 0; i < 10; i++)
        fake_net_deliver(60, 0);
    for (unsigned got; (got = netdev_receive(fake_net, bufs, 4)) != 0;) {
        for (unsigned i = 0; i < got; i++)
            netdev_buf_free(bufs[i]);
        if (got == 4)
            fake_net_deliver(60, 0);
        if (got < 3)
            break;
    }
    assert_int_equal(fake_net_rx_calls, 1);
    assert_int_equal(fake_net_rx.interrupts, interrupts);
    while (netdev_receive(fake_net, bufs, 1) != 0)
        netdev_buf_free(bufs[0]);
    for (unsigned i = 2; i < 5; i++) {
        fake_net_deliver(60, 0);
        fake_net_deliver(60, 0);
        assert_int_equal(fake_net_rx_calls, i);
        while (netdev_receive(fake_net, bufs, 1) != 0)
            netdev_buf_free(bufs[0]);
    }
}

static void test_quiet_until_nothing_is_left(void **state)
{
    (void)state;
    fake_net_start(0);
    check_quiet();
}

static void test_quiet_without_event_indexes(void **state)
{
    (void)state;
    fake_virtio.offered &= ~BIT(VIRTIO_RING_F_EVENT_IDX);
    fake_net_start(0);
    check_quiet();
}

static const struct virtqueue_ops *real_ops;
static struct virtqueue_ops racing_ops;
static unsigned race_cnt;

/* A frame comes just before the device can see that interrupts are wanted. */
static bool racing_enable(struct virtqueue *vq)
{
    if (race_cnt > 0) {
        race_cnt--;
        fake_net_deliver(60, 8);
    }
    return real_ops->enable_cb(vq);
}

static void test_a_frame_just_before_interrupts_are_on(void **state)
{
    struct netbuf *bufs[4];
    struct virtqueue *vq;

    (void)state;
    fake_net_start(0);
    vq = fake_net_dev.queues[VIRTIO_NET_RXQ(0)];
    fake_net_open();
    fake_net_deliver(60, 0);
    fake_net_expect_frame(60, 0);
    real_ops = vq->ops;
    racing_ops = *real_ops;
    racing_ops.enable_cb = racing_enable;
    vq->ops = &racing_ops;
    race_cnt = 1;
    assert_int_equal(netdev_receive(fake_net, bufs, 4), 1);
    fake_net_check(bufs[0]->data, 60, 8, 0);
    netdev_buf_free(bufs[0]);
    fake_net_deliver(61, 1); /* still quiet: receive() has not returned 0 yet */
    fake_net_expect_frame(61, 1);
    assert_int_equal(fake_net_rx_calls, 1);
    assert_int_equal(netdev_receive(fake_net, bufs, 4), 0);
    fake_net_deliver(60, 0);
    assert_int_equal(fake_net_rx_calls, 2);
}

static void deliver_in_sleep(void)
{
    fake_wait_step = NULL;
    race_cnt = fake_net_rx.interrupts;
    fake_net_deliver(60, 4);
    assert_int_equal(fake_net_rx.interrupts, race_cnt + 1);
}

static void test_waiting_asks_for_interrupts(void **state)
{
    struct netbuf *buf;

    (void)state;
    fake_net_start(0);
    assert_int_equal(netdev_open(fake_net, NULL, NULL, NULL), 0);
    for (unsigned i = 0; i < 3; i++) {
        fake_wait_step = deliver_in_sleep;
        assert_int_equal(netdev_wait(fake_net, UINT64_MAX), 0);
        assert_int_equal(netdev_wait(fake_net, 0), 0);
        fake_net_expect_frame(60, 4); /* and nothing asks whether there are more */
    }
    assert_int_equal(netdev_wait(fake_net, 0), -ETIMEDOUT);
    assert_int_equal(netdev_wait(fake_net, 1000000), -ETIMEDOUT);
    assert_int_equal(netdev_receive(fake_net, &buf, 0), 0);
    fake_net_deliver(60, 1);
    assert_int_equal(netdev_receive(fake_net, &buf, 0), 0);
    fake_net_expect_frame(60, 1);
}

static void test_frames_before_the_user_came(void **state)
{
    (void)state;
    fake_net_start(0);
    fake_net_deliver(60, 1);
    fake_net_open();
    assert_int_equal(fake_net_rx_calls, 1);
    fake_net_expect_frame(60, 1);
    netdev_close(fake_net);
    fake_net_open(); /* nothing asked whether there are more */
    assert_int_equal(fake_net_rx_calls, 0);
    fake_net_deliver(60, 2);
    assert_int_equal(fake_net_rx_calls, 1);
}

static void check_legacy(unsigned piece_cnt, unsigned hdr_len)
{
    struct fake_chain chain;

    assert_true(fake_ring_pop(&fake_net_rx, &chain));
    assert_int_equal(chain.cnt, piece_cnt);
    assert_int_equal(chain.writable_len, ROOM + hdr_len);
    assert_int_equal(chain.pieces[0].pa % NETDEV_BUF_SIZE, NETDEV_HEADROOM - hdr_len);
    assert_int_equal(chain.pieces[0].len, piece_cnt == 2 ? hdr_len : ROOM + hdr_len);
    fake_net_rx.avail_seen = 0;
    fake_net_check_refilled();
}

static void test_legacy_header_in_its_own_descriptor(void **state)
{
    (void)state;
    fake_net_start_legacy(0);
    check_legacy(2, 10);
    for (unsigned i = 0; i < 100; i++) {
        fake_net_deliver(i + 1400, 1);
        fake_net_expect_frame(i + 1400, 1);
        fake_net_check_refilled();
    }
}

static void test_legacy_merged_buffers(void **state)
{
    (void)state;
    fake_net_start_legacy(MERGED);
    check_legacy(2, 12);
    check_merged();
}

static void test_legacy_any_layout(void **state)
{
    (void)state;
    fake_net_start_legacy(BIT(VIRTIO_F_ANY_LAYOUT));
    check_legacy(1, 10);
    fake_net_deliver(1514, 1);
    fake_net_expect_frame(1514, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, fake_net_setup, fake_net_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(plain_frames),
        TEST(the_device_gets_room_for_header_and_frame),
        TEST(batches_and_many_frames),
        TEST(an_empty_pool_recovers),
        TEST(merged_buffers_are_joined),
        TEST(quiet_until_nothing_is_left),
        TEST(quiet_without_event_indexes),
        TEST(a_frame_just_before_interrupts_are_on),
        TEST(waiting_asks_for_interrupts),
        TEST(frames_before_the_user_came),
        TEST(legacy_header_in_its_own_descriptor),
        TEST(legacy_merged_buffers),
        TEST(legacy_any_layout),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
