/* Private to the packed ring's files: the ring's state, and the steps that its two ways of taking
 * used chains share. */
#ifndef VIRTIO_VIRTQUEUE_PACKED_H
#define VIRTIO_VIRTQUEUE_PACKED_H

#include "arch/barrier.h"
#include "kernel/list.h"
#include "kernel/log.h"
#include "virtio/virtqueue.h"
#include "virtio/vring_packed.h"

/* What is known of a chain, at the index of its buffer id. */
struct packed_chain {
    void *token; /* NULL: the id is free */
    uint32_t writable_len;
    uint16_t desc_cnt; /* slots taken */
    uint16_t next;     /* of the free ids; in order, always the one that follows */
};

struct packed {
    struct virtqueue vq;
    struct vring_packed_desc *desc;
    struct vring_packed_event *driver, *device; /* written by us, by the device */
    struct packed_chain *chains;
    struct vring_packed_desc *held; /* head of the first chain not yet published; NULL: none */
    uint64_t held_word;             /* what its second half becomes, which exposes them all */
    uint64_t avail_bits;            /* of a descriptor made available in this lap, likewise */
    uint16_t next_avail;            /* slot that the next chain begins in */
    uint16_t last_used;             /* slot that the device uses next */
    uint16_t used_bits;             /* flags of a descriptor used in that slot's lap */
    uint16_t free_id;
    uint16_t added;     /* chains added */
    uint16_t published; /* chains the device may see */
    uint16_t taken;     /* chains given back */
    uint16_t armed;     /* position that was last asked to be announced */
    bool event_idx;
    bool cb_off;         /* no interrupt is wanted */
    bool auto_arm;       /* ask for an interrupt whenever no used chain is left */
    uint16_t next_id;    /* in order: the chain that is used next */
    uint16_t batch_left; /* in order: chains that the last used descriptor stands for */
    uint32_t batch_len;  /* length that it said, which is the last one's */
    uint32_t table_cnt;  /* descriptors of an indirect table; 1: there are none */
    uint32_t table_len;
    struct vring_packed_desc *tables; /* one for each id */
    uint64_t tables_pa;
    uint64_t desc_pa;
    unsigned drain_id;
    struct log_limit bad_len_log;
};

static inline struct packed *to_packed(const struct virtqueue *vq)
{
    return CONTAINER_OF(vq, struct packed, vq);
}

/* Slot @slot, reached in the lap whose used flags are @bits, has been used. */
static inline bool packed_slot_used(const struct packed *s, unsigned slot, uint16_t bits)
{
    return (READ_ONCE(s->desc[slot].flags) & VRING_PACKED_DESC_F_LAP) == bits;
}

/* Both fields in one store, so that the device never sees one without the other. */
static inline void packed_set_event(struct packed *s, unsigned off_wrap, unsigned flags)
{
    WRITE_ONCE(*(uint32_t *)s->driver, flags << 16 | off_wrap);
}

static inline void packed_arm(struct packed *s, uint16_t off_wrap)
{
    s->armed = off_wrap;
    packed_set_event(s, off_wrap, VRING_PACKED_EVENT_FLAG_DESC);
}

/* Where the device uses next, as an event area says it. */
static inline uint16_t packed_used_pos(const struct packed *s)
{
    return s->last_used | (s->used_bits & VRING_PACKED_WRAP);
}

/* Moves on by a chain's slots. */
static inline void packed_skip(const struct packed *s, uint16_t *slot, uint16_t *bits, unsigned cnt)
{
    unsigned next = *slot + cnt;

    if (next >= s->vq.size) {
        next -= s->vq.size;
        *bits ^= VRING_PACKED_DESC_F_LAP;
    }
    *slot = (uint16_t)next;
}

/* Slot @slot and the @cnt that follow contain the one that an interrupt was asked for. */
static inline bool packed_armed_within(const struct packed *s, unsigned slot, uint16_t bits,
                                       unsigned cnt)
{
    uint16_t armed = READ_ONCE(s->armed);
    unsigned at = armed & (VRING_PACKED_WRAP - 1u);

    if ((armed & VRING_PACKED_WRAP) != (bits & VRING_PACKED_WRAP))
        at += s->vq.size;
    return at >= slot && at - slot < cnt;
}

/* Gives the chain's slots back; its token. */
static inline void *packed_take(struct packed *s, struct packed_chain *chain)
{
    void *token = chain->token;

    chain->token = NULL;
    s->taken++;
    s->vq.free_cnt = (uint16_t)(s->vq.free_cnt + chain->desc_cnt);
    packed_skip(s, &s->last_used, &s->used_bits, chain->desc_cnt);
    return token;
}

/* The data path, in virtqueue_packed.c; the second for VIRTIO_F_IN_ORDER. */
extern const struct virtqueue_ops virtqueue_packed_ops, virtqueue_packed_in_order_ops;

/* Rare ways of taking a used chain: the queue breaks, a wrong length is counted, nothing is there
 * (true: something came while the interrupt was asked for). */
void *virtqueue_packed_broken(struct virtqueue *vq, const char *reason);
void virtqueue_packed_bad_len(struct packed *s, const struct packed_chain *chain, uint32_t len);
bool virtqueue_packed_look_again(struct packed *s);

/* Its ways when chains are used in order, in virtqueue_packed_in_order.c. */
void *virtqueue_packed_in_order_get(struct virtqueue *vq, uint32_t *len);
bool virtqueue_packed_in_order_pending(const struct virtqueue *vq);
bool virtqueue_packed_in_order_overdue(const struct virtqueue *vq, uint16_t *taken);

/* Its ends, in virtqueue_packed_alloc.c. */
void virtqueue_packed_layout(const struct virtqueue *vq, struct virtqueue_layout *layout);
void virtqueue_packed_free(struct virtqueue *vq);

#endif
