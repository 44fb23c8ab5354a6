/* The packed ring (virtio 1.3, 2.8). As with the split one, what the driver must remember lies in
 * private memory, by buffer id; of the ring only used descriptors and the device's event word are
 * read, each with one load. */
#include "virtio/virtqueue_packed.h"

#include <errno.h>

#include "arch/barrier.h"

#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* A descriptor's second word: length, buffer id, flags. */
#define WORD_ID(id)       ((uint64_t)(id) << 32)
#define WORD_FLAGS(flags) ((uint64_t)(flags) << 48)
#define WORD_AVAIL        WORD_FLAGS(VRING_PACKED_DESC_F_AVAIL)
#define WORD_OWNER        WORD_FLAGS(VRING_PACKED_DESC_F_AVAIL | VRING_PACKED_DESC_F_USED)
#define WORD_NEXT         WORD_FLAGS(VRING_DESC_F_NEXT)
#define WORD_WRITE        WORD_FLAGS(VRING_DESC_F_WRITE)
#define WORD_INDIRECT     WORD_FLAGS(VRING_DESC_F_INDIRECT)

static inline uint64_t *words_of(struct vring_packed_desc *desc)
{
    return (uint64_t *)desc;
}

static inline void arm(struct packed *p, uint32_t event)
{
    p->armed = event;
    WRITE_ONCE(*p->driver_event, event);
}

/*
 * Fills the next slot. A device goes through the ring in order and stops at the first descriptor
 * that is not available, so holding back the second word of the first one keeps all that are added
 * until the next kick to ourselves.
 */
static inline void put_desc(struct packed *p, uint64_t pa, uint64_t word)
{
    unsigned slot = p->avail_slot;
    uint64_t *words = words_of(&p->desc[slot]);

    words[0] = pa;
    word |= p->avail_bits;
    if (p->staged_cnt++ == 0) {
        p->first_slot = (uint16_t)slot;
        p->first_word = word;
    } else {
        words[1] = word;
    }
    if (++slot == p->vq.size) {
        slot = 0;
        p->avail_bits ^= WORD_OWNER;
    }
    p->avail_slot = (uint16_t)slot;
}

/* Takes a buffer id, and @desc_cnt slots that the caller fills. */
static inline struct packed_chain *take_id(struct packed *p, unsigned desc_cnt, void *token,
                                           unsigned *id)
{
    struct packed_chain *chain = &p->chains[p->free_id];

    *id = p->free_id;
    p->free_id = chain->next;
    p->vq.free_cnt = (uint16_t)(p->vq.free_cnt - desc_cnt);
    p->added++;
    chain->token = token;
    chain->desc_cnt = (uint16_t)desc_cnt;
    return chain;
}

/* Describes the pieces in slots of the ring. */
static __attribute__((noinline)) int add_ring(struct packed *p, const struct virtqueue_seg *segs,
                                              unsigned out_cnt, unsigned in_cnt, void *token)
{
    unsigned cnt = out_cnt + in_cnt, id;
    struct packed_chain *chain;
    uint32_t writable_len = 0;

    if (UNLIKELY(p->vq.broken != NULL))
        return -EIO;
    if (UNLIKELY(cnt - 1 >= p->vq.size))
        return -EINVAL;
    if (UNLIKELY(cnt > p->vq.free_cnt))
        return -ENOSPC;
    chain = take_id(p, cnt, token, &id);
    for (unsigned i = 0; i < cnt; i++) {
        uint64_t word = WORD_ID(id) | segs[i].len;

        if (i >= out_cnt) {
            word |= WORD_WRITE;
            writable_len += segs[i].len;
        }
        put_desc(p, segs[i].pa, i + 1 < cnt ? word | WORD_NEXT : word);
    }
    chain->writable_len = writable_len;
    return 0;
}

/* The same in the id's own indirect table, for one slot (2.8.7). */
static __attribute__((noinline)) int add_table(struct packed *p, const struct virtqueue_seg *segs,
                                               unsigned out_cnt, unsigned in_cnt, void *token)
{
    unsigned cnt = out_cnt + in_cnt, i = 0, id;
    struct packed_chain *chain = take_id(p, 1, token, &id);
    uint64_t off = (uint64_t)id * p->table_len, write = 0;
    uint64_t *words = words_of((struct vring_packed_desc *)((char *)p->tables + off));
    uint32_t len, writable_len = 0;

    put_desc(p, p->tables_pa + off, WORD_INDIRECT | WORD_ID(id) | cnt * sizeof(*p->tables));
    do {
        if (i == out_cnt) {
            write = WORD_WRITE;
            writable_len = 0;
        }
        len = segs[i].len;
        writable_len += len;
        *words++ = segs[i].pa;
        *words++ = write | len;
    } while (++i < cnt);
    chain->writable_len = cnt == out_cnt ? 0 : writable_len;
    return 0;
}

