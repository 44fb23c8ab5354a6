/* Receiving: a ring that is always full of buffers; what the card wrote is read once and checked.
 */
#include <string.h>

#include "arch/barrier.h"
#include "drivers/igb/igb_port.h"

#define ETHERNET_HEADER_LEN 14u
#define FRAME_LEN_MAX       (NETDEV_FRAME_MAX + 4u) /* with a VLAN tag */

_Static_assert(NETDEV_BUF_SIZE == 2048, "the card counts a buffer's length in KiB");

static uint32_t rx_bit(const struct igb_port *port)
{
    return 1u << port->layout->rx_vector;
}

/* Quiet until the user has taken everything. What the card notes meanwhile is sent when the vector
 * is unmasked. */
void igb_rx_interrupt(struct igb_port *port)
{
    igb_write(port, port->layout->eimc, rx_bit(port));
    netdev_rx_ready(&port->netdev);
}

/* The card fills whole KiBs, so a frame starts at its buffer's first byte, without headroom. */
void igb_rx_refill(struct netdev_pair *pair)
{
    struct igb_port *port = to_igb_port(pair);
    struct igb_ring *ring = &port->rx;
    unsigned cnt = igb_ring_free(ring);

    pair->starved = false;
    if (pair->gone || cnt == 0)
        return;
    for (; cnt > 0; cnt--) {
        struct netbuf *buf = netbuf_take(&pair->pool);

        if (buf == NULL) {
            pair->starved = true;
            break;
        }
        buf->data = buf->base;
        ring->bufs[ring->tail] = buf;
        ring->rx[ring->tail].read.pkt_addr = buf->pa;
        ring->rx[ring->tail].read.hdr_addr = 0;
        ring->tail = igb_ring_next(ring, ring->tail);
    }
    dma_wmb();
    igb_write(port, port->layout->rxq + E1000_Q_TAIL, ring->tail);
}

static bool frame_waits(const struct igb_port *port)
{
    const struct igb_ring *ring = &port->rx;

    return ring->head != ring->tail &&
           (READ_ONCE(ring->rx[ring->head].wb.status_error) & E1000_RXD_STAT_DD) != 0;
}

/* NULL, or what is wrong with the frame. A frame longer than a buffer goes on in the next. */
static const char *check_frame(struct igb_port *port, uint32_t status, uint32_t len)
{
    const bool rest = port->rx_skip;

    port->rx_skip = (status & E1000_RXD_STAT_EOP) == 0;
    if (rest || port->rx_skip)
        return "longer than a buffer";
    if ((status & E1000_RXD_ERR_RXE) != 0)
        return "the card saw an error";
    if (len < ETHERNET_HEADER_LEN)
        return "shorter than its header";
    return len <= FRAME_LEN_MAX ? NULL : "longer than a frame can be";
}

/* The card hands a multicast frame to every pool that wants it, the sender's own among them. */
static bool is_echo(const struct igb_port *port, const struct netbuf *buf)
{
    return (buf->data[0] & 1) != 0 && memcmp(buf->data + 6, port->netdev.info.mac, 6) == 0;
}

/* With the pair's lock: the next frame, NULL when it was not usable. One waits. */
static struct netbuf *take_frame(struct igb_port *port)
{
    struct igb_ring *ring = &port->rx;
    const union e1000_adv_rx_desc *desc = &ring->rx[ring->head];
    struct netbuf *buf = ring->bufs[ring->head];
    const char *wrong;
    uint32_t status, len;

    status = READ_ONCE(desc->wb.status_error);
    dma_rmb();
    len = READ_ONCE(desc->wb.length);
    ring->head = igb_ring_next(ring, ring->head);
    wrong = check_frame(port, status, len);
    if (wrong == NULL && !is_echo(port, buf)) {
        buf->len = len;
        buf->csum = NETBUF_CSUM_NONE;
        buf->frag_cnt = 0;
        buf->next = NULL;
        port->pair.stats.rx_frames++;
        port->pair.stats.rx_bytes += len;
        return buf;
    }
    if (wrong != NULL) {
        port->pair.stats.rx_errors++;
        log_limited(&port->rx_log, LOG_WARN, "%s: received frame dropped: %s", port->name, wrong);
    }
    netbuf_give(&port->pair.pool, buf);
    return NULL;
}

/* With the pair's lock. */
static unsigned take_frames(struct igb_port *port, struct netbuf **bufs, unsigned cnt)
{
    unsigned got = 0;

    /* No longer than the ring, even in a flood of bad frames. */
    while (got < cnt && frame_waits(port)) {
        bufs[got] = take_frame(port);
        got += bufs[got] != NULL;
    }
    igb_rx_refill(&port->pair);
    if (got > 0)
        return got;
    igb_write(port, port->layout->eims, rx_bit(port));
    /* What came since the last look may have interrupted before the vector was unmasked. */
    if (frame_waits(port))
        igb_write(port, port->layout->eics, rx_bit(port));
    return 0;
}

unsigned igb_rx_receive(struct netdev *dev, struct netbuf **bufs, unsigned cnt)
{
    struct igb_port *port = dev->driver_data;
    uint64_t irq = spin_lock(&port->pair.lock);
    unsigned got = port->pair.gone ? 0 : take_frames(port, bufs, cnt);

    spin_unlock(&port->pair.lock, irq);
    return got;
}

bool igb_rx_pending(struct netdev *dev)
{
    struct igb_port *port = dev->driver_data;
    uint64_t irq = spin_lock(&port->pair.lock);
    bool any = !port->pair.gone && frame_waits(port);

    if (!any && !port->pair.gone)
        igb_write(port, port->layout->eims, rx_bit(port));
    spin_unlock(&port->pair.lock, irq);
    return any;
}
