/* Sending with the network driver: headers, batches, reclaiming, checksums, frames it refuses. */
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

#include "fake_net_device.h"
#include "fake_virtio.h"
#include "fake_work.h"

#define POOL_REST (FAKE_NET_POOL - FAKE_NET_RING) /* beside a full receive ring */

static const struct virtio_net_hdr no_wishes;

/* Frames of 60 + i bytes from seed i on. */
static void make_batch(struct netbuf **bufs, unsigned cnt)
{
    for (unsigned i = 0; i < cnt; i++)
        bufs[i] = fake_net_make(60 + i, (uint8_t)i);
}

static void expect_batch(unsigned from, unsigned cnt)
{
    struct fake_net_frame frame;

    for (unsigned i = from; i < from + cnt; i++) {
        assert_true(fake_net_take(&frame));
        assert_int_equal(frame.len, 60 + i);
        fake_net_check(frame.data, frame.len, (uint8_t)i, 0);
        assert_memory_equal(&frame.hdr, &no_wishes, sizeof(no_wishes));
        fake_net_sent(&frame);
    }
    assert_false(fake_net_take(&frame));
}

static void test_a_batch_is_one_notification(void **state)
{
    struct netbuf *bufs[10];
    struct netdev_stats stats;

    (void)state;
    fake_net_start(0);
    fake_virtio.notifies = 0;
    for (unsigned i = 0; i < 10; i++) {
        make_batch(bufs, 10);
        assert_int_equal(netdev_send(fake_net, bufs, 10), 10);
        assert_int_equal(fake_virtio.notifies, i + 1);
        expect_batch(0, 10);
    }
    assert_int_equal(fake_net_pair->pool.free_cnt, POOL_REST);
    netdev_stats(fake_net, &stats);
    assert_int_equal(stats.tx_frames, 100);
    assert_int_equal(stats.tx_bytes, 10 * (10 * 60 + 45));
    assert_int_equal(stats.tx_dropped, 0);
}

static void test_one_piece_right_behind_the_header(void **state)
{
    struct netbuf *buf;
    struct fake_chain chain;

    (void)state;
    fake_net_start(0);
    buf = fake_net_make(100, 0);
    buf->data[-12] = buf->data[-1] = 0xff; /* left over from something else */
    assert_int_equal(fake_net_send(buf), 1);
    assert_true(fake_ring_pop(&fake_net_tx, &chain));
    assert_int_equal(chain.cnt, 1);
    assert_int_equal(chain.pieces[0].pa, buf->pa + NETDEV_HEADROOM - 12);
    assert_int_equal(chain.pieces[0].len, 112);
    assert_memory_equal(buf->data - 12, &no_wishes, 12);
}

static void test_a_full_ring_takes_fewer(void **state)
{
    struct netbuf *bufs[20];

    (void)state;
    fake_net_start(0);
    make_batch(bufs, 20);
    assert_int_equal(netdev_send(fake_net, bufs, 20), FAKE_NET_RING);
    assert_int_equal(netdev_send(fake_net, bufs + FAKE_NET_RING, 4), 0);
    fake_net_check(bufs[16]->data, 76, 16, 0);
    expect_batch(0, FAKE_NET_RING);
    assert_int_equal(netdev_send(fake_net, bufs + FAKE_NET_RING, 4), 4);
    expect_batch(FAKE_NET_RING, 4);
    assert_int_equal(fake_net_pair->pool.free_cnt, POOL_REST);
    assert_int_equal(fake_net_pair->stats.tx_frames, 20);
    assert_int_equal(fake_net_pair->stats.tx_dropped, 0);
}

static void test_few_interrupts_bring_all_buffers_back(void **state)
{
    struct netbuf *bufs[FAKE_NET_RING];

    (void)state;
    fake_net_start(0);
    for (unsigned round = 0; round < 5000; round++) {
        unsigned cnt = 1 + round % FAKE_NET_RING, before = fake_net_tx.interrupts;

        make_batch(bufs, cnt);
        assert_int_equal(netdev_send(fake_net, bufs, cnt), cnt);
        assert_int_equal(fake_net_send_all(), cnt);
        assert_in_range(fake_net_tx.interrupts - before, 1, 3);
        assert_int_equal(fake_net_pair->pool.free_cnt, POOL_REST);
    }
}