static int packed_add(struct virtqueue *vq, const struct virtqueue_seg *segs, unsigned out_cnt,
                      unsigned in_cnt, void *token)
{
    struct packed *p = to_packed(vq);
    struct packed_chain *chain;
    unsigned id;

    /* Without a free slot, as in a broken queue, add_ring() tells what is wrong. */
    if (UNLIKELY(vq->free_cnt == 0))
        return add_ring(p, segs, out_cnt, in_cnt, token);
    if (out_cnt + in_cnt != 1)
        return out_cnt + in_cnt - 1 < p->table_cnt ? add_table(p, segs, out_cnt, in_cnt, token)
                                                   : add_ring(p, segs, out_cnt, in_cnt, token);
    chain = take_id(p, 1, token, &id);
    chain->writable_len = in_cnt > 0 ? segs->len : 0;
    put_desc(p, segs->pa, (in_cnt > 0 ? WORD_WRITE : 0) | WORD_ID(id) | segs->len);
    return 0;
}

/* Whether the device wants to hear of the @cnt slots before @at (2.8.10). Nonsense in its event
 * word costs a notification or saves one. */
static inline bool notify_wanted(const struct packed *p, uint16_t at, unsigned cnt)
{
    uint32_t event = READ_ONCE(*p->device_event);
    unsigned flags = VRING_PACKED_EVENT_FLAGS(event), slot = VRING_PACKED_SLOT(at);
    unsigned wanted = VRING_PACKED_SLOT(event);

    if (flags != VRING_PACKED_EVENT_F_DESC || !p->event_idx)
        return flags != VRING_PACKED_EVENT_F_DISABLE;
    if (VRING_PACKED_WRAP(VRING_PACKED_EVENT_AT(event)) != VRING_PACKED_WRAP(at))
        wanted -= p->vq.size;
    return vring_need_event((uint16_t)wanted, (uint16_t)slot, (uint16_t)(slot - cnt));
}

static bool packed_kick(struct virtqueue *vq)
{
    struct packed *p = to_packed(vq);
    unsigned cnt = p->staged_cnt;
    uint16_t at;

    if (cnt == 0 || UNLIKELY(vq->broken != NULL))
        return false;
    /* Orders everything else before the flags that expose it (2.8.21.1.1). */
    dma_wmb();
    WRITE_ONCE(words_of(&p->desc[p->first_slot])[1], p->first_word);
    at = VRING_PACKED_AT(p->avail_slot, (p->avail_bits & WORD_AVAIL) != 0);
    p->published_at = at;
    p->staged_cnt = 0;
    vq->chain_cnt += (uint16_t)(p->added - p->published);
    p->published = p->added;
    /* Orders the flags before the read of the device's wish: else both sides may sleep
     * (2.8.21.3.1). */
    dma_mb();
    if (!notify_wanted(p, at, cnt))
        return false;
    vq->notify_cnt++;
    vq->notify(vq);
    return true;
}

/* Is @word, read at @at, a used descriptor's? */
static inline bool is_used(uint64_t word, uint16_t at)
{
    return (word & WORD_OWNER) == (VRING_PACKED_WRAP(at) != 0 ? WORD_OWNER : 0);
}

static inline uint64_t word_at(const struct packed *p, uint16_t at)
{
    return READ_ONCE(words_of(&p->desc[VRING_PACKED_SLOT(at)])[1]);
}

/* Takes the chain of @id, whose descriptors begin at used_at; its token. */
static inline void *take_used(struct packed *p, unsigned id, uint32_t used_len, uint32_t *len)
{
    struct packed_chain *chain = &p->chains[id];
    void *token = chain->token;

    chain->token = NULL;
    p->used_at = vring_packed_advance(p->used_at, chain->desc_cnt, p->vq.size);
    p->taken++;
    p->vq.free_cnt = (uint16_t)(p->vq.free_cnt + chain->desc_cnt);
    *len = used_len;
    return token;
}

/* The rare ways of getting a chain, as functions that it ends with. */
static __attribute__((noinline)) void *get_broken(struct virtqueue *vq, const char *reason)
{
    virtqueue_break(vq, reason);
    return NULL;
}

