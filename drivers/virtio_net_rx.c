/* Receiving: a ring that is always full of buffers, frames taken in batches, merged buffers joined
 * and checked. */
#include "arch/barrier.h"
#include "arch/clock.h"
#include "drivers/virtio_net.h"

#define FRAME_LEN_MAX (NETDEV_FRAME_MAX + VLAN_TAG_LEN)
#define FLOOD_REST_NS 1000000u

void virtio_net_rx_interrupt(struct virtqueue *vq)
{
    struct virtio_net *net = vq->driver_data;

    /* Quiet until the user has taken everything: receive() asks for interrupts again when it finds
     * nothing. */
    virtqueue_disable_cb(vq);
    netdev_rx_ready(&net->netdev);
}

void virtio_net_rx_timer(void *arg)
{
    struct virtio_net *net = arg;

    netdev_rx_ready(&net->netdev);
}

bool virtio_net_rx_pending(struct netdev *dev)
{
    struct virtio_net *net = dev->driver_data;

    if (net->rxq->broken != NULL)
        return false;
    return virtqueue_pending(net->rxq) || virtqueue_enable_cb(net->rxq);
}

/* The frame starts at the headroom's end in every buffer, with the device's header right in front
 * of it. */
static int add_buffer(struct virtio_net *net, struct netbuf *buf)
{
    const uint32_t room = NETDEV_BUF_SIZE - NETDEV_HEADROOM;
    uint64_t frame_pa = buf->pa + NETDEV_HEADROOM;
    struct virtqueue_seg segs[2];

    buf->data = buf->base + NETDEV_HEADROOM;
    if (!net->split_header) {
        segs[0] = (struct virtqueue_seg){.pa = frame_pa - net->hdr_len, .len = room + net->hdr_len};
        return virtqueue_add(net->rxq, segs, 0, 1, buf);
    }
    segs[0] = (struct virtqueue_seg){.pa = frame_pa - net->hdr_len, .len = net->hdr_len};
    segs[1] = (struct virtqueue_seg){.pa = frame_pa, .len = room};
    return virtqueue_add(net->rxq, segs, 0, 2, buf);
}

void virtio_net_refill(struct netdev *dev)
{
    struct virtio_net *net = dev->driver_data;
    const unsigned desc_cnt = net->split_header ? 2 : 1;

    dev->starved = false;
    while (net->rxq->free_cnt >= desc_cnt) {
        struct netbuf *buf = netbuf_take(&dev->pool);

        if (buf == NULL) {
            dev->starved = true;
            break;
        }
        if (add_buffer(net, buf) != 0) {
            netbuf_give(&dev->pool, buf);
            break;
        }
    }
    virtqueue_kick(net->rxq);
}

/* The frame is not usable: its buffers go back at once. */
static void drop(struct virtio_net *net, struct netbuf *buf, const char *why)
{
    net->netdev.stats.rx_errors++;
    log_limited(&net->rx_log, LOG_WARN, "%s: received frame dropped: %s", net->dev->name, why);
    while (buf != NULL) {
        struct netbuf *next = buf->next;

        netbuf_give(&net->netdev.pool, buf);
        buf = next;
    }
}

/*
 * Appends the further @cnt buffers of a merged frame (5.1.6.4). All of them must be in the used
 * ring already: the device hands a frame over whole. NULL when they are not, or when they hold
 * nothing or too much; what was taken is dropped.
 */
static struct netbuf *join_merged(struct virtio_net *net, struct netbuf *first, unsigned cnt)
{
    struct netbuf *last = first;
    uint32_t total = first->len, len;
    bool empty = false;

    first->frag_cnt = (uint8_t)cnt;
    for (; cnt > 0; cnt--) {
        struct netbuf *piece = virtqueue_get(net->rxq, &len);

        if (piece == NULL) {
            drop(net, first, "the device announced more buffers than it used");
            return NULL;
        }
        /* A further piece has no header: its bytes begin where the first one's header does. */
        piece->data = piece->base + NETDEV_HEADROOM - net->hdr_len;
        piece->len = len;
        piece->csum = NETBUF_CSUM_NONE;
        piece->frag_cnt = 0;
        piece->next = NULL;
        last->next = piece;
        last = piece;
        total += len;
        empty |= len == 0;
    }
    if (!empty && total <= FRAME_LEN_MAX)
        return first;
    drop(net, first, empty ? "an empty piece" : "longer than a frame can be");
    return NULL;
}

