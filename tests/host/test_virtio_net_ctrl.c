/* The control queue, of devices that keep to the rules and ones that do not; link changes and
 * announcements. */
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

#include "arch/clock.h"
#include "fake_ctrl.h"
#include "fake_log.h"
#include "fake_net_device.h"
#include "fake_smp.h"
#include "fake_virtio.h"
#include "fake_work.h"

static void test_a_command_refused(void **state)
{
    (void)state;
    fake_ctrl.ack = VIRTIO_NET_ERR;
    fake_ctrl_start(4, 4);
    fake_ctrl_expect_fallback("from=4 to=1", "refused");
    fake_ctrl_expect_one_pair();
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
        fake_ctrl.ack = cases[i].ack;
        fake_ctrl.used_len = cases[i].used_len;
        fake_ctrl_start(4, 4);
        assert_true(fake_log_has("control command answered with"));
        fake_ctrl_expect_fallback("from=4 to=1", "refused");
        fake_ctrl_expect_one_pair();
        cpu_this()->id = 0;
        fake_net_teardown(state);
    }
}

static void test_legacy_answers_have_any_length(void **state)
{
    (void)state;
    fake_ctrl.used_len = 0;
    fake_virtio.offered &= ~BIT(VIRTIO_F_VERSION_1);
    fake_ctrl_start(2, 2);
    assert_int_equal(netdev_info(fake_net)->pair_cnt, 2);
}

static void test_a_command_never_answered(void **state)
{
    uint64_t before = clock_ns();

    (void)state;
    fake_ctrl.ack = FAKE_CTRL_SILENT;
    fake_ctrl_start(4, 4);
    assert_in_range(clock_ns() - before, 1000000000ull, 10000000000ull);
    assert_true(
        fake_log_has("control queue not used any more: a command was not answered in time"));
    fake_ctrl_expect_fallback("from=4 to=1", "\"a command was not answered in time\"");
    fake_ctrl_expect_one_pair();
    /* And nothing waits for it again. */
    before = clock_ns();
    assert_int_equal(virtio_net_ctrl(fake_net->driver_data, 4, 0, "\1\0", 2), -ENODEV);
    assert_int_equal(clock_ns(), before);
    assert_int_equal(fake_ctrl.cnt, 1);
}

static void test_a_lying_control_ring(void **state)
{
    (void)state;
    fake_ctrl.used_id_off = 5;
    fake_ctrl_start(4, 4);
    assert_true(fake_log_has("control queue not used any more: used id is not in flight"));
    fake_ctrl_expect_fallback("from=4 to=1", "\"used id is not in flight\"");
    fake_ctrl_expect_one_pair();
}

/* ---- events ---- */

static unsigned events[3], watched[3];
static unsigned acks_seen;

static void on_event(void *arg, enum netdev_event event)
{
    assert_ptr_equal(arg, events);
    events[event]++;
    acks_seen = fake_ctrl.cnt;
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
    assert_int_equal(fake_ctrl.cnt, 1);
    assert_int_equal(fake_ctrl.class, VIRTIO_NET_CTRL_ANNOUNCE);
    assert_int_equal(fake_ctrl.command, VIRTIO_NET_CTRL_ANNOUNCE_ACK);
    assert_int_equal(fake_ctrl.data_len, 0);
    set_status(0);
    set_status(VIRTIO_NET_S_LINK_UP);
    assert_int_equal(fake_ctrl.cnt, 1);
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
    fake_ctrl.ack = VIRTIO_NET_ERR;
    set_status(VIRTIO_NET_S_LINK_UP | VIRTIO_NET_S_ANNOUNCE);
    assert_true(fake_log_has("the announcement cannot be acknowledged"));
    assert_true(netdev_link_up(fake_net));
}

static void leave(void *arg, enum netdev_event event)
{
    (*(unsigned *)arg)++;
    assert_int_equal(event, NETDEV_LINK_DOWN);
    netdev_watch(fake_net, NULL, NULL);
    netdev_close(fake_net);
}

static void test_whoever_is_told_may_leave(void **state)
{
    unsigned told = 0;

    (void)state;
    memset(watched, 0, sizeof(watched));
    fake_net_start(ANNOUNCE);
    assert_int_equal(netdev_open(fake_net, NULL, leave, &told), 0);
    assert_int_equal(netdev_watch(fake_net, on_watch, watched), 0);
    set_status(0);
    set_status(VIRTIO_NET_S_LINK_UP);
    assert_int_equal(told, 1);
    assert_int_equal(watched[NETDEV_LINK_DOWN] + watched[NETDEV_LINK_UP], 0);
    assert_int_equal(netdev_open(fake_net, NULL, NULL, NULL), 0);
    assert_int_equal(netdev_watch(fake_net, leave, &told), 0);
    set_status(0);
    set_status(VIRTIO_NET_S_LINK_UP);
    assert_int_equal(told, 2);
}

/* Whoever opens it finds the link down, and is not told of that as of news. */
static void test_a_device_that_died_before_it_was_known(void **state)
{
    (void)state;
    memset(events, 0, sizeof(events));
    fake_ctrl.dies = true;
    fake_ctrl_start(2, 2);
    assert_false(netdev_link_up(fake_net));
    assert_int_equal(netdev_open(fake_net, NULL, on_event, events), 0);
    fake_work_run();
    assert_int_equal(events[NETDEV_LINK_DOWN], 0);
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

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, fake_ctrl_setup, fake_net_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_command_refused),
        TEST(nonsense_answers),
        TEST(legacy_answers_have_any_length),
        TEST(a_command_never_answered),
        TEST(a_lying_control_ring),
        TEST(announcements),
        TEST(an_announcement_that_cannot_be_acknowledged),
        TEST(whoever_is_told_may_leave),
        TEST(a_device_that_died_before_it_was_known),
        TEST(closing_waits_for_handlers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
