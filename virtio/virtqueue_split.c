/* The split ring (virtio 1.3, 2.7). What the driver must remember about a descriptor is kept beside
 * the ring, in private memory: the ring itself is written, and only the used ring and avail_event
 * are ever read. */
#include "virtio/virtqueue_split.h"

#include <errno.h>

#include "arch/barrier.h"

#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Behind the ring's entries lie used_event (avail ring) and avail_event (used ring). */
static inline uint16_t *used_event(const struct split *s)
{
    return &s->avail->ring[s->vq.size];
}

static inline uint16_t *avail_event(const struct split *s)
{
    return (uint16_t *)&s->used->ring[s->vq.size];
}

static inline void arm(struct split *s, uint16_t event)
{
    s->armed = event;
    WRITE_ONCE(*used_event(s), event);
}

/* A descriptor's length, flags and next as the 64-bit word they make up, to be stored at once. */
#define WORD_FLAGS(flags) ((uint64_t)(flags) << 32)
#define WORD_NEXT(next)   ((uint64_t)(next) << 48)

static inline void put_desc(struct vring_desc *desc, uint64_t pa, uint64_t word)
{
    uint64_t *words = (uint64_t *)desc;

    words[0] = pa;
    words[1] = word;
}

/* Takes head @head and @desc_cnt descriptors, and writes the chain's head into the avail ring; not
 * yet exposed. */
static inline struct split_chain *take_head(struct split *s, unsigned head, unsigned desc_cnt,
                                            void *token)
{
    struct split_chain *chain = &s->chains[head];
    unsigned idx = s->avail_idx;

    s->vq.free_cnt = (uint16_t)(s->vq.free_cnt - desc_cnt);
    s->avail->ring[idx & s->mask] = (uint16_t)head;
    s->avail_idx = (uint16_t)(idx + 1);
    chain->token = token;
    chain->desc_cnt = (uint16_t)desc_cnt;
    return chain;
}

/* Describes the pieces in ring descriptors taken from the free list. */
static __attribute__((noinline)) int add_ring(struct split *s, const struct virtqueue_seg *segs,
                                              unsigned out_cnt, unsigned in_cnt, void *token)
{
    unsigned cnt = out_cnt + in_cnt, head = s->free_head, idx = head, tail = head;
    struct vring_desc *ring = s->desc;
    struct split_chain *chain;
    uint32_t writable_len = 0;

    if (UNLIKELY(s->vq.broken != NULL))
        return -EIO;
    if (UNLIKELY(cnt - 1 >= s->vq.size))
        return -EINVAL;
    if (UNLIKELY(cnt > s->vq.free_cnt))
        return -ENOSPC;
    chain = take_head(s, head, cnt, token);
    for (unsigned i = 0; i < cnt; i++) {
        uint64_t flags = WORD_FLAGS(VRING_DESC_F_NEXT);

        if (i >= out_cnt) {
            flags = WORD_FLAGS(VRING_DESC_F_NEXT | VRING_DESC_F_WRITE);
            writable_len += segs[i].len;
        }
        tail = idx;
        idx = s->next[idx];
        put_desc(&ring[tail], segs[i].pa, WORD_NEXT(idx) | flags | segs[i].len);
    }
    ring[tail].flags = in_cnt > 0 ? VRING_DESC_F_WRITE : 0;
    s->free_head = (uint16_t)idx;
    chain->tail = (uint16_t)tail;
    chain->writable_len = writable_len;
    return 0;
}

/* The same in the head's own indirect table, for one ring descriptor (2.7.5.3). */
static __attribute__((noinline)) int add_table(struct split *s, const struct virtqueue_seg *segs,
                                               unsigned out_cnt, unsigned in_cnt, void *token)
{
    unsigned cnt = out_cnt + in_cnt, head = s->free_head, i = 0;
    struct split_chain *chain = take_head(s, head, 1, token);
    uint64_t off = (uint64_t)head * s->table_len;
    struct vring_desc *table = (struct vring_desc *)((char *)s->tables + off);
    uint64_t word = WORD_FLAGS(VRING_DESC_F_NEXT) | WORD_NEXT(1);
    uint32_t len, writable_len = 0;

    s->free_head = s->next[head];
    chain->tail = (uint16_t)head;
    put_desc(&s->desc[head], s->tables_pa + off,
             WORD_FLAGS(VRING_DESC_F_INDIRECT) | cnt * sizeof(*table));
    do {
        if (i == out_cnt) {
            word |= WORD_FLAGS(VRING_DESC_F_WRITE);
            writable_len = 0;
        }
        len = segs[i].len;
        writable_len += len;
        put_desc(&table[i], segs[i].pa, word | len);
        word += WORD_NEXT(1);
    } while (++i < cnt);
    if (cnt == out_cnt)
        writable_len = 0;
    table[cnt - 1].flags = (uint16_t)(word >> 32) & VRING_DESC_F_WRITE;
    chain->writable_len = writable_len;
    return 0;
}