static void test_buffers_come_back_without_event_indexes(void **state)
{
    struct netbuf *bufs[FAKE_NET_RING];

    (void)state;
    fake_virtio.offered &= ~BIT(VIRTIO_RING_F_EVENT_IDX);
    fake_net_start(0);
    make_batch(bufs, FAKE_NET_RING);
    assert_int_equal(netdev_send(fake_net, bufs, FAKE_NET_RING), FAKE_NET_RING);
    expect_batch(0, FAKE_NET_RING);
    assert_int_equal(fake_net_pair->pool.free_cnt, POOL_REST);
}

static void test_sending_reclaims_what_is_through(void **state)
{
    struct fake_net_frame frame;
    struct netbuf *bufs[10];

    (void)state;
    fake_net_start(0);
    make_batch(bufs, 10);
    assert_int_equal(netdev_send(fake_net, bufs, 10), 10);
    for (unsigned i = 0; i < 10; i++) { /* and no interrupt arrives */
        assert_true(fake_net_take(&frame));
        fake_ring_use(&fake_net_tx, frame.head, 0);
    }
    assert_int_equal(fake_net_pair->pool.free_cnt, POOL_REST - 10);
    make_batch(bufs, 10);
    assert_int_equal(netdev_send(fake_net, bufs, 10), 10);
    assert_int_equal(fake_net_pair->pool.free_cnt, POOL_REST - 10);
}

/* An interrupt is on its way while send() takes what it was to announce. */
static void test_reclaimed_before_the_interrupt_came(void **state)
{
    struct netbuf *bufs[FAKE_NET_RING];
    struct fake_net_frame frame;

    (void)state;
    fake_net_start(0);
    for (unsigned round = 0; round < 100; round++) {
        unsigned cnt = 9 + round % 8;

        make_batch(bufs, cnt);
        assert_int_equal(netdev_send(fake_net, bufs, cnt), cnt);
        while (fake_net_take(&frame))
            fake_ring_use(&fake_net_tx, frame.head, 0);
        assert_int_equal(fake_net_send(fake_net_make(60, 0)), 1);
        assert_int_equal(fake_net_pair->pool.free_cnt, POOL_REST - 1);
        virtqueue_interrupt(fake_net_dev.queues[VIRTIO_NET_TXQ(0)]);
        assert_int_equal(fake_net_send_all(), 1);
        assert_int_equal(fake_net_pair->pool.free_cnt, POOL_REST);
    }
}

/* The device uses everything just before it can see when an interrupt is wanted. */
static const struct virtqueue_ops *real_ops;

static bool racing_enable(struct virtqueue *vq)
{
    struct fake_net_frame frame;

    while (fake_net_take(&frame))
        fake_ring_use(&fake_net_tx, frame.head, 0);
    return real_ops->enable_cb_delayed(vq);
}

static void test_sent_just_before_the_interrupt_is_asked_for(void **state)
{
    struct virtqueue_ops racing_ops;
    struct fake_net_frame frame;
    struct netbuf *bufs[10];
    struct virtqueue *vq;

    (void)state;
    fake_net_start(0);
    vq = fake_net_dev.queues[VIRTIO_NET_TXQ(0)];
    make_batch(bufs, 10);
    assert_int_equal(netdev_send(fake_net, bufs, 10), 10);
    real_ops = vq->ops;
    racing_ops = *real_ops;
    racing_ops.enable_cb_delayed = racing_enable;
    vq->ops = &racing_ops;
    while (fake_net_tx.interrupts == 0 && fake_net_take(&frame))
        fake_net_sent(&frame);
    vq->ops = real_ops;
    assert_int_equal(fake_net_tx.interrupts, 1);
    assert_int_equal(fake_net_pair->pool.free_cnt, POOL_REST);
    assert_int_equal(fake_net_send(fake_net_make(60, 0)), 1);
    assert_int_equal(fake_net_send_all(), 1);
    assert_int_equal(fake_net_pair->pool.free_cnt, POOL_REST);
}