/*
 * What the device says of the checksum, where that was agreed on. NEEDS_CSUM frames come from this
 * very host, where nothing could damage them (5.1.6.4.1): their checksum is still to be finished,
 * should they be sent on.
 */
static void read_checksum(const struct virtio_net *net, const struct virtio_net_hdr *hdr,
                          struct netbuf *buf)
{
    uint8_t flags = READ_ONCE(hdr->flags);

    buf->csum = NETBUF_CSUM_NONE;
    if (!net->netdev.info.csum_rx)
        return;
    if ((flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0) {
        buf->csum_start = READ_ONCE(hdr->csum_start);
        buf->csum_off = READ_ONCE(hdr->csum_offset);
        if ((uint32_t)buf->csum_start + buf->csum_off + 2 <= buf->len)
            buf->csum = NETBUF_CSUM_PARTIAL;
    } else if ((flags & VIRTIO_NET_HDR_F_DATA_VALID) != 0) {
        buf->csum = NETBUF_CSUM_VALID;
    }
}

/* Checks what the device wrote in front of the frame and how much it says it wrote; NULL when
 * dropped. */
static struct netbuf *accept_frame(struct virtio_net *net, struct netbuf *buf, uint32_t len)
{
    const struct virtio_net_hdr *hdr = (const void *)(buf->data - net->hdr_len);
    unsigned buffers = net->mergeable ? READ_ONCE(hdr->num_buffers) : 1;

    buf->next = NULL;
    buf->frag_cnt = 0;
    if (__builtin_expect(len < net->hdr_len + ETHERNET_HEADER_LEN, 0)) {
        drop(net, buf, "shorter than its headers");
        return NULL;
    }
    buf->len = len - net->hdr_len;
    read_checksum(net, hdr, buf);
    if (__builtin_expect(buffers == 1, 1)) {
        if (__builtin_expect(buf->len <= FRAME_LEN_MAX, 1))
            return buf;
        drop(net, buf, "longer than a frame can be");
        return NULL;
    }
    if (buffers == 0 || buffers > net->rxq->size || buffers - 1 > UINT8_MAX) {
        drop(net, buf, "impossible number of merged buffers");
        return NULL;
    }
    return join_merged(net, buf, buffers - 1);
}

/* Takes up to @cnt frames from the ring, of which *@got were good; how many were taken. */
static unsigned harvest(struct virtio_net *net, struct netbuf **bufs, unsigned cnt, unsigned *got)
{
    struct netdev_stats *stats = &net->netdev.stats;
    unsigned taken;
    uint32_t len;

    *got = 0;
    for (taken = 0; taken < cnt; taken++) {
        struct netbuf *buf = virtqueue_get(net->rxq, &len);

        if (buf == NULL)
            break;
        buf = accept_frame(net, buf, len);
        if (buf == NULL)
            continue;
        stats->rx_frames++;
        for (const struct netbuf *piece = buf; piece != NULL; piece = piece->next)
            stats->rx_bytes += piece->len;
        bufs[(*got)++] = buf;
    }
    virtio_net_check_queue(net, net->rxq);
    return taken;
}

unsigned virtio_net_receive(struct netdev *dev, struct netbuf **bufs, unsigned cnt)
{
    struct virtio_net *net = dev->driver_data;
    unsigned got, taken, looks = 0;

    if (cnt == 0)
        return 0;
    while (looks < net->rxq->size) {
        taken = harvest(net, bufs, cnt, &got);
        if (taken > 0)
            virtio_net_refill(dev);
        if (got > 0)
            return got;
        looks += taken > 0 ? taken : 1;
        if (taken > 0)
            continue;
        /* Nothing left: ask for interrupts, and look again, quietly, if something came before the
         * device saw that. */
        if (!virtqueue_enable_cb(net->rxq))
            return 0;
        virtqueue_disable_cb(net->rxq);
    }
    /* A flood of bad frames must not hold the caller. */
    timer_arm(&net->rx_timer, clock_ns() + FLOOD_REST_NS);
    return 0;
}
