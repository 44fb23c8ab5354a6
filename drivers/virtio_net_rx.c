/* Receiving: a ring that is always full of buffers, frames taken in batches, merged buffers joined
 * and checked. */
#include "arch/barrier.h"
#include "arch/clock.h"
#include "drivers/virtio_net.h"

#define FRAME_LEN_MAX (NETDEV_FRAME_MAX + VLAN_TAG_LEN)
#define FLOOD_REST_NS 1000000u

static void set_ready(struct virtio_net_pair *pair)
{
    __atomic_fetch_or(&pair->net->rx_ready, 1ull << pair->index, __ATOMIC_SEQ_CST);
}

void virtio_net_rx_interrupt(struct virtqueue *vq)
{
    struct virtio_net_pair *pair = vq->driver_data;
    uint64_t irq = spin_lock(&pair->pair.lock);

    /* Quiet until the user has taken everything: receive() asks for interrupts again when it finds
     * nothing. */
    if (!pair->pair.gone) {
        virtqueue_disable_cb(vq);
        set_ready(pair);
    }
    spin_unlock(&pair->pair.lock, irq);
    netdev_rx_ready(&pair->net->netdev);
}

void virtio_net_rx_timer(void *arg)
{
    struct virtio_net_pair *pair = arg;

    set_ready(pair);
    netdev_rx_ready(&pair->net->netdev);
}

/* With the pair's lock: asks for interrupts. False, with the pair not ready any more, when they
 * will tell of the next frame. */
static bool arm(struct virtio_net_pair *pair)
{
    if (pair->rxq->broken == NULL && virtqueue_enable_cb(pair->rxq))
        return true;
    /* Before the lock is free: the interrupt sets it again. */
    __atomic_fetch_and(&pair->net->rx_ready, ~(1ull << pair->index), __ATOMIC_SEQ_CST);
    return false;
}

static bool pair_pending(struct virtio_net_pair *pair)
{
    uint64_t irq = spin_lock(&pair->pair.lock);
    bool any = !pair->pair.gone &&
               ((pair->rxq->broken == NULL && virtqueue_pending(pair->rxq)) || arm(pair));

    spin_unlock(&pair->pair.lock, irq);
    return any;
}

bool virtio_net_rx_pending(struct netdev *dev)
{
    struct virtio_net *net = dev->driver_data;
    uint64_t ready = __atomic_load_n(&net->rx_ready, __ATOMIC_SEQ_CST);

    for (; ready != 0; ready &= ready - 1) {
        if (pair_pending(&net->pairs[__builtin_ctzll(ready)]))
            return true;
    }
    return false;
}

/* The frame starts at the headroom's end in every buffer, with the device's header right in front
 * of it. */
static int add_buffer(struct virtio_net_pair *pair, struct netbuf *buf)
{
    const struct virtio_net *net = pair->net;
    const uint32_t room = NETDEV_BUF_SIZE - NETDEV_HEADROOM;
    uint64_t frame_pa = buf->pa + NETDEV_HEADROOM;
    struct virtqueue_seg segs[2];

    buf->data = buf->base + NETDEV_HEADROOM;
    if (!net->split_header) {
        segs[0] = (struct virtqueue_seg){.pa = frame_pa - net->hdr_len, .len = room + net->hdr_len};
        return virtqueue_add(pair->rxq, segs, 0, 1, buf);
    }
    segs[0] = (struct virtqueue_seg){.pa = frame_pa - net->hdr_len, .len = net->hdr_len};
    segs[1] = (struct virtqueue_seg){.pa = frame_pa, .len = room};
    return virtqueue_add(pair->rxq, segs, 0, 2, buf);
}

void virtio_net_refill(struct netdev_pair *pair)
{
    struct virtio_net_pair *net_pair = to_net_pair(pair);
    const unsigned desc_cnt = net_pair->net->split_header ? 2 : 1;

    pair->starved = false;
    while (net_pair->rxq->free_cnt >= desc_cnt) {
        struct netbuf *buf = netbuf_take(&pair->pool);

        if (buf == NULL) {
            pair->starved = true;
            break;
        }
        if (add_buffer(net_pair, buf) != 0) {
            netbuf_give(&pair->pool, buf);
            break;
        }
    }
    virtqueue_kick(net_pair->rxq);
}

/* The frame is not usable: its buffers go back at once. */
static void drop(struct virtio_net_pair *pair, struct netbuf *buf, const char *why)
{
    pair->pair.stats.rx_errors++;
    log_limited(&pair->rx_log, LOG_WARN, "%s: received frame dropped: %s", pair->net->dev->name,
                why);
    while (buf != NULL) {
        struct netbuf *next = buf->next;

        netbuf_give(&pair->pair.pool, buf);
        buf = next;
    }
}

/*
 * Appends the further @cnt buffers of a merged frame (5.1.6.4). All of them must be in the used
 * ring already: the device hands a frame over whole. NULL when they are not, or when they hold
 * nothing or too much; what was taken is dropped.
 */
