/* The network driver's life: what it makes of a configuration, link changes, being given up,
 * removal. */
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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_dma.h"
#include "fake_log.h"
#include "fake_net_device.h"
#include "fake_virtio.h"
#include "fake_work.h"

static void put16(unsigned off, uint16_t value)
{
    memcpy(fake_virtio.config + off, &value, sizeof(value));
}

static void stop(void)
{
    virtio_device_remove(&fake_net_dev);
    fake_net = NULL;
    assert_int_equal(fake_dma_in_use, 0);
}

static void test_a_sound_device(void **state)
{
    const struct netdev_info *info;
    uint8_t config[sizeof(fake_virtio.config)];
    char text[128];

    (void)state;
    memcpy(config, fake_virtio.config, sizeof(config));
    fake_net_start(0);
    info = netdev_info(fake_net);
    assert_string_equal(info->name, fake_net_dev.name);
    assert_memory_equal(info->mac, fake_virtio.config, 6);
    assert_int_equal(info->mtu, 1500);
    assert_int_equal(info->rx_ring, FAKE_NET_RING);
    assert_int_equal(info->tx_ring, FAKE_NET_RING);
    assert_false(info->csum_tx || info->csum_rx);
    assert_true(netdev_link_up(fake_net));
    fake_net_dev.driver->describe(&fake_net_dev, text, sizeof(text));
    assert_string_equal(text, " mac=52:54:00:12:34:56 mtu=1500 link=up pairs=1/1");
    assert_memory_equal(config, fake_virtio.config, sizeof(config)); /* 5.1.4.2: nothing written */
    assert_ptr_equal(netdev_find(fake_net_dev.name), fake_net);
    assert_ptr_equal(netdev_get(0), fake_net);
    assert_null(netdev_get(1));
    assert_string_equal(fake_log_text(), "");
}

static void expect_made_mac(const char *message)
{
    uint8_t mac[6];

    fake_log_clear();
    fake_net_start(0);
    memcpy(mac, netdev_info(fake_net)->mac, sizeof(mac));
    assert_int_equal(mac[0], 0x02);
    assert_memory_not_equal(mac + 1, "\0\0\0\0\0", 5);
    assert_true(fake_log_has(message));
    stop();
    fake_net_start(0);
    assert_memory_not_equal(mac, netdev_info(fake_net)->mac, sizeof(mac));
    stop();
}

static void test_unusable_mac_addresses_are_replaced(void **state)
{
    (void)state;
    fake_virtio.config[0] = 0x53;
    expect_made_mac("MAC address is zero, multicast or unreadable");
    memset(fake_virtio.config, 0xff, 6);
    expect_made_mac("MAC address is zero, multicast or unreadable");
    memset(fake_virtio.config, 0, 6);
    expect_made_mac("MAC address is zero, multicast or unreadable");
    fake_virtio.offered &= ~BIT(VIRTIO_NET_F_MAC);
    memset(fake_virtio.config, 0x22, 6);
    expect_made_mac("has no MAC address, made one");
}

static void test_a_mac_address_that_never_settles_is_replaced(void **state)
{
    (void)state;
    fake_virtio.config_reads_change = 1000000;
    fake_net_start(0);
    assert_int_equal(netdev_info(fake_net)->mac[0], 0x02);
    assert_true(fake_log_has("MAC address is zero, multicast or unreadable"));
}

static void test_mtu_is_bounded(void **state)
{
    static const uint16_t cases[][2] = {
        {0, 1500}, {67, 1500}, {68, 68}, {1400, 1400}, {1500, 1500}, {1501, 1500}, {65535, 1500},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fake_log_clear();
        put16(VIRTIO_NET_CFG_MTU, cases[i][0]);
        fake_net_start(BIT(VIRTIO_NET_F_MTU));
        assert_int_equal(netdev_info(fake_net)->mtu, cases[i][1]);
        assert_int_equal(fake_log_has("is below 68, using 1500"), cases[i][0] < 68);
        stop();
    }
    fake_virtio.offered &= ~BIT(VIRTIO_NET_F_MTU);
    put16(VIRTIO_NET_CFG_MTU, 100);
    fake_net_start(0);
    assert_int_equal(netdev_info(fake_net)->mtu, 1500);
}

