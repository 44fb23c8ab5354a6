/* Sending: frames go out in batches with one register write; the last of a batch reports when it is
 * sent, and with it all before it. */
#include "arch/barrier.h"
#include "drivers/igb/igb_port.h"

#define ETHERNET_HEADER_LEN 14u
#define FRAME_LEN_MAX       (NETDEV_FRAME_MAX + 4u) /* with a VLAN tag */

/* The first descriptor behind those that are sent. Only the last of a batch is ever marked, so a
 * batch counts as a whole. */
static unsigned sent_end(const struct igb_ring *ring)
{
    unsigned end = ring->head;

    for (unsigned at = ring->head; at != ring->tail;) {
        bool done = (READ_ONCE(ring->tx[at].wb.status) & E1000_TXD_STAT_DD) != 0;

        at = igb_ring_next(ring, at);
        if (done)
            end = at;
    }
    return end;
}

/* What came from another device's pool goes back there once no lock is held: to *@aside. */
static void reclaim(struct igb_port *port, struct netbuf **aside)
{
    struct igb_ring *ring = &port->tx;
    const unsigned end = sent_end(ring);

    for (; ring->head != end; ring->head = igb_ring_next(ring, ring->head)) {
        struct netbuf *buf = ring->bufs[ring->head];

        if (__builtin_expect(buf->pair == &port->pair, 1)) {
            netbuf_give(&port->pair.pool, buf);
        } else {
            buf->next = NULL;
            netbuf_put_aside(aside, buf);
        }
    }
    if (__builtin_expect(port->pair.starved, 0))
        igb_rx_refill(&port->pair);
}

void igb_tx_interrupt(struct igb_port *port)
{
    uint64_t irq = spin_lock(&port->pair.lock);
    struct netbuf *aside = NULL;

    if (!port->pair.gone)
        reclaim(port, &aside);
    spin_unlock(&port->pair.lock, irq);
    netdev_buf_free(aside);
}

/* False for what can never be sent as it is: of another device's pool, too short, too long, in
 * pieces, or outside its own buffer. */
static bool sendable(const struct igb_port *port, struct netbuf *buf)
{
    if (buf->dev != &port->netdev || buf->frag_cnt != 0 || buf->len < ETHERNET_HEADER_LEN ||
        buf->len > FRAME_LEN_MAX)
        return false;
    if (buf->data < buf->base || buf->data + buf->len > buf->base + NETDEV_BUF_SIZE)
        return false;
    return buf->csum != NETBUF_CSUM_PARTIAL || netbuf_checksum(buf);
}

static void add_frame(struct igb_ring *ring, struct netbuf *buf, bool report)
{
    union e1000_adv_tx_desc *desc = &ring->tx[ring->tail];

    desc->read.buffer_addr = buf->pa + (uint64_t)(buf->data - buf->base);
    desc->read.olinfo_status = buf->len << E1000_TXD_PAYLEN_SHIFT;
    desc->read.cmd_type_len = buf->len | E1000_TXD_DTYP_DATA | E1000_TXD_DEXT | E1000_TXD_IFCS |
                              E1000_TXD_EOP | (report ? E1000_TXD_RS : 0);
    ring->bufs[ring->tail] = buf;
    ring->tail = igb_ring_next(ring, ring->tail);
}

static unsigned send_batch(struct igb_port *port, struct netbuf *const *bufs, unsigned cnt,
                           struct netbuf **aside)
{
    struct netdev_stats *stats = &port->pair.stats;
    struct igb_ring *ring = &port->tx;
    struct netbuf *last = NULL;
    unsigned sent, room;

    if (igb_ring_free(ring) < ring->cnt / 2)
        reclaim(port, aside);
    room = igb_ring_free(ring);
    /* One behind: a frame is added when it is known whether another follows. */
    for (sent = 0; sent < cnt && room > 0; sent++) {
        struct netbuf *buf = bufs[sent];

        if (!sendable(port, buf)) {
            stats->tx_dropped++;
            netbuf_put_aside(aside, buf);
            continue;
        }
        if (last != NULL)
            add_frame(ring, last, false);
        last = buf;
        room--;
        stats->tx_frames++;
        stats->tx_bytes += buf->len;
    }
    if (last == NULL)
        return sent;
    add_frame(ring, last, true);
    dma_wmb();
    igb_write(port, port->layout->txq + E1000_Q_TAIL, ring->tail);
    return sent;
}

unsigned igb_tx_send(struct netdev *dev, struct netbuf *const *bufs, unsigned cnt)
{
    struct igb_port *port = dev->driver_data;
    uint64_t irq = spin_lock(&port->pair.lock);
    struct netbuf *aside = NULL;
    unsigned sent = port->pair.gone ? 0 : send_batch(port, bufs, cnt, &aside);

    spin_unlock(&port->pair.lock, irq);
    netdev_buf_free(aside);
    return sent;
}