static void test_nothing_goes_out_while_the_link_is_down(void **state)
{
    struct netbuf *buf;

    (void)state;
    fake_net_start(0);
    buf = fake_net_make(60, 0);
    for (unsigned i = 0; i < 3; i++) {
        fake_virtio.config[VIRTIO_NET_CFG_STATUS] = 0;
        virtio_config_interrupt(&fake_net_dev);
        fake_work_run();
        assert_int_equal(fake_net_send(buf), -ENETDOWN);
        assert_int_equal(fake_net_send_all(), 0);
        fake_virtio.config[VIRTIO_NET_CFG_STATUS] = VIRTIO_NET_S_LINK_UP;
        virtio_config_interrupt(&fake_net_dev);
        fake_work_run();
        assert_int_equal(fake_net_send(buf), 1);
        expect_batch(0, 1);
        buf = fake_net_make(60, 0);
    }
    netdev_buf_free(buf);
}

static void expect_refused(struct netbuf *buf)
{
    uint64_t dropped = fake_net_pair->stats.tx_dropped;

    assert_int_equal(fake_net_send(buf), 1);
    assert_int_equal(fake_net_send_all(), 0);
    assert_int_equal(fake_net_pair->stats.tx_dropped, dropped + 1);
    assert_int_equal(fake_net_pair->pool.free_cnt, POOL_REST);
}

static void test_frames_that_cannot_be_sent(void **state)
{
    struct netbuf *buf;

    (void)state;
    fake_net_start(0);
    expect_refused(fake_net_make(0, 0));
    expect_refused(fake_net_make(13, 0));
    expect_refused(fake_net_make(1515, 0));
    buf = fake_net_make(60, 0);
    buf->len = 0xffffffff;
    expect_refused(buf);
    buf = fake_net_make(60, 0);
    buf->data = buf->base + 11; /* no room for the header */
    expect_refused(buf);
    buf = fake_net_make(60, 0);
    buf->data = buf->base - 1;
    expect_refused(buf);
    buf = fake_net_make(60, 0);
    buf->data = buf->base + NETDEV_BUF_SIZE - 59;
    expect_refused(buf);
    buf = fake_net_make(60, 0);
    buf->frag_cnt = 1;
    buf->next = fake_net_make(60, 0);
    expect_refused(buf);
    assert_int_equal(fake_net_send(fake_net_make(60, 0)), 1);
    expect_batch(0, 1);
}

static void test_one_bad_frame_in_a_batch(void **state)
{
    struct netbuf *bufs[3];
    struct fake_net_frame frame;

    (void)state;
    fake_net_start(0);
    make_batch(bufs, 3);
    bufs[1]->len = 5;
    assert_int_equal(netdev_send(fake_net, bufs, 3), 3);
    assert_true(fake_net_take(&frame));
    assert_int_equal(frame.len, 60);
    fake_net_sent(&frame);
    assert_true(fake_net_take(&frame));
    assert_int_equal(frame.len, 62);
    fake_net_sent(&frame);
    assert_int_equal(fake_net_pair->pool.free_cnt, POOL_REST);
}

static struct netbuf *make_tagged(unsigned len)
{
    struct netbuf *buf = fake_net_make(len, 0);

    buf->data[12] = 0x81;
    buf->data[13] = 0;
    return buf;
}

static void test_nothing_larger_than_the_mtu(void **state)
{
    (void)state;
    fake_virtio.config[VIRTIO_NET_CFG_MTU] = 200;
    fake_net_start(BIT(VIRTIO_NET_F_MTU));
    expect_refused(fake_net_make(215, 0));
    expect_refused(make_tagged(219));
    assert_int_equal(fake_net_send(fake_net_make(214, 0)), 1);
    assert_int_equal(fake_net_send(make_tagged(218)), 1);
    assert_int_equal(fake_net_send_all(), 2);
}

static void test_a_buffer_of_another_device(void **state)
{
    struct netdev other = {.info.name = "other"};
    struct netdev_pair pair = {.dev = &other};
    struct netbuf *buf;
    unsigned lent;

    (void)state;
    fake_net_start(0);
    assert_int_equal(netbuf_pool_init(&pair, 2), 0);
    other.cpu_pairs[0] = &pair;
    buf = netdev_buf_alloc(&other);
    buf->len = 60;
    expect_refused(buf);
    assert_int_equal(pair.pool.free_cnt, 2);
    assert_ptr_equal(pair.pool.free, buf);
    assert_true(netbuf_pool_free(&pair, &lent));
}