/* One piece in one descriptor, which is how frames come and go. */
static inline int add_one(struct split *s, const struct virtqueue_seg *seg, unsigned in_cnt,
                          void *token)
{
    unsigned head = s->free_head;
    struct split_chain *chain = take_head(s, head, 1, token);

    s->free_head = s->next[head];
    chain->tail = (uint16_t)head;
    chain->writable_len = in_cnt > 0 ? seg->len : 0;
    put_desc(&s->desc[head], seg->pa, (in_cnt > 0 ? WORD_FLAGS(VRING_DESC_F_WRITE) : 0) | seg->len);
    return 0;
}

static int split_add(struct virtqueue *vq, const struct virtqueue_seg *segs, unsigned out_cnt,
                     unsigned in_cnt, void *token)
{
    struct split *s = to_split(vq);

    /* Without a free descriptor, as in a broken queue, add_ring() tells what is wrong. */
    if (UNLIKELY(vq->free_cnt == 0))
        return add_ring(s, segs, out_cnt, in_cnt, token);
    if (out_cnt + in_cnt == 1)
        return add_one(s, segs, in_cnt, token);
    if (out_cnt + in_cnt - 1 >= s->table_cnt)
        return add_ring(s, segs, out_cnt, in_cnt, token);
    return add_table(s, segs, out_cnt, in_cnt, token);
}

static bool split_kick(struct virtqueue *vq)
{
    struct split *s = to_split(vq);
    uint16_t old_idx = s->published, new_idx = s->avail_idx;
    bool wanted;

    if (old_idx == new_idx || UNLIKELY(vq->broken != NULL))
        return false;
    /* Orders descriptors and ring entries before the index that exposes them (2.7.13.3.1). */
    dma_wmb();
    WRITE_ONCE(s->avail->idx, new_idx);
    s->published = new_idx;
    vq->chain_cnt += (uint16_t)(new_idx - old_idx);
    /* Orders the index before the read of the device's wish: else both sides may sleep
     * (2.7.13.4.1). */
    dma_mb();
    if (s->event_idx)
        wanted = vring_need_event(READ_ONCE(*avail_event(s)), new_idx, old_idx);
    else
        wanted = (READ_ONCE(s->used->flags) & VRING_USED_F_NO_NOTIFY) == 0;
    if (!wanted)
        return false;
    vq->notify_cnt++;
    vq->notify(vq);
    return true;
}

/* Takes the used entry for the chain at @head off the ring; its token. */
static inline void *take_used(struct split *s, unsigned head, uint32_t used_len, uint32_t *len)
{
    struct split_chain *chain = &s->chains[head];
    void *token = chain->token;

    chain->token = NULL;
    s->last_used++;
    s->vq.free_cnt = (uint16_t)(s->vq.free_cnt + chain->desc_cnt);
    s->next[chain->tail] = s->free_head;
    s->free_head = (uint16_t)head;
    *len = used_len;
    return token;
}

/*
 * The rare ways of split_get(), as functions that it ends with: so it keeps nothing for later and
 * saves no registers.
 */
static __attribute__((noinline)) void *get_broken(struct virtqueue *vq, const char *reason)
{
    virtqueue_break(vq, reason);
    return NULL;
}

void virtqueue_split_bad_len(struct split *s, const struct split_chain *chain, uint32_t used_len)
{
    s->vq.bad_len_cnt++;
    log_limited(&s->bad_len_log, LOG_WARN, "%s: queue %s: device says it wrote %u bytes into %u",
                s->vq.dev_name, s->vq.name, used_len, chain->writable_len);
}

static __attribute__((noinline)) void *get_bad_len(struct split *s, unsigned head,
                                                   uint32_t used_len, uint32_t *len)
{
    virtqueue_split_bad_len(s, &s->chains[head], used_len);
    return take_used(s, head, 0, len);
}

/* Takes the next used entry, one of those seen. */
static inline void *take_next(struct split *s, uint32_t *len)
{
    const struct vring_used_elem *elem = &s->used->ring[s->last_used & s->mask];
    uint32_t id = READ_ONCE(elem->id), used_len = READ_ONCE(elem->len);
    const struct split_chain *chain;

    if (UNLIKELY(id > s->mask))
        return get_broken(&s->vq, "used id out of range");
    chain = &s->chains[id];
    if (UNLIKELY(chain->token == NULL))
        return get_broken(&s->vq, "used id is not in flight");
    if (UNLIKELY(used_len > chain->writable_len))
        return get_bad_len(s, id, used_len, len);
    return take_used(s, id, used_len, len);
}

