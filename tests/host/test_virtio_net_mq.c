/* Several queue pairs and the control queue, of devices that keep to the rules and ones that do
 * not. */
/* sources: drivers/virtio_net_config.c drivers/virtio_net_rx.c drivers/virtio_net_tx.c
 * drivers/virtio_net_queues.c drivers/virtio_net_ctrl.c tests/host/fake/mutex.c
 * tests/host/fake/smp.c drivers/netdev.c drivers/netbuf.c virtio/virtio.c virtio/virtio_features.c
 * virtio/virtio_watchdog.c tests/host/fake/work.c
 * virtio/virtio_queues.c virtio/virtio_config.c virtio/virtqueue.c virtio/virtqueue_split.c
 * virtio/virtqueue_split_alloc.c kernel/bootopt.c kernel/error.c kernel/format.c kernel/timer.c
 * tests/host/fake/log.c tests/host/fake/clock.c tests/host/fake/fake_dma.c
 * tests/host/fake/fake_ring.c tests/host/fake/fake_virtio.c tests/host/fake/fake_net_device.c
 * tests/host/fake/wait.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "arch/clock.h"
#include "fake_dma.h"
#include "fake_log.h"
#include "fake_net_device.h"
#include "fake_smp.h"
#include "fake_virtio.h"
#include "fake_wait.h"
#include "fake_work.h"

#define MQ       (BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_MQ))
#define ANNOUNCE (BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_GUEST_ANNOUNCE))
#define SILENT   (-1) /* the device never answers */

/* The device's end of the control queue: what it answers, and what it was told. */
static struct {
    unsigned queue;
    int ack;
    uint32_t used_len;
    uint32_t used_id_off;
    unsigned cnt;
    uint8_t class, command;
    unsigned data_len;
    uint16_t value;
    bool ack_was_invalid;
} ctrl;

static void answer_ctrl(void)
{
    struct fake_ring *ring = &fake_net_rings[ctrl.queue];
    struct fake_chain chain;
    const uint8_t *hdr;
    uint8_t *ack;

    if (!fake_ring_pop(ring, &chain))
        return;
    assert_false(fake_ring_pop(ring, &(struct fake_chain){0})); /* one at a time */
    assert_int_equal(chain.out_cnt, chain.cnt - 1);
    assert_int_equal(chain.pieces[0].len, 2); /* a descriptor of its own, as legacy devices want */
    hdr = (const void *)(uintptr_t)chain.pieces[0].pa;
    ctrl.cnt++;
    ctrl.class = hdr[0];
    ctrl.command = hdr[1];
    ctrl.data_len = chain.out_cnt == 2 ? chain.pieces[1].len : 0;
    if (ctrl.data_len == 2)
        memcpy(&ctrl.value, (const void *)(uintptr_t)chain.pieces[1].pa, 2);
    assert_int_equal(chain.pieces[chain.cnt - 1].len, 1);
    ack = (void *)(uintptr_t)chain.pieces[chain.cnt - 1].pa;
    ctrl.ack_was_invalid = *ack != VIRTIO_NET_OK && *ack != VIRTIO_NET_ERR;
    if (ctrl.ack == SILENT)
        return;
    *ack = (uint8_t)ctrl.ack;
    fake_ring_use(ring, chain.head + ctrl.used_id_off, ctrl.used_len);
    fake_ring_want_notify(ring, 0);
}

static int setup(void **state)
{
    int rc = fake_net_setup(state);

    memset(&ctrl, 0, sizeof(ctrl));
    ctrl.used_len = 1;
    ctrl.queue = 2;
    fake_wait_step = answer_ctrl;
    for (unsigned i = 0; i < FAKE_VIRTIO_QUEUES; i++)
        fake_virtio.queue_size[i] = FAKE_NET_RING;
    return rc;
}

/* A device with @max pairs, started on @cpus CPUs. */
static void start(unsigned max, unsigned cpus)
{
    uint16_t value = (uint16_t)max;

    memcpy(fake_virtio.config + VIRTIO_NET_CFG_MAX_PAIRS, &value, sizeof(value));
    fake_cpu_cnt = cpus;
    ctrl.queue = 2 * max;
    fake_net_start(MQ);
}

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

static void expect_fallback(const char *from_to, const char *reason)
{
    char line[160];

    snprintf(line, sizeof(line), "@fallback name=%s what=queue %s reason=%s\n", fake_net_dev.name,
             from_to, reason);
    assert_true(fake_log_has(line));
}

static void test_a_pair_for_each_cpu(void **state)
{
    (void)state;
    start(8, 3);
    expect_queues("0:rx0 1:tx0 2:rx1 3:tx1 4:rx2 5:tx2 16:ctrl ");
    assert_int_equal(ctrl.cnt, 1);
    assert_int_equal(ctrl.class, VIRTIO_NET_CTRL_MQ);
    assert_int_equal(ctrl.command, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET);
    assert_int_equal(ctrl.data_len, 2);
    assert_int_equal(ctrl.value, 3);
    assert_true(ctrl.ack_was_invalid);
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
    start(2, 5);
    expect_queues("0:rx0 1:tx0 2:rx1 3:tx1 4:ctrl ");
    assert_int_equal(ctrl.value, 2);
    for (unsigned cpu = 0; cpu < 5; cpu++)
        assert_ptr_equal(fake_net->cpu_pairs[cpu], fake_net->pairs[cpu % 2]);
}

