/* A virtio network device of host tests. */
#include "fake_net_device.h"
#include "fake_driver_set.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "arch/clock.h"
#include "fake_clock.h"
#include "fake_dma.h"
#include "fake_log.h"
#include "fake_smp.h"
#include "fake_virtio.h"
#include "fake_wait.h"
#include "kernel/bootopt.h"
#include "kernel/panic.h"

/* Included for its entry of the linker set, which here is the whole set. */
#include "drivers/virtio_net.c"
FAKE_DRIVER_SET(net);

struct virtio_device fake_net_dev;
struct fake_ring fake_net_rings[VIRTIO_QUEUE_MAX];
struct netdev *fake_net;

int system_on_exit(void (*fn)(void))
{
    (void)fn;
    return 0;
}

void thread_sleep_ns(uint64_t ns)
{
    if (fake_wait_step != NULL)
        fake_wait_step();
    fake_clock_advance(ns);
}

static int irq_setup(struct virtio_device *dev)
{
    bool event_idx = virtio_has_feature(dev, VIRTIO_RING_F_EVENT_IDX);

    for (unsigned i = 0; i < dev->queue_cnt; i++) {
        if (dev->queues[i] != NULL)
            fake_ring_attach(&fake_net_rings[i], dev->queues[i], event_idx);
    }
    return 0;
}

static void irq_teardown(struct virtio_device *dev)
{
    (void)dev;
}

static const struct virtio_irq_ops irq_ops = {irq_setup, irq_teardown};

int fake_net_setup(void **state)
{
    static const uint8_t mac[] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};

    (void)state;
    bootopt_init("");
    fake_log_clear();
    fake_clock_now_ns = 0;
    fake_dma_in_use = 0;
    timers_init();
    fake_virtio_reset();
    fake_virtio_ops.irq = &irq_ops;
    fake_virtio.offered = FAKE_NET_MODERN | BIT(VIRTIO_NET_F_MAC) | BIT(VIRTIO_NET_F_STATUS);
    memcpy(fake_virtio.config + VIRTIO_NET_CFG_MAC, mac, sizeof(mac));
    fake_virtio.config[VIRTIO_NET_CFG_STATUS] = VIRTIO_NET_S_LINK_UP;
    memset(&fake_net_dev, 0, sizeof(fake_net_dev));
    list_init(&fake_net_dev.link);
    fake_net_dev.bus_name = "00:03.0";
    fake_net_dev.device_id = VIRTIO_ID_NET;
    fake_net_dev.transport = &fake_virtio_ops;
    fake_net = NULL;
    fake_wait_step = NULL;
    fake_cpu_cnt = 1;
    cpu_this()->id = 0;
    return 0;
}

int fake_net_teardown(void **state)
{
    (void)state;
    if (fake_net != NULL) {
        netdev_close(fake_net);
        virtio_device_remove(&fake_net_dev);
        fake_net = NULL;
    }
    return fake_dma_in_use != 0;
}

void fake_net_start(uint64_t more)
{
    fake_virtio.offered |= more;
    assert_int_equal(virtio_device_add(&fake_net_dev), 0);
    fake_net = netdev_find(fake_net_dev.name);
    assert_non_null(fake_net);
    assert_int_equal(fake_net_pair->pool.total_cnt, FAKE_NET_POOL);
}

void fake_net_start_legacy(uint64_t more)
{
    fake_virtio.offered &= ~BIT(VIRTIO_F_VERSION_1);
    fake_net_start(more);
}

/* Header length of what was agreed on (5.1.6.1). */
static unsigned header_len(void)
{
    const uint64_t longer = BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_NET_F_MRG_RXBUF);

    return (fake_virtio.accepted & longer) != 0 ? 12 : 10;
}

static uint8_t pattern(uint8_t seed, unsigned pos)
{
    return (uint8_t)(seed + pos * 7 + pos / 256);
}

/* Writes to the chain's byte @pos. */
static void scatter(const struct fake_chain *chain, unsigned pos, uint8_t byte)
{
    for (unsigned i = 0; i < chain->cnt; pos -= chain->pieces[i++].len) {
        if (pos < chain->pieces[i].len) {
            ((uint8_t *)(uintptr_t)chain->pieces[i].pa)[pos] = byte;
            return;
        }
    }
    fail_msg("the frame does not fit");
}

void fake_net_fill(unsigned slot, const struct virtio_net_hdr *hdr, unsigned len, uint8_t seed,
                   int64_t used_len)
{
    unsigned pos = 0;
    struct fake_chain chain;

    assert_true(fake_ring_pop(&fake_net_rx, &chain));
    assert_int_equal(chain.out_cnt, 0);
    while (hdr != NULL && pos < header_len()) {
        scatter(&chain, pos, ((const uint8_t *)hdr)[pos]);
        pos++;
    }
    for (unsigned i = 0; i < len; i++)
        scatter(&chain, pos++, pattern(seed, i));
    fake_ring_put(&fake_net_rx, slot, chain.head, used_len < 0 ? pos : (uint32_t)used_len);
}