bool virtqueue_split_look(struct split *s)
{
    uint16_t idx = READ_ONCE(s->used->idx);

    if (UNLIKELY(s->vq.broken != NULL))
        return false;
    if (idx == s->last_used) {
        if (!s->auto_arm || !s->event_idx || s->armed == s->last_used)
            return false;
        arm(s, s->last_used);
        /* Orders the wish before the look that makes sure nothing came in between (2.7.14). */
        dma_mb();
        idx = READ_ONCE(s->used->idx);
        if (idx == s->last_used)
            return false;
    }
    if ((uint16_t)(idx - s->last_used) > (uint16_t)(s->published - s->last_used)) {
        virtqueue_break(&s->vq, "used index beyond what is in flight");
        return false;
    }
    /* Orders the index before the entries that it covers. */
    dma_rmb();
    s->used_seen = idx;
    return true;
}

static __attribute__((noinline)) void *get_after_look(struct split *s, uint32_t *len)
{
    return virtqueue_split_look(s) ? take_next(s, len) : NULL;
}

static void *split_get(struct virtqueue *vq, uint32_t *len)
{
    struct split *s = to_split(vq);

    if (s->last_used == s->used_seen || UNLIKELY(vq->broken != NULL))
        return get_after_look(s, len);
    return take_next(s, len);
}

static bool split_pending(const struct virtqueue *vq)
{
    const struct split *s = to_split(vq);

    return s->last_used != READ_ONCE(s->used->idx);
}

static bool split_overdue(const struct virtqueue *vq, uint16_t *taken)
{
    const struct split *s = to_split(vq);
    uint16_t last_used = READ_ONCE(s->last_used), used_idx = READ_ONCE(s->used->idx);

    *taken = last_used;
    if (used_idx == last_used)
        return false;
    if (s->event_idx)
        return vring_need_event(READ_ONCE(s->armed), used_idx, last_used);
    return !READ_ONCE(s->cb_off);
}

static void split_disable_cb(struct virtqueue *vq)
{
    struct split *s = to_split(vq);

    s->auto_arm = false;
    if (s->event_idx) /* the index just passed is the one that comes last */
        arm(s, (uint16_t)(s->last_used - 1));
    else
        WRITE_ONCE(s->avail->flags, VRING_AVAIL_F_NO_INTERRUPT);
    s->cb_off = true;
}

/* Asks for an interrupt when @more further entries and one have been used; true when they have been
 * already. */
static bool split_enable_after(struct split *s, uint16_t more)
{
    s->cb_off = false;
    if (s->event_idx)
        arm(s, (uint16_t)(s->last_used + more));
    else
        WRITE_ONCE(s->avail->flags, 0);
    /* Orders the wish before the look that makes sure nothing came in between (2.7.14). */
    dma_mb();
    return s->vq.broken == NULL && (uint16_t)(READ_ONCE(s->used->idx) - s->last_used) > more;
}

static bool split_enable_cb(struct virtqueue *vq)
{
    struct split *s = to_split(vq);

    s->auto_arm = true;
    return split_enable_after(s, 0);
}

static bool split_enable_cb_delayed(struct virtqueue *vq)
{
    struct split *s = to_split(vq);
    unsigned in_flight = (uint16_t)(s->avail_idx - s->last_used);

    s->auto_arm = false;
    return split_enable_after(s, (uint16_t)(in_flight * 3 / 4));
}

static void *split_drain(struct virtqueue *vq)
{
    struct split *s = to_split(vq);

    /* Not by virtqueue_stop(), which may meet an add: a count that is cleared under its hands
     * wraps, and the add runs off the free list. */
    vq->free_cnt = 0;
    while (s->drain_idx < vq->size) {
        struct split_chain *chain = &s->chains[s->drain_idx++];
        void *token = chain->token;

        if (token != NULL) {
            chain->token = NULL;
            return token;
        }
    }
    return NULL;
}

static uint16_t split_position(const struct virtqueue *vq)
{
    return to_split(vq)->published;
}

const struct virtqueue_ops virtqueue_split_ops = {
    .name = "split",
    .add = split_add,
    .kick = split_kick,
    .get = split_get,
    .pending = split_pending,
    .overdue = split_overdue,
    .disable_cb = split_disable_cb,
    .enable_cb = split_enable_cb,
    .enable_cb_delayed = split_enable_cb_delayed,
    .drain = split_drain,
    .position = split_position,
    .layout = virtqueue_split_layout,
    .free = virtqueue_split_free,
};

const struct virtqueue_ops virtqueue_split_in_order_ops = {
    .name = "split",
    .add = split_add,
    .kick = split_kick,
    .get = virtqueue_split_in_order_get,
    .pending = split_pending,
    .overdue = split_overdue,
    .disable_cb = split_disable_cb,
    .enable_cb = split_enable_cb,
    .enable_cb_delayed = split_enable_cb_delayed,
    .drain = split_drain,
    .position = split_position,
    .layout = virtqueue_split_layout,
    .free = virtqueue_split_free,
};
