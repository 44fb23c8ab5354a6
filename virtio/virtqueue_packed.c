/* The packed ring (virtio 1.3, 2.8). The driver remembers each chain in private memory at its
 * buffer id: of the ring only used descriptors and the device's event area are ever read. */
#include "virtio/virtqueue_packed.h"

#include <errno.h>

#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* A descriptor's length, id and flags as the 64-bit word they make up, to be stored at once. */
#define WORD_ID(id)       ((uint64_t)(id) << 32)
#define WORD_FLAGS(flags) ((uint64_t)(flags) << 48)

static inline uint64_t *word_of(struct vring_packed_desc *desc)
{
    return (uint64_t *)desc + 1;
}

/* Takes the next id and @desc_cnt slots for a chain. */
static inline struct packed_chain *take_id(struct packed *s, unsigned desc_cnt, void *token)
{
    struct packed_chain *chain = &s->chains[s->free_id];

    s->free_id = chain->next;
    s->vq.free_cnt = (uint16_t)(s->vq.free_cnt - desc_cnt);
    s->added++;
    chain->token = token;
    chain->desc_cnt = (uint16_t)desc_cnt;
    return chain;
}

static inline void next_slot(struct packed *s)
{
    if (UNLIKELY(++s->next_avail == s->vq.size)) {
        s->next_avail = 0;
        s->avail_bits ^= WORD_FLAGS(VRING_PACKED_DESC_F_LAP);
    }
}

/*
 * The device comes to a chain only past all before it. So of all that was added since the last kick
 * the first head alone is held back, and writing it exposes the rest with it (2.8.17).
 */
static inline void put_head(struct packed *s, struct vring_packed_desc *head, uint64_t word)
{
    if (s->held == NULL) {
        s->held = head;
        s->held_word = word;
    } else {
        *word_of(head) = word;
    }
}

/* Describes the pieces in slots of the ring. */
static __attribute__((noinline)) int add_ring(struct packed *s, const struct virtqueue_seg *segs,
                                              unsigned out_cnt, unsigned in_cnt, void *token)
{
    struct vring_packed_desc *head = &s->desc[s->next_avail], *desc;
    unsigned cnt = out_cnt + in_cnt, id = s->free_id;
    uint64_t word, head_word = 0;
    struct packed_chain *chain;
    uint32_t writable_len = 0;

    if (UNLIKELY(s->vq.broken != NULL))
        return -EIO;
    if (UNLIKELY(cnt - 1 >= s->vq.size))
        return -EINVAL;
    if (UNLIKELY(cnt > s->vq.free_cnt))
        return -ENOSPC;
    chain = take_id(s, cnt, token);
    for (unsigned i = 0; i < cnt; i++) {
        word = s->avail_bits | WORD_ID(id) | segs[i].len;
        if (i + 1 < cnt)
            word |= WORD_FLAGS(VRING_DESC_F_NEXT);
        if (i >= out_cnt) {
            word |= WORD_FLAGS(VRING_DESC_F_WRITE);
            writable_len += segs[i].len;
        }
        desc = &s->desc[s->next_avail];
        desc->addr = segs[i].pa;
        if (desc == head)
            head_word = word;
        else
            *word_of(desc) = word;
        next_slot(s);
    }
    chain->writable_len = writable_len;
    put_head(s, head, head_word);
    return 0;
}

