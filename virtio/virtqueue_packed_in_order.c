/* A packed ring whose chains are used in the order they were added (VIRTIO_F_IN_ORDER, virtio 1.3,
 * 2.8.9): one used descriptor may stand for all chains up to its own. */
#include "virtio/virtqueue_packed.h"

/* Chains that the used descriptor in @slot stands for if @first is the one to be used next. */
static unsigned batch_at(const struct packed *s, unsigned slot, unsigned first, unsigned *id)
{
    *id = READ_ONCE(s->desc[slot].id);
    return (*id >= first ? *id - first : *id + s->vq.size - first) + 1;
}

/* Opens the batch at last_used. What cannot be one breaks the queue. */
static const char *open_batch(struct packed *s)
{
    unsigned in_flight = (uint16_t)(s->published - s->taken), id, cnt;

    if (in_flight == 0)
        return "used descriptor that was not available";
    /* Orders the flags before what they cover. */
    dma_rmb();
    cnt = batch_at(s, s->last_used, s->next_id, &id);
    s->batch_len = READ_ONCE(s->desc[s->last_used].len);
    if (id >= s->vq.size)
        return "used id out of range";
    if (cnt > in_flight)
        return "used id is out of order";
    s->batch_left = (uint16_t)cnt;
    return NULL;
}

void *virtqueue_packed_in_order_get(struct virtqueue *vq, uint32_t *len)
{
    struct packed *s = to_packed(vq);
    struct packed_chain *chain;
    const char *wrong;

    if (vq->broken != NULL)
        return NULL;
    if (s->batch_left == 0) {
        if (!packed_slot_used(s, s->last_used, s->used_bits) && !virtqueue_packed_look_again(s))
            return NULL;
        wrong = open_batch(s);
        if (wrong != NULL)
            return virtqueue_packed_broken(vq, wrong);
    }
    chain = &s->chains[s->next_id];
    /* Chains that were skipped count as used completely. */
    *len = chain->writable_len;
    if (--s->batch_left == 0)
        *len = s->batch_len;
    if (*len > chain->writable_len) {
        virtqueue_packed_bad_len(s, chain, *len);
        *len = 0;
    }
    s->next_id = chain->next;
    return packed_take(s, chain);
}

bool virtqueue_packed_in_order_pending(const struct virtqueue *vq)
{
    const struct packed *s = to_packed(vq);

    return s->batch_left > 0 || packed_slot_used(s, s->last_used, s->used_bits);
}

/* Another CPU may be taking chains: what is read here is checked, and at worst out of date. */
bool virtqueue_packed_in_order_overdue(const struct virtqueue *vq, uint16_t *taken)
{
    const struct packed *s = to_packed(vq);
    uint16_t slot = READ_ONCE(s->last_used), bits = READ_ONCE(s->used_bits);
    unsigned next = READ_ONCE(s->next_id), left = READ_ONCE(s->batch_left), id;

    *taken = READ_ONCE(s->taken);
    if (READ_ONCE(s->cb_off))
        return false;
    for (unsigned steps = 0; steps < vq->size; steps++, left--) {
        unsigned cnt = READ_ONCE(s->chains[next].desc_cnt);

        if (left == 0) {
            if (!packed_slot_used(s, slot, bits))
                return false;
            left = batch_at(s, slot, next, &id);
        }
        if (!s->event_idx || cnt == 0 || packed_armed_within(s, slot, bits, cnt))
            return true;
        packed_skip(s, &slot, &bits, cnt);
        next = s->chains[next].next;
    }
    return false;
}