static struct netbuf *join_merged(struct virtio_net_pair *pair, struct netbuf *first, unsigned cnt)
{
    struct netbuf *last = first;
    uint32_t total = first->len, len;
    bool empty = false;

    first->frag_cnt = (uint8_t)cnt;
    for (; cnt > 0; cnt--) {
        struct netbuf *piece = virtqueue_get(pair->rxq, &len);

        if (piece == NULL) {
            drop(pair, first, "the device announced more buffers than it used");
            return NULL;
        }
        /* A further piece has no header: its bytes begin where the first one's header does. */
        piece->data = piece->base + NETDEV_HEADROOM - pair->net->hdr_len;
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
    drop(pair, first, empty ? "an empty piece" : "longer than a frame can be");
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
static struct netbuf *accept_frame(struct virtio_net_pair *pair, struct netbuf *buf, uint32_t len)
{
    const struct virtio_net *net = pair->net;
    const struct virtio_net_hdr *hdr = (const void *)(buf->data - net->hdr_len);
    unsigned buffers = net->mergeable ? READ_ONCE(hdr->num_buffers) : 1;

    buf->next = NULL;
    buf->frag_cnt = 0;
    if (__builtin_expect(len < net->hdr_len + ETHERNET_HEADER_LEN, 0)) {
        drop(pair, buf, "shorter than its headers");
        return NULL;
    }
    buf->len = len - net->hdr_len;
    read_checksum(net, hdr, buf);
    if (__builtin_expect(buffers == 1, 1)) {
        if (__builtin_expect(buf->len <= FRAME_LEN_MAX, 1))
            return buf;
        drop(pair, buf, "longer than a frame can be");
        return NULL;
    }
    if (buffers == 0 || buffers > pair->rxq->size || buffers - 1 > UINT8_MAX) {
        drop(pair, buf, "impossible number of merged buffers");
        return NULL;
    }
    return join_merged(pair, buf, buffers - 1);
}

/* Takes up to @cnt frames from the ring, of which *@got were good; how many were taken. */
static unsigned harvest(struct virtio_net_pair *pair, struct netbuf **bufs, unsigned cnt,
                        unsigned *got)
{
    struct netdev_stats *stats = &pair->pair.stats;
    unsigned taken;
    uint32_t len;

    *got = 0;
    for (taken = 0; taken < cnt; taken++) {
        struct netbuf *buf = virtqueue_get(pair->rxq, &len);

        if (buf == NULL)
            break;
        buf = accept_frame(pair, buf, len);
        if (buf == NULL)
            continue;
        stats->rx_frames++;
        for (const struct netbuf *piece = buf; piece != NULL; piece = piece->next)
            stats->rx_bytes += piece->len;
        bufs[(*got)++] = buf;
    }
    return taken;
}

/* With the pair's lock. 0: its interrupt is asked for, or its timer armed. */
static unsigned take_frames(struct virtio_net_pair *pair, struct netbuf **bufs, unsigned cnt)
{
    unsigned got, taken, looks = 0;

    while (looks < pair->rxq->size) {
        taken = harvest(pair, bufs, cnt, &got);
        if (taken > 0)
            virtio_net_refill(&pair->pair);
        if (got > 0)
            return got;
        looks += taken > 0 ? taken : 1;
        if (taken > 0)
            continue;
        /* Nothing left: ask for interrupts, and look again, quietly, if something came before the
         * device saw that. */
        if (!arm(pair))
            return 0;
        virtqueue_disable_cb(pair->rxq);
    }
    /* A flood of bad frames must not hold the caller. */
    timer_arm(&pair->rx_timer, clock_ns() + FLOOD_REST_NS);
    return 0;
}

static unsigned receive_pair(struct virtio_net_pair *pair, struct netbuf **bufs, unsigned cnt)
{
    uint64_t irq = spin_lock(&pair->pair.lock);
    unsigned got = pair->pair.gone ? 0 : take_frames(pair, bufs, cnt);

    virtio_net_release(pair, pair->rxq, irq);
    return got;
}

/* The pairs take turns, so that a busy one does not keep the others from being heard. */
unsigned virtio_net_receive(struct netdev *dev, struct netbuf **bufs, unsigned cnt)
{
    struct virtio_net *net = dev->driver_data;
    uint64_t ready = __atomic_load_n(&net->rx_ready, __ATOMIC_SEQ_CST);
    unsigned next = __atomic_load_n(&net->rx_next, __ATOMIC_RELAXED), got = 0;

    while (ready != 0 && got < cnt) {
        uint64_t later = ready >> next << next;
        unsigned index = (unsigned)__builtin_ctzll(later != 0 ? later : ready);

        ready &= ~(1ull << index);
        got += receive_pair(&net->pairs[index], bufs + got, cnt - got);
        next = index + 1 < net->queue_pairs ? index + 1 : 0;
    }
    __atomic_store_n(&net->rx_next, next, __ATOMIC_RELAXED);
    return got;
}