static void test_one_cpu_needs_no_command(void **state)
{
    (void)state;
    start(4, 1);
    expect_queues("0:rx0 1:tx0 8:ctrl ");
    assert_int_equal(ctrl.cnt, 0);
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
    assert_int_equal(ctrl.cnt, 0);
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
        start(cases[i], 4);
        expect_queues("0:rx0 1:tx0 ");
        expect_fallback("from=0 to=1", "\"impossible number of queue pairs\"");
        assert_int_equal(fake_net_send(fake_net_make(60, 0)), 1);
        fake_net_deliver(60, 1);
        fake_net_expect_frame(60, 1);
        fake_net_teardown(state);
    }
}

static void test_a_control_queue_out_of_reach(void **state)
{
    static const uint16_t cases[] = {32, 0x100, 0x8000};

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char from_to[32];

        fake_log_clear();
        start(cases[i], 4);
        expect_queues("0:rx0 1:tx0 ");
        snprintf(from_to, sizeof(from_to), "from=%u to=1", cases[i]);
        expect_fallback(from_to, "\"control queue is out of reach\"");
        fake_net_teardown(state);
    }
    start(31, 64);
    assert_int_equal(netdev_info(fake_net)->pair_cnt, 31);
    assert_string_equal(fake_net_dev.queues[62]->name, "ctrl");
}

/* The device goes on with one pair. */
static void expect_one_pair(void)
{
    struct netdev_stats stats;

    assert_int_equal(netdev_info(fake_net)->pair_cnt, 1);
    assert_null(fake_net_dev.dead);
    for (unsigned cpu = 0; cpu < 4; cpu++) {
        cpu_this()->id = cpu;
        assert_int_equal(fake_net_send(fake_net_make(60, 0)), 1);
    }
    assert_int_equal(fake_net_send_all(), 4);
    fake_net_deliver(60, 1);
    fake_net_expect_frame(60, 1);
    netdev_stats(fake_net, &stats);
    assert_int_equal(stats.tx_frames, 4);
    assert_int_equal(stats.rx_frames, 1);
}

static void test_a_command_refused(void **state)
{
    (void)state;
    ctrl.ack = VIRTIO_NET_ERR;
    start(4, 4);
    expect_fallback("from=4 to=1", "refused");
    expect_one_pair();
}

static void test_nonsense_answers(void **state)
{
    static const struct {
        int ack;
        uint32_t used_len;
    } cases[] = {{2, 1}, {0xff, 1}, {0x80, 1}, {0, 0}, {0, 2}, {0, 0xffffffff}};

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fake_log_clear();
        ctrl.ack = cases[i].ack;
        ctrl.used_len = cases[i].used_len;
        start(4, 4);
        assert_true(fake_log_has("control command answered with"));
        expect_fallback("from=4 to=1", "refused");
        expect_one_pair();
        cpu_this()->id = 0;
        fake_net_teardown(state);
    }
}

static void test_legacy_answers_have_any_length(void **state)
{
    (void)state;
    ctrl.used_len = 0;
    fake_virtio.offered &= ~BIT(VIRTIO_F_VERSION_1);
    start(2, 2);
    assert_int_equal(netdev_info(fake_net)->pair_cnt, 2);
}

static void test_a_command_never_answered(void **state)
{
    uint64_t before = clock_ns();

    (void)state;
    ctrl.ack = SILENT;
    start(4, 4);
    assert_in_range(clock_ns() - before, 1000000000ull, 10000000000ull);
    assert_true(
        fake_log_has("control queue not used any more: a command was not answered in time"));
    expect_fallback("from=4 to=1", "\"a command was not answered in time\"");
    expect_one_pair();
    /* And nothing waits for it again. */
    before = clock_ns();
    assert_int_equal(virtio_net_ctrl(fake_net->driver_data, 4, 0, "\1\0", 2), -ENODEV);
    assert_int_equal(clock_ns(), before);
    assert_int_equal(ctrl.cnt, 1);
}

static void test_a_lying_control_ring(void **state)
{
    (void)state;
    ctrl.used_id_off = 5;
    start(4, 4);
    assert_true(fake_log_has("control queue not used any more: used id is not in flight"));
    expect_fallback("from=4 to=1", "\"used id is not in flight\"");
    expect_one_pair();
}

static void test_queues_that_are_not_there(void **state)
{
    (void)state;
    fake_virtio.queue_size[VIRTIO_NET_TXQ(2)] = 0;
    start(4, 4);
    expect_queues("0:rx0 1:tx0 8:ctrl ");
    assert_true(fake_log_has("what=queue from=4 to=1 reason="));
    assert_int_equal(ctrl.cnt, 0);
    expect_one_pair();
}

