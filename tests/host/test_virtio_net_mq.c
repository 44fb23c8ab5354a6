/* Several queue pairs of a device. */
/* sources: drivers/virtio_net_config.c drivers/virtio_net_rx.c drivers/virtio_net_tx.c
 * drivers/virtio_net_queues.c drivers/virtio_net_ctrl.c tests/host/fake/mutex.c
 * tests/host/fake/smp.c drivers/netdev.c drivers/netbuf.c virtio/virtio.c virtio/virtio_features.c
 * virtio/virtio_watchdog.c tests/host/fake/work.c
 * virtio/virtio_queues.c virtio/virtio_config.c virtio/virtqueue.c virtio/virtqueue_split.c
 * virtio/virtqueue_split_alloc.c kernel/bootopt.c kernel/error.c kernel/format.c kernel/timer.c
 * tests/host/fake/log.c tests/host/fake/clock.c tests/host/fake/fake_dma.c
 * tests/host/fake/fake_ring.c tests/host/fake/fake_virtio.c tests/host/fake/fake_net_device.c
 * tests/host/fake/fake_ctrl.c
 * tests/host/fake/wait.c */
/* sources: virtio/virtio_ring.c virtio/virtqueue_split_in_order.c virtio/virtqueue_packed.c
 * virtio/virtqueue_packed_alloc.c virtio/virtqueue_packed_in_order.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fake_ctrl.h"
#include "fake_dma.h"
#include "fake_log.h"
#include "fake_net_device.h"
#include "fake_smp.h"
#include "fake_virtio.h"
#include "fake_wait.h"
#include "fake_work.h"

static void expect_queues(const char *wanted)
{
    char text[512] = "";

    for (unsigned i = 0; i < fake_net_dev.queue_cnt; i++) {
        const struct virtqueue *vq = fake_net_dev.queues[i];

        if (vq != NULL)
            snprintf(text + strlen(text), sizeof(text) - strlen(text), "%u:%s ", i, vq->name);
    }
    assert_string_equal(text, wanted);
}

static void test_a_pair_for_each_cpu(void **state)
{
    (void)state;
    fake_ctrl_start(8, 3);
    expect_queues("0:rx0 1:tx0 2:rx1 3:tx1 4:rx2 5:tx2 16:ctrl ");
    assert_int_equal(fake_ctrl.cnt, 1);
    assert_int_equal(fake_ctrl.class, VIRTIO_NET_CTRL_MQ);
    assert_int_equal(fake_ctrl.command, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET);
    assert_int_equal(fake_ctrl.data_len, 2);
    assert_int_equal(fake_ctrl.value, 3);
    assert_true(fake_ctrl.ack_was_invalid);
    assert_int_equal(netdev_info(fake_net)->pair_cnt, 3);
    assert_int_equal(netdev_info(fake_net)->pair_max, 8);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(fake_net_dev.queues[VIRTIO_NET_RXQ(i)]->free_cnt, 0); /* 5.1.6.3.1 */
    assert_null(fake_net_dev.queues[16]->callback);
    assert_string_equal(fake_log_text(), "");
}

static void test_a_pair_for_several_cpus(void **state)
{
    (void)state;
    fake_ctrl_start(2, 5);
    expect_queues("0:rx0 1:tx0 2:rx1 3:tx1 4:ctrl ");
    assert_int_equal(fake_ctrl.value, 2);
    for (unsigned cpu = 0; cpu < 5; cpu++)
        assert_ptr_equal(fake_net->cpu_pairs[cpu], fake_net->pairs[cpu % 2]);
}

static void test_one_cpu_needs_no_command(void **state)
{
    (void)state;
    fake_ctrl_start(4, 1);
    expect_queues("0:rx0 1:tx0 8:ctrl ");
    assert_int_equal(fake_ctrl.cnt, 0);
    assert_int_equal(netdev_info(fake_net)->pair_cnt, 1);
    assert_string_equal(fake_log_text(), "");
}

static void test_without_multiqueue_the_control_queue_is_the_third(void **state)
{
    (void)state;
    fake_cpu_cnt = 4;
    fake_virtio.config[VIRTIO_NET_CFG_MAX_PAIRS] = 7; /* means nothing */
    fake_net_start(BIT(VIRTIO_NET_F_CTRL_VQ));
    expect_queues("0:rx0 1:tx0 2:ctrl ");
    assert_int_equal(fake_ctrl.cnt, 0);
}

static void test_multiqueue_needs_the_control_queue(void **state)
{
    (void)state;
    fake_cpu_cnt = 4;
    fake_virtio.config[VIRTIO_NET_CFG_MAX_PAIRS] = 4;
    fake_net_start(BIT(VIRTIO_NET_F_MQ) | BIT(VIRTIO_NET_F_GUEST_ANNOUNCE));
    expect_queues("0:rx0 1:tx0 ");
    assert_int_equal(fake_virtio.accepted & (BIT(VIRTIO_NET_F_MQ) | ANNOUNCE), 0);
}

