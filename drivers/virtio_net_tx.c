/* Sending: frames go out in batches with one notification; sent ones return to the pool on the way,
 * or by a rare interrupt once most of a batch is through. */
#include <string.h>

#include "drivers/virtio_net.h"

/* What came from another pair goes back there once no lock is held: to *@aside. */
static void reclaim(struct virtio_net_pair *pair, struct netbuf **aside)
{
    struct netbuf *buf;
    uint32_t len;

    while ((buf = virtqueue_get(pair->txq, &len)) != NULL) {
        if (__builtin_expect(buf->pair == &pair->pair, 1)) {
            netbuf_give(&pair->pair.pool, buf);
        } else {
            buf->next = NULL;
            netbuf_put_aside(aside, buf);
        }
        pair->tx_armed = false; /* it may be the one that the interrupt was for */
    }
    if (__builtin_expect(pair->pair.starved, 0))
        virtio_net_refill(&pair->pair);
}

/* Or there is no point in waiting for it. */
static bool all_sent(const struct virtio_net_pair *pair)
{
    return pair->txq->free_cnt == pair->txq->size || pair->txq->broken != NULL;
}

/*
 * Wants one interrupt when most of what is in flight has gone out, and takes what is through
 * already. Until it has come nothing is asked anew: each interrupt finds what it announces.
 */
static void arm(struct virtio_net_pair *pair, struct netbuf **aside)
{
    while (!all_sent(pair) && virtqueue_enable_cb_delayed(pair->txq))
        reclaim(pair, aside);
    pair->tx_armed = !all_sent(pair);
}

/* The end of whatever touched the ring. */
static inline void release(struct virtio_net_pair *pair, uint64_t irq, struct netbuf *aside)
{
    virtio_net_release(pair, pair->txq, irq);
    if (__builtin_expect(aside != NULL, 0))
        netdev_buf_free(aside);
}

void virtio_net_tx_interrupt(struct virtqueue *vq)
{
    struct virtio_net_pair *pair = vq->driver_data;
    uint64_t irq = spin_lock(&pair->pair.lock);
    struct netbuf *aside = NULL;

    if (!pair->pair.gone) {
        reclaim(pair, &aside);
        arm(pair, &aside);
    }
    release(pair, irq, aside);
}

/* The device's header right in front of the frame, aligned to nothing: nothing asked for, or the
 * frame's checksum finished (5.1.6.2). */
static void write_header(const struct virtio_net *net, const struct netbuf *buf)
{
    struct virtio_net_hdr hdr = {.gso_type = VIRTIO_NET_HDR_GSO_NONE};

    if (buf->csum == NETBUF_CSUM_PARTIAL) {
        hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
        hdr.csum_start = buf->csum_start;
        hdr.csum_offset = buf->csum_off;
    }
    if (net->hdr_len == sizeof(hdr))
        memcpy(buf->data - sizeof(hdr), &hdr, sizeof(hdr));
    else
        memcpy(buf->data - VIRTIO_NET_HDR_LEN_SHORT, &hdr, VIRTIO_NET_HDR_LEN_SHORT);
}

/* No longer than the MTU and the Ethernet header, which a VLAN tag makes longer (5.1.4.2). */
static bool fits_mtu(const struct virtio_net *net, const struct netbuf *buf)
{
    const uint32_t max = net->netdev.info.mtu + ETHERNET_HEADER_LEN;

    if (__builtin_expect(buf->len <= max, 1))
        return true;
    return buf->len <= max + VLAN_TAG_LEN && buf->data[12] == 0x81 && buf->data[13] == 0;
}

/* False for what can never be sent as it is: of another device's pool, too short, too long, in
 * pieces, or outside its own buffer. */
static bool sendable(const struct virtio_net *net, struct netbuf *buf)
{
    if (buf->dev != &net->netdev || buf->frag_cnt != 0 || buf->len < ETHERNET_HEADER_LEN ||
        buf->len > NETDEV_BUF_SIZE)
        return false;
    if (buf->data < buf->base + net->hdr_len ||
        buf->data + buf->len > buf->base + NETDEV_BUF_SIZE || !fits_mtu(net, buf))
        return false;
    if (buf->csum != NETBUF_CSUM_PARTIAL)
        return true;
    if (!net->netdev.info.csum_tx)
        return netbuf_checksum(buf);
    return (uint32_t)buf->csum_start + buf->csum_off + 2 <= buf->len;
}

static int add_frame(struct virtio_net_pair *pair, struct netbuf *buf)
{
    const struct virtio_net *net = pair->net;
    uint64_t frame_pa = buf->pa + (uint64_t)(buf->data - buf->base);
    struct virtqueue_seg segs[2];

    write_header(net, buf);
    segs[0] = (struct virtqueue_seg){.pa = frame_pa - net->hdr_len, .len = buf->len + net->hdr_len};
    if (!net->split_header)
        return virtqueue_add(pair->txq, segs, 1, 0, buf);
    segs[0].len = net->hdr_len;
    segs[1] = (struct virtqueue_seg){.pa = frame_pa, .len = buf->len};
    return virtqueue_add(pair->txq, segs, 2, 0, buf);
}

static unsigned send_batch(struct virtio_net_pair *pair, struct netbuf *const *bufs, unsigned cnt,
                           struct netbuf **aside)
{
    struct netdev_stats *stats = &pair->pair.stats;
    unsigned sent;

    /* With room left, what was sent waits for its interrupt: taken here, that would find nothing.
     */
    if (pair->txq->free_cnt < pair->txq->size / 2)
        reclaim(pair, aside);
    for (sent = 0; sent < cnt; sent++) {
        struct netbuf *buf = bufs[sent];
        uint32_t len = buf->len;

        if (!sendable(pair->net, buf)) {
            stats->tx_dropped++;
            netbuf_put_aside(aside, buf);
            continue;
        }
        if (add_frame(pair, buf) != 0)
            break;
        stats->tx_frames++;
        stats->tx_bytes += len;
    }
    /* Before the kick, so that the device cannot be done before it knows. */
    if (!pair->tx_armed)
        arm(pair, aside);
    virtqueue_kick(pair->txq);
    return sent;
}

/* On the pair of this CPU, whose lock no other CPU has use for while there are enough pairs. */
unsigned virtio_net_send(struct netdev *dev, struct netbuf *const *bufs, unsigned cnt)
{
    struct virtio_net_pair *pair = to_net_pair(netdev_this_pair(dev));
    uint64_t irq = spin_lock(&pair->pair.lock);
    struct netbuf *aside = NULL;
    unsigned sent = pair->pair.gone ? 0 : send_batch(pair, bufs, cnt, &aside);

    release(pair, irq, aside);
    return sent;
}