/* The same in the id's own indirect table, for one slot (2.8.7). */
static __attribute__((noinline)) int add_table(struct packed *s, const struct virtqueue_seg *segs,
                                               unsigned out_cnt, unsigned in_cnt, void *token)
{
    unsigned cnt = out_cnt + in_cnt, id = s->free_id, i = 0;
    struct packed_chain *chain = take_id(s, 1, token);
    uint64_t off = (uint64_t)id * s->table_len, flags = 0;
    struct vring_packed_desc *table = (struct vring_packed_desc *)((char *)s->tables + off);
    struct vring_packed_desc *head = &s->desc[s->next_avail];
    uint32_t len, writable_len = 0;

    do {
        if (i == out_cnt) {
            flags = WORD_FLAGS(VRING_DESC_F_WRITE);
            writable_len = 0;
        }
        len = segs[i].len;
        writable_len += len;
        table[i].addr = segs[i].pa;
        *word_of(&table[i]) = flags | len;
    } while (++i < cnt);
    chain->writable_len = cnt == out_cnt ? 0 : writable_len;
    head->addr = s->tables_pa + off;
    put_head(s, head,
             s->avail_bits | WORD_ID(id) | WORD_FLAGS(VRING_DESC_F_INDIRECT) |
                 cnt * sizeof(*table));
    next_slot(s);
    return 0;
}

/* One piece in one slot, which is how frames come and go. */
static inline int add_one(struct packed *s, const struct virtqueue_seg *seg, unsigned in_cnt,
                          void *token)
{
    unsigned id = s->free_id;
    struct packed_chain *chain = take_id(s, 1, token);
    struct vring_packed_desc *head = &s->desc[s->next_avail];
    uint64_t word = s->avail_bits | WORD_ID(id) | seg->len;

    chain->writable_len = 0;
    if (in_cnt > 0) {
        chain->writable_len = seg->len;
        word |= WORD_FLAGS(VRING_DESC_F_WRITE);
    }
    head->addr = seg->pa;
    put_head(s, head, word);
    next_slot(s);
    return 0;
}

static int packed_add(struct virtqueue *vq, const struct virtqueue_seg *segs, unsigned out_cnt,
                      unsigned in_cnt, void *token)
{
    struct packed *s = to_packed(vq);

    /* Without a free slot, as in a broken queue, add_ring() tells what is wrong. */
    if (UNLIKELY(vq->free_cnt == 0))
        return add_ring(s, segs, out_cnt, in_cnt, token);
    if (out_cnt + in_cnt == 1)
        return add_one(s, segs, in_cnt, token);
    if (out_cnt + in_cnt - 1 >= s->table_cnt)
        return add_ring(s, segs, out_cnt, in_cnt, token);
    return add_table(s, segs, out_cnt, in_cnt, token);
}

/* The device's wish, about the @moved slots just made available. Flags that mean nothing, or a
 * position that was not agreed on, get the notification. */
static inline bool notify_wanted(const struct packed *s, unsigned moved)
{
    uint32_t event = READ_ONCE(*(const uint32_t *)s->device);
    unsigned flags = event >> 16 & VRING_PACKED_EVENT_FLAGS;
    uint16_t wrap = s->avail_bits & WORD_FLAGS(VRING_PACKED_DESC_F_AVAIL) ? VRING_PACKED_WRAP : 0;

    if (flags == VRING_PACKED_EVENT_FLAG_DISABLE)
        return false;
    if (flags != VRING_PACKED_EVENT_FLAG_DESC || !s->event_idx)
        return true;
    return vring_packed_need_event(s->vq.size, (uint16_t)event, s->next_avail, wrap,
                                   (uint16_t)moved);
}

static bool packed_kick(struct virtqueue *vq)
{
    struct packed *s = to_packed(vq);
    int moved;

    if (s->held == NULL || UNLIKELY(vq->broken != NULL))
        return false;
    moved = (int)s->next_avail - (int)(s->held - s->desc);
    if (moved <= 0)
        moved += vq->size;
    /* Orders all descriptors before the head that exposes them (2.8.21.1.1). */
    dma_wmb();
    WRITE_ONCE(*word_of(s->held), s->held_word);
    s->held = NULL;
    vq->chain_cnt += (uint16_t)(s->added - s->published);
    s->published = s->added;
    /* Orders the head before the read of the device's wish: else both sides may sleep
     * (2.8.21.3.1). */
    dma_mb();
    if (!notify_wanted(s, (unsigned)moved))
        return false;
    vq->notify_cnt++;
    vq->notify(vq);
    return true;
}

