/* The checks of "selftest virtio" that concern network devices: each sees its violation. */
/* sources: drivers/virtio_net_check_cmd.c drivers/virtio_net_config.c drivers/virtio_net_rx.c
 * drivers/virtio_net_tx.c drivers/virtio_net_queues.c drivers/virtio_net_ctrl.c
 * tests/host/fake/mutex.c tests/host/fake/smp.c drivers/netdev.c drivers/netbuf.c
 * virtio/virtio.c virtio/virtio_features.c virtio/virtio_watchdog.c tests/host/fake/work.c
 * virtio/virtio_queues.c virtio/virtio_config.c virtio/virtqueue.c virtio/virtqueue_split.c
 * virtio/virtqueue_split_alloc.c kernel/bootopt.c kernel/error.c kernel/format.c kernel/timer.c
 * tests/host/fake/log.c tests/host/fake/clock.c tests/host/fake/fake_dma.c
 * tests/host/fake/fake_ring.c tests/host/fake/fake_virtio.c tests/host/fake/fake_net_device.c
 * tests/host/fake/wait.c virtio/virtio_ring.c virtio/virtqueue_packed.c
 * virtio/virtqueue_packed_in_order.c virtio/virtqueue_packed_alloc.c
 * virtio/virtqueue_split_in_order.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "drivers/virtio_net.h"
#include "fake_net_device.h"
#include "fake_virtio.h"
#include "virtio/virtio_check.h"

#define BIT(n) (1ull << (n))
#define NET    ((struct virtio_net *)fake_net->driver_data)
#define DEV    (NET->dev)

static void expect(unsigned id, enum virtio_verdict verdict)
{
    const struct virtio_check *check = virtio_net_checks;
    const char *why = NULL;

    while (check->id != id)
        assert_int_not_equal((check++)->id, 0);
    if (check->fn(DEV, &why) != verdict)
        fail_msg("check %u: %s", id, why != NULL ? why : "passes");
}

#define PASS(id) expect(id, VIRTIO_CHECK_PASS)
#define FAIL(id) expect(id, VIRTIO_CHECK_FAIL)
#define SKIP(id) expect(id, VIRTIO_CHECK_SKIP)

static void test_a_sound_device_passes(void **state)
{
    static const unsigned ids[] = {81, 82, 85, 90, 91, 96};

    (void)state;
    fake_net_start(0);
    for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
        PASS(ids[i]);
    SKIP(83);
    SKIP(84);
}

static void test_address_and_link(void **state)
{
    (void)state;
    fake_net_start(0);
    NET->netdev.info.mac[0] = 0x00;
    NET->netdev.info.mac[5] ^= 1;
    FAIL(81); /* neither told nor local */
    NET->netdev.info.mac[0] = 0x02;
    PASS(81);
    NET->netdev.info.mac[0] = 0x03;
    FAIL(81);
    NET->netdev.info.mac[0] = 0x02;
    DEV->features &= ~BIT(VIRTIO_NET_F_MAC);
    FAIL(81);
    fake_virtio.config[VIRTIO_NET_CFG_STATUS] ^= VIRTIO_NET_S_LINK_UP;
    FAIL(82);
    fake_virtio.config[VIRTIO_NET_CFG_STATUS] ^= VIRTIO_NET_S_LINK_UP;
    PASS(82);
}

static void test_mtu(void **state)
{
    (void)state;
    fake_virtio.config[VIRTIO_NET_CFG_MTU] = 0xdc; /* 1500 */
    fake_virtio.config[VIRTIO_NET_CFG_MTU + 1] = 5;
    fake_net_start(BIT(VIRTIO_NET_F_MTU));
    PASS(83);
    PASS(84);
    NET->netdev.info.mtu++;
    FAIL(83);
    NET->netdev.info.mtu--;
    DEV->features &= ~BIT(VIRTIO_NET_F_MTU);
    FAIL(84);
}

static void test_features_and_header(void **state)
{
    (void)state;
    fake_net_start(0);
    DEV->features |= BIT(57);
    FAIL(85);
    DEV->features |= BIT(VIRTIO_NET_F_CTRL_VQ);
    PASS(85);
    DEV->features &= ~(BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(57));
    NET->hdr_len = 10;
    FAIL(90);
    NET->hdr_len = sizeof(struct virtio_net_hdr);
}

static void test_rings_and_pairs(void **state)
{
    struct virtqueue *rxq;
    uint16_t free_cnt;

    (void)state;
    fake_net_start(0);
    rxq = NET->pairs[0].rxq;
    free_cnt = rxq->free_cnt;
    rxq->free_cnt = rxq->size;
    FAIL(91);
    rxq->free_cnt = free_cnt;
    NET->netdev.info.pair_cnt = 2;
    FAIL(96);
    NET->netdev.info.pair_max = 2;
    NET->queue_pairs = 2;
    FAIL(96); /* without MQ */
    DEV->features |= BIT(VIRTIO_NET_F_MQ);
    PASS(96);
    NET->netdev.info.pair_cnt = NET->netdev.info.pair_max = NET->queue_pairs = 1;
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, fake_net_setup, fake_net_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_sound_device_passes), TEST(address_and_link), TEST(mtu),
        TEST(features_and_header),   TEST(rings_and_pairs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