static __attribute__((noinline)) uint32_t bad_len(struct packed *p, unsigned id, uint32_t used_len)
{
    p->vq.bad_len_cnt++;
    log_limited(&p->bad_len_log, LOG_WARN, "%s: queue %s: device says it wrote %u bytes into %u",
                p->vq.dev_name, p->vq.name, used_len, p->chains[id].writable_len);
    return 0;
}

/* What is wrong with @id as that of a used chain, or NULL. */
static inline const char *bad_id(const struct packed *p, unsigned id)
{
    if (UNLIKELY(id >= p->vq.size))
        return "used id out of range";
    if (UNLIKELY(p->chains[id].token == NULL))
        return "used id is not in flight";
    if (UNLIKELY(p->taken == p->published))
        return "used descriptor though nothing is in flight";
    return NULL;
}

/* Takes the chain of the used descriptor that @word was read from. */
static inline void *take_word(struct packed *p, uint64_t word, uint32_t *len)
{
    unsigned id = (uint16_t)(word >> 32);
    uint32_t used_len = (uint32_t)word;
    const char *bad = bad_id(p, id);
    void *token;

    if (UNLIKELY(bad != NULL))
        return get_broken(&p->vq, bad);
    if (UNLIKELY(used_len > p->chains[id].writable_len))
        used_len = bad_len(p, id, used_len);
    token = take_used(p, id, used_len, len);
    p->chains[id].next = p->free_id;
    p->free_id = (uint16_t)id;
    return token;
}

/* No used descriptor was there: arms the interrupt and looks again. False: still none. */
static __attribute__((noinline)) bool look_again(struct packed *p, uint64_t *word)
{
    uint32_t event = VRING_PACKED_EVENT_WORD(VRING_PACKED_EVENT_F_DESC, p->used_at);

    if (p->vq.broken != NULL || !p->auto_arm || !p->event_idx || p->armed == event)
        return false;
    arm(p, event);
    /* Orders the wish before the look that makes sure nothing came in between. */
    dma_mb();
    *word = word_at(p, p->used_at);
    return is_used(*word, p->used_at);
}

static void *packed_get(struct virtqueue *vq, uint32_t *len)
{
    struct packed *p = to_packed(vq);
    uint64_t word = word_at(p, p->used_at);

    if (!is_used(word, p->used_at) || UNLIKELY(vq->broken != NULL)) {
        if (!look_again(p, &word))
            return NULL;
    }
    /* Orders the descriptor before what the device wrote into the buffers. */
    dma_rmb();
    return take_word(p, word, len);
}

/*
 * With VIRTIO_F_IN_ORDER one used descriptor may stand for all chains up to its own (2.8.13). Ids
 * go round in order, so the oldest is known. Chains before the last were used to their full length.
 */
static void *packed_get_in_order(struct virtqueue *vq, uint32_t *len)
{
    struct packed *p = to_packed(vq);
    unsigned oldest = p->oldest_id;
    const char *bad;
    uint64_t word;

    if (!p->in_batch) {
        word = word_at(p, p->used_at);
        if ((!is_used(word, p->used_at) || vq->broken != NULL) && !look_again(p, &word))
            return NULL;
        /* As in packed_get(). */
        dma_rmb();
        p->batch_id = (uint16_t)(word >> 32);
        p->batch_len = (uint32_t)word;
        bad = bad_id(p, p->batch_id);
    } else {
        bad = vq->broken == NULL ? bad_id(p, oldest) : vq->broken;
    }
    if (bad != NULL)
        return get_broken(vq, bad);
    p->oldest_id = oldest + 1u == vq->size ? 0 : (uint16_t)(oldest + 1);
    p->in_batch = oldest != p->batch_id;
    if (p->in_batch)
        return take_used(p, oldest, p->chains[oldest].writable_len, len);
    if (p->batch_len > p->chains[oldest].writable_len)
        p->batch_len = bad_len(p, oldest, p->batch_len);
    return take_used(p, oldest, p->batch_len, len);
}

static bool packed_pending(const struct virtqueue *vq)
{
    const struct packed *p = to_packed(vq);
    uint16_t at = READ_ONCE(p->used_at);

    return READ_ONCE(p->in_batch) || is_used(word_at(p, at), at);
}

/* Have more than @more slots been used, from @at on? Follows used descriptors by what is known of
 * their ids; a device that lies about these is found out when they are taken. */
