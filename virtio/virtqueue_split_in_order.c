/* A split ring whose chains are used in the order they were added (VIRTIO_F_IN_ORDER, virtio 1.3,
 * 2.7.9): one used entry may stand for all chains up to its own. */
#include "arch/barrier.h"
#include "virtio/virtqueue_split.h"

/* Opens the batch whose entry is at last_used, one of those seen. What cannot be one breaks the
 * queue. Descriptors are taken in ring order, so each chain begins where the one before ends. */
static const char *open_batch(struct split *s)
{
    const struct vring_used_elem *elem = &s->used->ring[s->last_used & s->mask];
    uint32_t id = READ_ONCE(elem->id);
    uint16_t end = s->last_used;
    unsigned head = s->next_head;

    s->batch_len = READ_ONCE(elem->len);
    if (id > s->mask)
        return "used id out of range";
    while (++end != s->used_seen && head != id)
        head = (head + s->chains[head].desc_cnt) & s->mask;
    if (head != id)
        return "used id is out of order";
    s->batch_end = end;
    return NULL;
}

void *virtqueue_split_in_order_get(struct virtqueue *vq, uint32_t *len)
{
    struct split *s = to_split(vq);
    struct split_chain *chain;
    const char *wrong;
    void *token;

    if (vq->broken != NULL)
        return NULL;
    if (s->last_used == s->batch_end) {
        if (s->last_used == s->used_seen && !virtqueue_split_look(s))
            return NULL;
        wrong = open_batch(s);
        if (wrong != NULL) {
            virtqueue_break(vq, wrong);
            return NULL;
        }
    }
    chain = &s->chains[s->next_head];
    token = chain->token;
    chain->token = NULL;
    s->last_used++;
    /* Chains that were skipped count as used completely. */
    *len = s->last_used == s->batch_end ? s->batch_len : chain->writable_len;
    if (*len > chain->writable_len) {
        virtqueue_split_bad_len(s, chain, *len);
        *len = 0;
    }
    vq->free_cnt = (uint16_t)(vq->free_cnt + chain->desc_cnt);
    s->next_head = (uint16_t)((s->next_head + chain->desc_cnt) & s->mask);
    return token;
}