void *virtqueue_packed_broken(struct virtqueue *vq, const char *reason)
{
    virtqueue_break(vq, reason);
    return NULL;
}

void virtqueue_packed_bad_len(struct packed *s, const struct packed_chain *chain, uint32_t len)
{
    s->vq.bad_len_cnt++;
    log_limited(&s->bad_len_log, LOG_WARN, "%s: queue %s: device says it wrote %u bytes into %u",
                s->vq.dev_name, s->vq.name, len, chain->writable_len);
}

static inline void *take_used(struct packed *s, unsigned id, uint32_t used_len, uint32_t *len)
{
    struct packed_chain *chain = &s->chains[id];

    chain->next = s->free_id;
    s->free_id = (uint16_t)id;
    *len = used_len;
    return packed_take(s, chain);
}

/* A rare way of packed_get(), as a function that it ends with: so it saves no registers. */
static __attribute__((noinline)) void *get_bad_len(struct packed *s, unsigned id, uint32_t used_len,
                                                   uint32_t *len)
{
    virtqueue_packed_bad_len(s, &s->chains[id], used_len);
    return take_used(s, id, 0, len);
}

/* Takes the next chain, whose descriptor was seen to be used. */
static inline void *take_next(struct packed *s, uint32_t *len)
{
    const struct vring_packed_desc *desc = &s->desc[s->last_used];
    const struct packed_chain *chain;
    uint32_t used_len;
    unsigned id;

    if (UNLIKELY(s->taken == s->published))
        return virtqueue_packed_broken(&s->vq, "used descriptor that was not available");
    /* Orders the flags before what they cover. */
    dma_rmb();
    id = READ_ONCE(desc->id);
    used_len = READ_ONCE(desc->len);
    if (UNLIKELY(id >= s->vq.size))
        return virtqueue_packed_broken(&s->vq, "used id out of range");
    chain = &s->chains[id];
    if (UNLIKELY(chain->token == NULL))
        return virtqueue_packed_broken(&s->vq, "used id is not in flight");
    if (UNLIKELY(used_len > chain->writable_len))
        return get_bad_len(s, id, used_len, len);
    return take_used(s, id, used_len, len);
}

bool virtqueue_packed_look_again(struct packed *s)
{
    if (s->vq.broken != NULL || !s->auto_arm || !s->event_idx || s->armed == packed_used_pos(s))
        return false;
    packed_arm(s, packed_used_pos(s));
    /* Orders the wish before the look that makes sure nothing came in between. */
    dma_mb();
    return packed_slot_used(s, s->last_used, s->used_bits);
}

static __attribute__((noinline)) void *get_after_look(struct packed *s, uint32_t *len)
{
    return virtqueue_packed_look_again(s) ? take_next(s, len) : NULL;
}

static void *packed_get(struct virtqueue *vq, uint32_t *len)
{
    struct packed *s = to_packed(vq);

    if (UNLIKELY(vq->broken != NULL) || !packed_slot_used(s, s->last_used, s->used_bits))
        return get_after_look(s, len);
    return take_next(s, len);
}

static bool packed_pending(const struct virtqueue *vq)
{
    const struct packed *s = to_packed(vq);

    return packed_slot_used(s, s->last_used, s->used_bits);
}

/* Another CPU may be taking chains: what is read here is checked, and at worst out of date. */
static bool packed_overdue(const struct virtqueue *vq, uint16_t *taken)
{
    const struct packed *s = to_packed(vq);
    uint16_t slot = READ_ONCE(s->last_used), bits = READ_ONCE(s->used_bits);

    *taken = READ_ONCE(s->taken);
    if (READ_ONCE(s->cb_off) || !packed_slot_used(s, slot, bits))
        return false;
    if (!s->event_idx)
        return true;
    for (unsigned steps = 0; steps < vq->size && packed_slot_used(s, slot, bits); steps++) {
        unsigned id = READ_ONCE(s->desc[slot].id);
        unsigned cnt = id < vq->size ? READ_ONCE(s->chains[id].desc_cnt) : 0;

        if (cnt == 0 || packed_armed_within(s, slot, bits, cnt))
            return true;
        packed_skip(s, &slot, &bits, cnt);
    }
    return false;
}