static bool used_beyond(const struct packed *p, uint16_t at, unsigned more)
{
    unsigned passed = 0, steps = 0, oldest = p->oldest_id;
    bool in_order = p->vq.ops == &virtqueue_packed_in_order_ops;

    while (passed <= more) {
        uint64_t word = word_at(p, at);
        unsigned id = (uint16_t)(word >> 32), cnt = 0;

        if (!is_used(word, at) || id >= p->vq.size)
            break;
        for (; in_order && oldest != id && steps < p->vq.size; steps++) {
            cnt += READ_ONCE(p->chains[oldest].desc_cnt);
            oldest = oldest + 1 == p->vq.size ? 0 : oldest + 1;
        }
        oldest = oldest + 1 == p->vq.size ? 0 : oldest + 1;
        cnt += READ_ONCE(p->chains[id].desc_cnt);
        passed += cnt;
        if (cnt == 0 || passed > p->vq.size)
            break;
        at = vring_packed_advance(at, cnt, p->vq.size);
    }
    return passed > more;
}

static bool packed_overdue(const struct virtqueue *vq, uint16_t *taken)
{
    const struct packed *p = to_packed(vq);
    uint32_t armed = READ_ONCE(p->armed);
    uint16_t at = READ_ONCE(p->used_at);
    unsigned ahead = vring_packed_distance(at, VRING_PACKED_EVENT_AT(armed), vq->size);

    *taken = READ_ONCE(p->taken);
    if (VRING_PACKED_EVENT_FLAGS(armed) == VRING_PACKED_EVENT_F_DISABLE)
        return false;
    if (VRING_PACKED_EVENT_FLAGS(armed) == VRING_PACKED_EVENT_F_ENABLE)
        return is_used(word_at(p, at), at);
    return ahead <= vq->size && used_beyond(p, at, ahead);
}

static void packed_disable_cb(struct virtqueue *vq)
{
    struct packed *p = to_packed(vq);

    p->auto_arm = false;
    arm(p, VRING_PACKED_EVENT_WORD(VRING_PACKED_EVENT_F_DISABLE, 0));
}

/* Asks for an interrupt when @more further slots and one have been used; true when they have been
 * already. */
static bool enable_after(struct packed *p, unsigned more)
{
    uint16_t at = vring_packed_advance(p->used_at, more, p->vq.size);

    if (p->event_idx)
        arm(p, VRING_PACKED_EVENT_WORD(VRING_PACKED_EVENT_F_DESC, at));
    else
        arm(p, VRING_PACKED_EVENT_WORD(VRING_PACKED_EVENT_F_ENABLE, 0));
    /* Orders the wish before the look that makes sure nothing came in between. */
    dma_mb();
    return p->vq.broken == NULL && (p->in_batch || used_beyond(p, p->used_at, more));
}

static bool packed_enable_cb(struct virtqueue *vq)
{
    struct packed *p = to_packed(vq);

    p->auto_arm = true;
    return enable_after(p, 0);
}

static bool packed_enable_cb_delayed(struct virtqueue *vq)
{
    struct packed *p = to_packed(vq);
    unsigned in_flight = (unsigned)(vq->size - vq->free_cnt);

    p->auto_arm = false;
    return enable_after(p, in_flight * 3 / 4);
}

static void *packed_drain(struct virtqueue *vq)
{
    struct packed *p = to_packed(vq);

    /* Not by virtqueue_stop(), which may meet an add: see virtqueue.h. */
    vq->free_cnt = 0;
    while (p->drain_idx < vq->size) {
        struct packed_chain *chain = &p->chains[p->drain_idx++];
        void *token = chain->token;

        if (token != NULL) {
            chain->token = NULL;
            return token;
        }
    }
    return NULL;
}

static uint16_t packed_position(const struct virtqueue *vq)
{
    return to_packed(vq)->published_at;
}

#define PACKED_OPS(get_fn)                                                                     \
    {                                                                                          \
        .name = "packed", .add = packed_add, .kick = packed_kick, .get = (get_fn),             \
        .pending = packed_pending, .overdue = packed_overdue, .disable_cb = packed_disable_cb, \
        .enable_cb = packed_enable_cb, .enable_cb_delayed = packed_enable_cb_delayed,          \
        .drain = packed_drain, .position = packed_position, .layout = virtqueue_packed_layout, \
        .free = virtqueue_packed_free,                                                         \
    }

const struct virtqueue_ops virtqueue_packed_ops = PACKED_OPS(packed_get);
const struct virtqueue_ops virtqueue_packed_in_order_ops = PACKED_OPS(packed_get_in_order);