static void publish(struct fake_ring *ring, unsigned queue, unsigned cnt)
{
    unsigned before = ring->interrupts;

    fake_ring_publish(ring, cnt);
    fake_ring_want_notify(ring, 0);
    if (ring->interrupts != before)
        virtqueue_interrupt(fake_net_dev.queues[queue]);
}

void fake_net_publish(unsigned cnt)
{
    publish(&fake_net_rx, VIRTIO_NET_RXQ(0), cnt);
}

void fake_net_deliver(unsigned len, uint8_t seed)
{
    struct virtio_net_hdr hdr = {.num_buffers = 1};

    fake_net_fill(0, &hdr, len, seed, -1);
    fake_net_publish(1);
}

void fake_net_check(const uint8_t *data, unsigned len, uint8_t seed, unsigned from)
{
    for (unsigned i = 0; i < len; i++)
        assert_int_equal(data[i], pattern(seed, from + i));
}

void fake_net_check_refilled(void)
{
    const struct virtio_net *net = fake_net->driver_data;

    assert_true(net->pairs[0].rxq->free_cnt < (net->split_header ? 2 : 1));
    assert_false(fake_net_pair->starved);
}

void fake_net_expect_frame(unsigned len, uint8_t seed)
{
    struct netbuf *buf;

    assert_int_equal(netdev_receive(fake_net, &buf, 1), 1);
    assert_int_equal(buf->len, len);
    assert_ptr_equal(buf->data, buf->base + NETDEV_HEADROOM);
    assert_int_equal(buf->frag_cnt, 0);
    assert_null(buf->next);
    fake_net_check(buf->data, len, seed, 0);
    netdev_buf_free(buf);
}

struct netbuf *fake_net_make(unsigned len, uint8_t seed)
{
    struct netbuf *buf = netdev_buf_alloc(fake_net);

    assert_non_null(buf);
    assert_ptr_equal(buf->data, buf->base + NETDEV_HEADROOM);
    buf->len = len;
    for (unsigned i = 0; i < len; i++)
        buf->data[i] = pattern(seed, i);
    return buf;
}

int fake_net_send(struct netbuf *buf)
{
    return netdev_send(fake_net, &buf, 1);
}

bool fake_net_take(struct fake_net_frame *frame)
{
    uint8_t bytes[sizeof(frame->hdr) + sizeof(frame->data)];
    struct fake_chain chain;
    unsigned len = 0;

    if (!fake_ring_pop(&fake_net_tx, &chain))
        return false;
    fake_ring_want_notify(&fake_net_tx, 0);
    assert_int_equal(chain.out_cnt, chain.cnt);
    for (unsigned i = 0; i < chain.cnt; i++) {
        assert_true(len + chain.pieces[i].len <= sizeof(bytes));
        memcpy(bytes + len, (const void *)(uintptr_t)chain.pieces[i].pa, chain.pieces[i].len);
        len += chain.pieces[i].len;
    }
    if (chain.cnt > 1)
        assert_int_equal(chain.pieces[0].len, header_len());
    memset(frame, 0, sizeof(*frame));
    frame->head = chain.head;
    frame->piece_cnt = chain.cnt;
    frame->len = len - header_len();
    memcpy(&frame->hdr, bytes, header_len());
    memcpy(frame->data, bytes + header_len(), frame->len);
    return true;
}

void fake_net_sent(const struct fake_net_frame *frame)
{
    fake_ring_put(&fake_net_tx, 0, frame->head, 0);
    publish(&fake_net_tx, VIRTIO_NET_TXQ(0), 1);
}

unsigned fake_net_send_all(void)
{
    struct fake_net_frame frame;
    unsigned cnt = 0;

    for (; fake_net_take(&frame); cnt++)
        fake_net_sent(&frame);
    return cnt;
}

unsigned fake_net_rx_calls;

static void on_rx(void *arg)
{
    assert_ptr_equal(arg, &fake_net_rx_calls);
    fake_net_rx_calls++;
}

void fake_net_open(void)
{
    fake_net_rx_calls = 0;
    assert_int_equal(netdev_open(fake_net, on_rx, NULL, &fake_net_rx_calls), 0);
}

struct netbuf *fake_net_make_partial(unsigned len, uint8_t seed, uint16_t start, uint16_t off)
{
    struct netbuf *buf = fake_net_make(len, seed);

    buf->csum = NETBUF_CSUM_PARTIAL;
    buf->csum_start = start;
    buf->csum_off = off;
    return buf;
}