static unsigned link_calls;
static bool link_state;

static void on_event(void *arg, enum netdev_event event)
{
    assert_ptr_equal(arg, &link_calls);
    assert_in_range(event, NETDEV_LINK_DOWN, NETDEV_LINK_UP);
    link_calls++;
    link_state = event == NETDEV_LINK_UP;
}

static void set_status(uint16_t status)
{
    put16(VIRTIO_NET_CFG_STATUS, status);
    fake_log_clear();
    virtio_config_interrupt(&fake_net_dev);
    fake_work_run();
}

static void test_link_changes(void **state)
{
    char up[64], down[64];

    (void)state;
    put16(VIRTIO_NET_CFG_STATUS, 0xfffe);
    fake_net_start(0);
    assert_false(netdev_link_up(fake_net));
    snprintf(up, sizeof(up), "@event name=%s kind=link state=up\n", fake_net_dev.name);
    snprintf(down, sizeof(down), "@event name=%s kind=link state=down\n", fake_net_dev.name);
    assert_int_equal(netdev_open(fake_net, NULL, on_event, &link_calls), 0);
    link_calls = 0;
    for (unsigned i = 0; i < 3; i++) {
        set_status(VIRTIO_NET_S_LINK_UP);
        assert_string_equal(fake_log_text(), up);
        assert_true(netdev_link_up(fake_net) && link_state);
        set_status(VIRTIO_NET_S_LINK_UP | 2); /* announcements and what is unknown mean nothing */
        assert_string_equal(fake_log_text(), "");
        set_status(0);
        assert_string_equal(fake_log_text(), down);
        assert_false(netdev_link_up(fake_net) || link_state);
    }
    assert_int_equal(link_calls, 6);
    netdev_close(fake_net);
    set_status(VIRTIO_NET_S_LINK_UP);
    assert_string_equal(fake_log_text(), up);
    assert_int_equal(link_calls, 6);
}

static void test_without_a_status_the_link_is_up(void **state)
{
    (void)state;
    fake_virtio.offered &= ~BIT(VIRTIO_NET_F_STATUS);
    put16(VIRTIO_NET_CFG_STATUS, 0);
    fake_net_start(0);
    assert_true(netdev_link_up(fake_net));
    set_status(0);
    assert_true(netdev_link_up(fake_net));
}

static void test_one_user_each(void **state)
{
    (void)state;
    fake_net_start(0);
    assert_int_equal(netdev_open(fake_net, NULL, NULL, NULL), 0);
    assert_int_equal(netdev_open(fake_net, NULL, NULL, NULL), -EBUSY);
    netdev_close(fake_net);
    assert_int_equal(netdev_open(fake_net, NULL, NULL, NULL), 0);
}

/* Nothing works any more, and nothing hangs. */
static void check_dead(void)
{
    struct netbuf *bufs[4], *buf = netdev_buf_alloc(fake_net);

    assert_false(netdev_link_up(fake_net));
    assert_int_equal(netdev_receive(fake_net, bufs, 4), 0);
    assert_int_equal(netdev_wait(fake_net, 1000), -ETIMEDOUT);
    if (buf != NULL) {
        buf->len = 60;
        assert_int_equal(fake_net_send(buf), -ENETDOWN);
        netdev_buf_free(buf);
    }
}