static void test_impossible_numbers_of_pairs(void **state)
{
    static const uint16_t cases[] = {0, 0x8001, 0xffff};

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fake_log_clear();
        fake_ctrl_start(cases[i], 4);
        expect_queues("0:rx0 1:tx0 ");
        fake_ctrl_expect_fallback("from=0 to=1", "\"impossible number of queue pairs\"");
        assert_int_equal(fake_net_send(fake_net_make(60, 0)), 1);
        fake_net_deliver(60, 1);
        fake_net_expect_frame(60, 1);
        fake_net_teardown(state);
    }
}

static void test_a_control_queue_out_of_reach(void **state)
{
    static const uint16_t cases[] = {65, 0x100, 0x8000};

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char from_to[32];

        fake_log_clear();
        fake_ctrl_start(cases[i], 4);
        expect_queues("0:rx0 1:tx0 ");
        snprintf(from_to, sizeof(from_to), "from=%u to=1", cases[i]);
        fake_ctrl_expect_fallback(from_to, "\"control queue is out of reach\"");
        fake_net_teardown(state);
    }
    fake_ctrl_start(64, 64);
    assert_int_equal(netdev_info(fake_net)->pair_cnt, 64);
    assert_string_equal(fake_net_dev.queues[128]->name, "ctrl");
}

static void test_queues_that_are_not_there(void **state)
{
    (void)state;
    fake_virtio.queue_size[VIRTIO_NET_TXQ(2)] = 0;
    fake_ctrl_start(4, 4);
    expect_queues("0:rx0 1:tx0 8:ctrl ");
    assert_true(fake_log_has("what=queue from=4 to=1 reason="));
    assert_int_equal(fake_ctrl.cnt, 0);
    fake_ctrl_expect_one_pair();
}

static void test_fewer_pairs_when_memory_is_short(void **state)
{
    (void)state;
    fake_dma_fail_after = 9 + 2; /* rings, then pools */
    fake_ctrl_start(4, 4);
    fake_ctrl_expect_fallback("from=4 to=2", "\"no memory for buffers\"");
    assert_int_equal(fake_ctrl.value, 2);
    assert_int_equal(netdev_info(fake_net)->pair_cnt, 2);
    assert_ptr_equal(fake_net->cpu_pairs[3], fake_net->pairs[1]);
}

static void test_nothing_left_behind_at_any_failure(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        fake_dma_fail_after = 5 + i; /* rings; first pool, second pool, memory of commands */
        fake_virtio.offered |= MQ;
        fake_virtio.config[VIRTIO_NET_CFG_MAX_PAIRS] = 2;
        fake_cpu_cnt = 2;
        fake_ctrl.queue = 4;
        if (virtio_device_add(&fake_net_dev) == 0) {
            assert_int_equal(i, 1);
            virtio_device_remove(&fake_net_dev);
        }
        assert_int_equal(fake_dma_in_use, 0);
        fake_dma_fail_after = -1;
    }
}

/* ---- frames ---- */

static void deliver_to(unsigned pair, uint8_t seed)
{
    struct fake_ring *ring = &fake_net_rings[VIRTIO_NET_RXQ(pair)];
    unsigned before = ring->interrupts;
    struct fake_chain chain;
    uint8_t *data;

    assert_true(fake_ring_pop(ring, &chain));
    data = (void *)(uintptr_t)chain.pieces[0].pa;
    memset(data, 0, 12);
    memset(data + 12, seed, 60);
    fake_ring_use(ring, chain.head, 72);
    fake_ring_want_notify(ring, 0);
    if (ring->interrupts != before)
        virtqueue_interrupt(fake_net_dev.queues[VIRTIO_NET_RXQ(pair)]);
}

static void test_sending_on_the_pair_of_the_cpu(void **state)
{
    struct netdev_stats stats;
    struct fake_chain chain;
    struct netbuf *buf;

    (void)state;
    fake_ctrl_start(4, 4);
    for (unsigned cpu = 0; cpu < 4; cpu++) {
        cpu_this()->id = cpu;
        buf = fake_net_make(60, 0);
        assert_ptr_equal(buf->pair, fake_net->pairs[cpu]);
        assert_int_equal(fake_net_send(buf), 1);
        for (unsigned i = 0; i < 4; i++)
            assert_int_equal(fake_ring_pop(&fake_net_rings[VIRTIO_NET_TXQ(i)], &chain), i == cpu);
        netdev_pair_stats(fake_net, cpu, &stats);
        assert_int_equal(stats.tx_frames, 1);
    }
    netdev_stats(fake_net, &stats);
    assert_int_equal(stats.tx_frames, 4);
}

