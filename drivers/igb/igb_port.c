/* A port's memory and queues: allocation, start, stop. */
#include "drivers/igb/igb_port.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/clock.h"
#include "arch/random.h"
#include "kernel/format.h"
#include "kernel/page.h"

#define POOL_SPARE    64u /* buffers beyond full rings and what the IP stack may hold */
#define ENABLE_MS     10
#define WAIT_STEP_NS  500000u
#define MAC_LEN       6
#define RING_DESC_LEN sizeof(union e1000_adv_rx_desc)

static const struct netdev_ops port_ops = {
    .send = igb_tx_send,
    .receive = igb_rx_receive,
    .pending = igb_rx_pending,
    .refill = igb_rx_refill,
};

bool igb_wait_bits(const struct igb_port *port, unsigned off, uint32_t bits, uint32_t wanted,
                   unsigned ms)
{
    const uint64_t end = clock_ns() + ms * 1000000ull;

    for (;;) {
        if ((igb_read(port, off) & bits) == wanted)
            return true;
        if (clock_ns() >= end)
            return false;
        thread_sleep_ns(WAIT_STEP_NS);
    }
}

bool igb_mac_usable(const uint8_t *mac)
{
    static const uint8_t zero[MAC_LEN];

    return (mac[0] & 1) == 0 && memcmp(mac, zero, MAC_LEN) != 0;
}

void igb_mac_random(uint8_t *mac)
{
    static uint64_t counter;
    uint64_t bits;

    if (!arch_random(&bits))
        bits = clock_cycles();
    bits = (bits + __atomic_add_fetch(&counter, 1, __ATOMIC_RELAXED)) * 0x9e3779b97f4a7c15ull;
    mac[0] = 0x02;
    for (unsigned i = 1; i < MAC_LEN; i++)
        mac[i] = (uint8_t)(bits >> (8 * i + 16));
}

static int ring_alloc(struct igb_ring *ring, unsigned cnt)
{
    ring->bufs = calloc(cnt, sizeof(struct netbuf *));
    if (ring->bufs == NULL)
        return -ENOMEM;
    ring->rx = dma_alloc(cnt * RING_DESC_LEN, 0, &ring->pa);
    ring->cnt = cnt;
    return ring->rx != NULL ? 0 : -ENOMEM;
}

static void ring_free(struct igb_ring *ring)
{
    if (ring->rx != NULL)
        dma_free(ring->rx, ring->cnt * RING_DESC_LEN);
    free(ring->bufs);
    *ring = (struct igb_ring){0};
}

static void set_info(struct igb_port *port, unsigned cnt)
{
    struct netdev_info *info = &port->netdev.info;

    info->name = port->name;
    info->mtu = NETDEV_MTU_MAX;
    info->rx_ring = cnt;
    info->tx_ring = cnt;
    info->pair_cnt = 1;
    info->pair_max = 1;
    port->netdev.pairs[0] = &port->pair;
    for (unsigned i = 0; i < CPU_MAX; i++)
        port->netdev.cpu_pairs[i] = &port->pair;
}

int igb_port_create(struct igb_port *port, const struct igb_port_layout *layout, uint8_t *regs)
{
    const unsigned cnt = layout->ring_cnt;
    unsigned lent;
    int rc;

    netdev_init(&port->netdev);
    port->layout = layout;
    port->regs = regs;
    port->netdev.ops = &port_ops;
    port->netdev.driver_data = port;
    port->pair.dev = &port->netdev;
    port->pair.gone = true;
    port->number = netdev_number_take();
    format(port->name, sizeof(port->name), "net%u", port->number);
    set_info(port, cnt);
    rc = ring_alloc(&port->rx, cnt);
    if (rc == 0)
        rc = ring_alloc(&port->tx, cnt);
    if (rc == 0)
        rc = netbuf_pool_init(&port->pair, cnt + cnt / 2 + cnt + POOL_SPARE);
    if (rc == 0)
        return 0;
    netbuf_pool_free(&port->pair, &lent);
    ring_free(&port->tx);
    ring_free(&port->rx);
    netdev_number_put(port->number);
    return rc;
}

bool igb_port_free(struct igb_port *port)
{
    unsigned lent;

    ring_free(&port->tx);
    ring_free(&port->rx);
    netdev_number_put(port->number);
    if (netbuf_pool_free(&port->pair, &lent))
        return !port->netdev.opened;
    log_warn("%s: %u buffers are still lent out, their memory is kept", port->name, lent);
    return false;
}

/* With the pair's lock, the queue being off. */
static void queue_setup(struct igb_port *port, unsigned base, struct igb_ring *ring)
{
    memset(ring->rx, 0, ring->cnt * RING_DESC_LEN);
    ring->head = 0;
    ring->tail = 0;
    igb_write(port, base + E1000_Q_BAL, (uint32_t)ring->pa);
    igb_write(port, base + E1000_Q_BAH, (uint32_t)(ring->pa >> 32));
    igb_write(port, base + E1000_Q_LEN, ring->cnt * (uint32_t)RING_DESC_LEN);
    igb_write(port, base + E1000_Q_HEAD, 0);
    igb_write(port, base + E1000_Q_TAIL, 0);
}

static bool queue_enable(struct igb_port *port, unsigned base)
{
    igb_write(port, base + E1000_Q_DCTL,
              igb_read(port, base + E1000_Q_DCTL) | E1000_DCTL_QUEUE_ENABLE);
    return igb_wait_bits(port, base + E1000_Q_DCTL, E1000_DCTL_QUEUE_ENABLE,
                         E1000_DCTL_QUEUE_ENABLE, ENABLE_MS);
}

int igb_port_start(struct igb_port *port)
{
    const struct igb_port_layout *layout = port->layout;
    uint64_t irq;

    queue_setup(port, layout->rxq, &port->rx);
    queue_setup(port, layout->txq, &port->tx);
    igb_write(port, layout->rxq + E1000_Q_SRRCTL,
              E1000_SRRCTL_BSIZE_2K | E1000_SRRCTL_ADV_1BUF | E1000_SRRCTL_DROP_EN);
    if (!queue_enable(port, layout->rxq) || !queue_enable(port, layout->txq))
        return -EIO;
    irq = spin_lock(&port->pair.lock);
    port->pair.gone = false;
    port->rx_skip = false;
    igb_rx_refill(&port->pair);
    spin_unlock(&port->pair.lock, irq);
    return 0;
}

static void take_back(struct igb_ring *ring, struct netbuf **aside)
{
    for (; ring->head != ring->tail; ring->head = igb_ring_next(ring, ring->head)) {
        struct netbuf *buf = ring->bufs[ring->head];

        buf->next = NULL;
        netbuf_put_aside(aside, buf);
    }
}

void igb_port_stop(struct igb_port *port)
{
    struct netbuf *aside = NULL;
    uint64_t irq = spin_lock(&port->pair.lock);

    port->pair.gone = true;
    port->pair.starved = false;
    take_back(&port->rx, &aside);
    take_back(&port->tx, &aside);
    spin_unlock(&port->pair.lock, irq);
    netdev_buf_free(aside);
}