static void packed_disable_cb(struct virtqueue *vq)
{
    struct packed *s = to_packed(vq);

    s->auto_arm = false;
    packed_set_event(s, 0, VRING_PACKED_EVENT_FLAG_DISABLE);
    s->cb_off = true;
}

/* Asks for an interrupt when @more further slots and one have been used; true when a chain has been
 * already. */
static bool packed_enable_after(struct packed *s, unsigned more)
{
    uint16_t slot = s->last_used, bits = s->used_bits;

    s->cb_off = false;
    packed_skip(s, &slot, &bits, more);
    if (s->event_idx)
        packed_arm(s, slot | (bits & VRING_PACKED_WRAP));
    else
        packed_set_event(s, 0, VRING_PACKED_EVENT_FLAG_ENABLE);
    /* Orders the wish before the look that makes sure nothing came in between. */
    dma_mb();
    return s->vq.broken == NULL && virtqueue_pending(&s->vq);
}

static bool packed_enable_cb(struct virtqueue *vq)
{
    to_packed(vq)->auto_arm = true;
    return packed_enable_after(to_packed(vq), 0);
}

static bool packed_enable_cb_delayed(struct virtqueue *vq)
{
    unsigned in_flight = (unsigned)vq->size - vq->free_cnt;

    to_packed(vq)->auto_arm = false;
    return packed_enable_after(to_packed(vq), in_flight * 3 / 4);
}

static void *packed_drain(struct virtqueue *vq)
{
    struct packed *s = to_packed(vq);

    /* Not by virtqueue_stop(), which may meet an add: see the split ring. */
    vq->free_cnt = 0;
    while (s->drain_id < vq->size) {
        struct packed_chain *chain = &s->chains[s->drain_id++];
        void *token = chain->token;

        if (token != NULL) {
            chain->token = NULL;
            return token;
        }
    }
    return NULL;
}

/* Of the first chain that is not published, if there is one (2.8.16). A watchdog asks without the
 * queue's lock: what it gets may be out of date, but is a slot of the ring. */
static uint16_t packed_position(const struct virtqueue *vq)
{
    const struct packed *s = to_packed(vq);
    const struct vring_packed_desc *held = READ_ONCE(s->held);
    uint64_t bits = held != NULL ? s->held_word : s->avail_bits;
    unsigned slot = held != NULL ? (unsigned)(held - s->desc) : s->next_avail;

    return (uint16_t)(slot |
                      (bits & WORD_FLAGS(VRING_PACKED_DESC_F_AVAIL) ? VRING_PACKED_WRAP : 0));
}

const struct virtqueue_ops virtqueue_packed_ops = {
    .name = "packed",
    .add = packed_add,
    .kick = packed_kick,
    .get = packed_get,
    .pending = packed_pending,
    .overdue = packed_overdue,
    .disable_cb = packed_disable_cb,
    .enable_cb = packed_enable_cb,
    .enable_cb_delayed = packed_enable_cb_delayed,
    .drain = packed_drain,
    .position = packed_position,
    .layout = virtqueue_packed_layout,
    .free = virtqueue_packed_free,
};

const struct virtqueue_ops virtqueue_packed_in_order_ops = {
    .name = "packed",
    .add = packed_add,
    .kick = packed_kick,
    .get = virtqueue_packed_in_order_get,
    .pending = virtqueue_packed_in_order_pending,
    .overdue = virtqueue_packed_in_order_overdue,
    .disable_cb = packed_disable_cb,
    .enable_cb = packed_enable_cb,
    .enable_cb_delayed = packed_enable_cb_delayed,
    .drain = packed_drain,
    .position = packed_position,
    .layout = virtqueue_packed_layout,
    .free = virtqueue_packed_free,
};