static void test_cpus_follow_the_vectors(void **state)
{
    struct virtio_net *net;

    (void)state;
    fake_ctrl_start(4, 4);
    net = fake_net->driver_data;
    for (unsigned i = 0; i < 4; i++)
        net->pairs[i].txq->affinity = CPU_MASK(3 - i);
    virtio_net_queues_start(net);
    for (unsigned cpu = 0; cpu < 4; cpu++)
        assert_ptr_equal(fake_net->cpu_pairs[cpu], fake_net->pairs[3 - cpu]);
    for (unsigned i = 0; i < 4; i++)
        net->pairs[i].txq->affinity = 0xf; /* one vector for all */
    virtio_net_queues_start(net);
    for (unsigned cpu = 0; cpu < 4; cpu++)
        assert_ptr_equal(fake_net->cpu_pairs[cpu], fake_net->pairs[cpu]);
}

static void test_frames_of_all_pairs_are_received(void **state)
{
    struct netbuf *bufs[8];
    unsigned seen = 0;

    (void)state;
    fake_ctrl_start(4, 4);
    fake_net_open();
    for (unsigned pair = 0; pair < 4; pair++) {
        deliver_to(pair, (uint8_t)pair);
        deliver_to(pair, (uint8_t)pair); /* quiet already */
    }
    assert_int_equal(fake_net_rx_calls, 4);
    assert_int_equal(netdev_receive(fake_net, bufs, 8), 8);
    for (unsigned i = 0; i < 8; i++) {
        assert_ptr_equal(bufs[i]->pair, fake_net->pairs[bufs[i]->data[0]]);
        seen |= 1u << bufs[i]->data[0];
        netdev_buf_free(bufs[i]);
    }
    assert_int_equal(seen, 0xf);
    assert_int_equal(netdev_receive(fake_net, bufs, 8), 0);
    deliver_to(2, 9);
    assert_int_equal(fake_net_rx_calls, 5);
    assert_int_equal(netdev_receive(fake_net, bufs, 8), 1);
    netdev_buf_free(bufs[0]);
}

static void test_a_busy_pair_does_not_silence_the_others(void **state)
{
    struct netbuf *buf;
    unsigned seen[2] = {0};

    (void)state;
    fake_ctrl_start(2, 2);
    deliver_to(1, 1);
    for (unsigned i = 0; i < 4; i++) {
        deliver_to(0, 0);
        deliver_to(0, 0);
        assert_int_equal(netdev_receive(fake_net, &buf, 1), 1);
        seen[buf->data[0]]++;
        netdev_buf_free(buf);
    }
    assert_int_equal(seen[1], 1);
}

/* What came by one pair and is sent by another goes home when it is through. */
static void test_frames_sent_by_another_pair(void **state)
{
    struct fake_chain chain;
    struct netbuf *buf;
    unsigned before;

    (void)state;
    fake_ctrl_start(2, 2);
    deliver_to(1, 7);
    assert_int_equal(netdev_receive(fake_net, &buf, 1), 1);
    before = fake_net->pairs[1]->pool.free_cnt;
    assert_int_equal(fake_net_send(buf), 1);
    assert_true(fake_ring_pop(&fake_net_rings[VIRTIO_NET_TXQ(0)], &chain));
    fake_ring_use(&fake_net_rings[VIRTIO_NET_TXQ(0)], chain.head, 0);
    virtqueue_interrupt(fake_net_dev.queues[VIRTIO_NET_TXQ(0)]);
    assert_int_equal(fake_net->pairs[1]->pool.free_cnt, before + 1);
}

static void test_the_end_gives_all_buffers_back(void **state)
{
    struct netbuf *buf;

    (void)state;
    fake_ctrl_start(2, 2);
    deliver_to(1, 7);
    assert_int_equal(netdev_receive(fake_net, &buf, 1), 1);
    assert_int_equal(fake_net_send(buf), 1); /* of pair 1, in pair 0's ring */
    cpu_this()->id = 1;
    assert_int_equal(fake_net_send(fake_net_make(60, 1)), 1);
    virtio_device_kill(&fake_net_dev, "test");
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(fake_net->pairs[i]->pool.free_cnt, fake_net->pairs[i]->pool.total_cnt);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, fake_ctrl_setup, fake_net_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_pair_for_each_cpu),
        TEST(a_pair_for_several_cpus),
        TEST(one_cpu_needs_no_command),
        TEST(without_multiqueue_the_control_queue_is_the_third),
        TEST(multiqueue_needs_the_control_queue),
        TEST(impossible_numbers_of_pairs),
        TEST(a_control_queue_out_of_reach),
        TEST(queues_that_are_not_there),
        TEST(fewer_pairs_when_memory_is_short),
        TEST(nothing_left_behind_at_any_failure),
        TEST(sending_on_the_pair_of_the_cpu),
        TEST(cpus_follow_the_vectors),
        TEST(frames_of_all_pairs_are_received),
        TEST(a_busy_pair_does_not_silence_the_others),
        TEST(frames_sent_by_another_pair),
        TEST(the_end_gives_all_buffers_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