static void test_frames_at_odd_addresses(void **state)
{
    struct netbuf *buf;

    (void)state;
    fake_net_start(0);
    buf = fake_net_make(60, 0);
    memmove(buf->data - 3, buf->data, 60);
    buf->data -= 3;
    assert_int_equal(fake_net_send(buf), 1);
    expect_batch(0, 1);
}

/* The receive ring waits for buffers: sent and refused ones are for it. */
static void test_sent_buffers_feed_a_starved_receive_ring(void **state)
{
    struct netbuf *held[FAKE_NET_POOL];

    (void)state;
    fake_net_start(0);
    for (unsigned i = 0; i < FAKE_NET_POOL; i++) {
        fake_net_deliver(60, 0);
        assert_int_equal(netdev_receive(fake_net, &held[i], 1), 1);
    }
    assert_true(fake_net_pair->starved);
    for (unsigned i = 0; i < FAKE_NET_RING; i++) {
        if (i % 2 != 0)
            held[i]->len = 1; /* is refused */
        assert_int_equal(fake_net_send(held[i]), 1);
        fake_net_send_all();
        fake_net_deliver(70, 1); /* there is a buffer for it */
        assert_int_equal(netdev_receive(fake_net, &held[i], 1), 1);
    }
    for (unsigned i = 0; i < FAKE_NET_POOL; i++)
        netdev_buf_free(held[i]);
    fake_net_check_refilled();
}

static void check_legacy(unsigned piece_cnt, unsigned hdr_len, unsigned room)
{
    struct netbuf *bufs[20];
    struct fake_net_frame frame;
    struct fake_chain chain;
    unsigned sent;

    make_batch(bufs, 20);
    sent = netdev_send(fake_net, bufs, 20);
    assert_int_equal(sent, room);
    assert_true(fake_ring_pop(&fake_net_tx, &chain));
    assert_int_equal(chain.cnt, piece_cnt);
    assert_int_equal(chain.pieces[0].pa, bufs[0]->pa + NETDEV_HEADROOM - hdr_len);
    assert_int_equal(chain.pieces[0].len, piece_cnt == 2 ? hdr_len : hdr_len + 60);
    fake_net_tx.avail_seen = 0;
    expect_batch(0, sent);
    for (; sent < 20; sent++)
        netdev_buf_free(bufs[sent]);
    assert_int_equal(fake_net_send(fake_net_make_partial(60, 0, 34, 6)), 1);
    assert_true(fake_net_take(&frame));
    assert_int_equal(frame.hdr.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
    assert_int_equal(frame.hdr.csum_offset, 6);
    fake_net_sent(&frame);
}

static void test_legacy_header_in_its_own_descriptor(void **state)
{
    (void)state;
    fake_net_start_legacy(BIT(VIRTIO_NET_F_CSUM));
    check_legacy(2, 10, FAKE_NET_RING / 2);
}

static void test_legacy_merged_buffers(void **state)
{
    (void)state;
    fake_net_start_legacy(BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_MRG_RXBUF));
    check_legacy(2, 12, FAKE_NET_RING / 2);
}

static void test_legacy_any_layout(void **state)
{
    (void)state;
    fake_net_start_legacy(BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_F_ANY_LAYOUT));
    check_legacy(1, 10, FAKE_NET_RING);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, fake_net_setup, fake_net_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_batch_is_one_notification),
        TEST(one_piece_right_behind_the_header),
        TEST(a_full_ring_takes_fewer),
        TEST(few_interrupts_bring_all_buffers_back),
        TEST(buffers_come_back_without_event_indexes),
        TEST(sending_reclaims_what_is_through),
        TEST(reclaimed_before_the_interrupt_came),
        TEST(sent_just_before_the_interrupt_is_asked_for),
        TEST(nothing_goes_out_while_the_link_is_down),
        TEST(frames_that_cannot_be_sent),
        TEST(one_bad_frame_in_a_batch),
        TEST(nothing_larger_than_the_mtu),
        TEST(a_buffer_of_another_device),
        TEST(frames_at_odd_addresses),
        TEST(sent_buffers_feed_a_starved_receive_ring),
        TEST(legacy_header_in_its_own_descriptor),
        TEST(legacy_merged_buffers),
        TEST(legacy_any_layout),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