static void test_fewer_pairs_when_memory_is_short(void **state)
{
    (void)state;
    fake_dma_fail_after = 9 + 2; /* rings, then pools */
    start(4, 4);
    expect_fallback("from=4 to=2", "\"no memory for buffers\"");
    assert_int_equal(ctrl.value, 2);
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
        ctrl.queue = 4;
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
    start(4, 4);
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
    start(4, 4);
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
    start(4, 4);
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
    start(2, 2);
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
    start(2, 2);
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
    start(2, 2);
    deliver_to(1, 7);
    assert_int_equal(netdev_receive(fake_net, &buf, 1), 1);
    assert_int_equal(fake_net_send(buf), 1); /* of pair 1, in pair 0's ring */
    cpu_this()->id = 1;
    assert_int_equal(fake_net_send(fake_net_make(60, 1)), 1);
    virtio_device_kill(&fake_net_dev, "test");
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(fake_net->pairs[i]->pool.free_cnt, fake_net->pairs[i]->pool.total_cnt);
}

/* ---- events ---- */

static unsigned events[3], watched[3];
static unsigned acks_seen;

static void on_event(void *arg, enum netdev_event event)
{
    assert_ptr_equal(arg, events);
    events[event]++;
    acks_seen = ctrl.cnt;
}

static void on_watch(void *arg, enum netdev_event event)
{
    assert_ptr_equal(arg, watched);
    watched[event]++;
}

static void set_status(uint16_t status)
{
    memcpy(fake_virtio.config + VIRTIO_NET_CFG_STATUS, &status, sizeof(status));
    virtio_config_interrupt(&fake_net_dev);
    fake_work_run();
}

static void test_announcements(void **state)
{
    char line[64];

    (void)state;
    memset(events, 0, sizeof(events));
    memset(watched, 0, sizeof(watched));
    fake_net_start(ANNOUNCE);
    assert_int_equal(netdev_open(fake_net, NULL, on_event, events), 0);
    assert_int_equal(netdev_watch(fake_net, on_watch, watched), 0);
    assert_int_equal(netdev_watch(fake_net, on_watch, watched), -EBUSY);
    set_status(VIRTIO_NET_S_LINK_UP | VIRTIO_NET_S_ANNOUNCE);
    snprintf(line, sizeof(line), "@event name=%s kind=announce\n", fake_net_dev.name);
    assert_string_equal(fake_log_text(), line);
    assert_int_equal(events[NETDEV_ANNOUNCE], 1);
    assert_int_equal(watched[NETDEV_ANNOUNCE], 1);
    assert_int_equal(acks_seen, 0); /* first the network, then the device */
    assert_int_equal(ctrl.cnt, 1);
    assert_int_equal(ctrl.class, VIRTIO_NET_CTRL_ANNOUNCE);
    assert_int_equal(ctrl.command, VIRTIO_NET_CTRL_ANNOUNCE_ACK);
    assert_int_equal(ctrl.data_len, 0);
    set_status(0);
    set_status(VIRTIO_NET_S_LINK_UP);
    assert_int_equal(ctrl.cnt, 1);
    assert_int_equal(watched[NETDEV_LINK_DOWN], 1);
    assert_int_equal(watched[NETDEV_LINK_UP], 1);
    assert_int_equal(netdev_watch(fake_net, NULL, NULL), 0);
    set_status(0);
    assert_int_equal(watched[NETDEV_LINK_DOWN], 1);
    assert_int_equal(events[NETDEV_LINK_DOWN], 2);
}

static void test_an_announcement_that_cannot_be_acknowledged(void **state)
{
    (void)state;
    fake_net_start(ANNOUNCE);
    ctrl.ack = VIRTIO_NET_ERR;
    set_status(VIRTIO_NET_S_LINK_UP | VIRTIO_NET_S_ANNOUNCE);
    assert_true(fake_log_has("the announcement cannot be acknowledged"));
    assert_true(netdev_link_up(fake_net));
}

static void test_closing_waits_for_handlers(void **state)
{
    unsigned before = fake_sync_cnt;

    (void)state;
    fake_net_start(0);
    fake_net_open();
    netdev_close(fake_net);
    assert_int_equal(fake_sync_cnt, before + 1);
    fake_net_deliver(60, 0);
    assert_int_equal(fake_net_rx_calls, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, fake_net_teardown)

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
        TEST(a_command_refused),
        TEST(nonsense_answers),
        TEST(legacy_answers_have_any_length),
        TEST(a_command_never_answered),
        TEST(a_lying_control_ring),
        TEST(queues_that_are_not_there),
        TEST(fewer_pairs_when_memory_is_short),
        TEST(nothing_left_behind_at_any_failure),
        TEST(sending_on_the_pair_of_the_cpu),
        TEST(cpus_follow_the_vectors),
        TEST(frames_of_all_pairs_are_received),
        TEST(a_busy_pair_does_not_silence_the_others),
        TEST(frames_sent_by_another_pair),
        TEST(the_end_gives_all_buffers_back),
        TEST(announcements),
        TEST(an_announcement_that_cannot_be_acknowledged),
        TEST(closing_waits_for_handlers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
