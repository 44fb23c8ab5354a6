/* The device's end of a network device's control queue. */
#include "fake_ctrl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fake_log.h"
#include "fake_net_device.h"
#include "fake_smp.h"
#include "fake_virtio.h"
#include "fake_wait.h"

struct fake_ctrl fake_ctrl;

static void answer_ctrl(void)
{
    struct fake_ring *ring = &fake_net_rings[fake_ctrl.queue];
    struct fake_chain chain;
    const uint8_t *hdr;
    uint8_t *ack;

    if (!fake_ring_pop(ring, &chain))
        return;
    assert_false(fake_ring_pop(ring, &(struct fake_chain){0})); /* one at a time */
    assert_int_equal(chain.out_cnt, chain.cnt - 1);
    assert_int_equal(chain.pieces[0].len, 2); /* a descriptor of its own, as legacy devices want */
    hdr = (const void *)(uintptr_t)chain.pieces[0].pa;
    fake_ctrl.cnt++;
    fake_ctrl.class = hdr[0];
    fake_ctrl.command = hdr[1];
    fake_ctrl.data_len = chain.out_cnt == 2 ? chain.pieces[1].len : 0;
    if (fake_ctrl.data_len == 2)
        memcpy(&fake_ctrl.value, (const void *)(uintptr_t)chain.pieces[1].pa, 2);
    assert_int_equal(chain.pieces[chain.cnt - 1].len, 1);
    ack = (void *)(uintptr_t)chain.pieces[chain.cnt - 1].pa;
    fake_ctrl.ack_was_invalid = *ack != VIRTIO_NET_OK && *ack != VIRTIO_NET_ERR;
    if (fake_ctrl.dies)
        virtio_device_kill(&fake_net_dev, "for the test");
    if (fake_ctrl.dies || fake_ctrl.ack == FAKE_CTRL_SILENT)
        return;
    *ack = (uint8_t)fake_ctrl.ack;
    fake_ring_use(ring, chain.head + fake_ctrl.used_id_off, fake_ctrl.used_len);
    fake_ring_want_notify(ring, 0);
}

int fake_ctrl_setup(void **state)
{
    int rc = fake_net_setup(state);

    memset(&fake_ctrl, 0, sizeof(fake_ctrl));
    fake_ctrl.used_len = 1;
    fake_ctrl.queue = 2;
    fake_wait_step = answer_ctrl;
    for (unsigned i = 0; i < FAKE_VIRTIO_QUEUES; i++)
        fake_virtio.queue_size[i] = FAKE_NET_RING;
    return rc;
}

void fake_ctrl_start(unsigned max, unsigned cpus)
{
    uint16_t value = (uint16_t)max;

    memcpy(fake_virtio.config + VIRTIO_NET_CFG_MAX_PAIRS, &value, sizeof(value));
    fake_cpu_cnt = cpus;
    fake_ctrl.queue = 2 * max;
    fake_net_start(MQ);
}

void fake_ctrl_expect_fallback(const char *from_to, const char *reason)
{
    char line[160];

    snprintf(line, sizeof(line), "@fallback name=%s what=queue %s reason=%s\n", fake_net_dev.name,
             from_to, reason);
    assert_true(fake_log_has(line));
}

void fake_ctrl_expect_one_pair(void)
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