static void test_a_killed_device_gives_all_buffers_back(void **state)
{
    struct netbuf *held;

    (void)state;
    fake_net_start(0);
    netdev_open(fake_net, NULL, on_event, &link_calls);
    link_calls = 0;
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(fake_net_send(fake_net_make(100, 0)), 1);
    for (unsigned i = 0; i < 3; i++)
        fake_net_deliver(60, 0);
    assert_int_equal(netdev_receive(fake_net, &held, 1), 1);
    virtio_device_kill(&fake_net_dev, "test");
    assert_false(netdev_link_up(fake_net));
    assert_int_equal(link_calls, 0); /* that is for a thread */
    fake_work_run();
    assert_int_equal(fake_net_pair->pool.free_cnt, FAKE_NET_POOL - 1);
    netdev_buf_free(held);
    assert_int_equal(fake_net_pair->pool.free_cnt, FAKE_NET_POOL);
    assert_int_equal(link_calls, 1);
    assert_true(fake_log_has("kind=link state=down"));
    check_dead();
    set_status(VIRTIO_NET_S_LINK_UP); /* nobody believes it any more */
    check_dead();
    assert_int_equal(fake_net_pair->pool.free_cnt, FAKE_NET_POOL);
}

static void test_killed_while_the_pool_is_empty(void **state)
{
    struct netbuf *bufs[FAKE_NET_POOL];
    unsigned cnt = 0;

    (void)state;
    fake_net_start(0);
    while ((bufs[cnt] = netdev_buf_alloc(fake_net)) != NULL)
        cnt++;
    assert_int_equal(cnt, FAKE_NET_POOL - FAKE_NET_RING);
    fake_net_deliver(60, 0);
    assert_int_equal(netdev_receive(fake_net, &bufs[cnt++], 1), 1);
    assert_true(fake_net_pair->starved);
    virtio_device_kill(&fake_net_dev, "test");
    while (cnt > 0)
        netdev_buf_free(bufs[--cnt]);
    assert_int_equal(fake_net_pair->pool.free_cnt, FAKE_NET_POOL);
}

static void test_removal_with_frames_in_the_rings(void **state)
{
    (void)state;
    fake_net_start(0);
    assert_int_equal(fake_net_send(fake_net_make(100, 0)), 1);
    fake_net_deliver(60, 0);
    fake_log_clear();
    stop();
    assert_null(netdev_get(0));
    assert_false(fake_log_has("error"));
    assert_false(fake_log_has("warning"));
}

static void test_removal_under_a_user(void **state)
{
    struct netdev *dev;
    struct netbuf *held;
    unsigned lent;

    (void)state;
    fake_net_start(0);
    dev = fake_net;
    netdev_open(fake_net, NULL, on_event, &link_calls);
    link_calls = 0;
    fake_net_deliver(60, 3);
    assert_int_equal(netdev_receive(fake_net, &held, 1), 1);
    virtio_device_remove(&fake_net_dev);
    assert_true(fake_log_has("1 buffers are still lent out, their memory is kept"));
    assert_null(netdev_get(0));
    assert_int_equal(link_calls, 1);
    fake_net_check(held->data, 60, 3, 0);
    check_dead();
    netdev_buf_free(held);
    check_dead();
    netdev_close(dev);
    fake_net = NULL;
    assert_true(netbuf_pool_free(dev->pairs[0], &lent));
    free(((struct virtio_net *)dev->driver_data)->pairs);
    free(dev->driver_data);
}

static void test_a_failed_start_leaves_nothing_behind(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        fake_dma_fail_after = i; /* either ring, then the pool */
        assert_int_equal(virtio_device_add(&fake_net_dev), -ENOMEM);
        assert_int_equal(fake_dma_in_use, 0);
    }
    fake_dma_fail_after = -1;
    fake_virtio.queue_size[VIRTIO_NET_TXQ(0)] = 0;
    assert_int_equal(virtio_device_add(&fake_net_dev), -ENOENT);
    assert_int_equal(fake_dma_in_use, 0);
    assert_null(netdev_get(0));
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, fake_net_setup, fake_net_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_sound_device),
        TEST(unusable_mac_addresses_are_replaced),
        TEST(a_mac_address_that_never_settles_is_replaced),
        TEST(mtu_is_bounded),
        TEST(link_changes),
        TEST(without_a_status_the_link_is_up),
        TEST(one_user_each),
        TEST(a_killed_device_gives_all_buffers_back),
        TEST(killed_while_the_pool_is_empty),
        TEST(removal_with_frames_in_the_rings),
        TEST(removal_under_a_user),
        TEST(a_failed_start_leaves_nothing_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
