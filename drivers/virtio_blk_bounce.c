/* Rings of two entries: header, data and status make three pieces, which a buffer joins to two:
 * what the device reads and what it writes. Between driver and ring, in front of the ring's
 * operations. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/memory.h"
#include "drivers/virtio_blk.h"
#include "drivers/virtio_blk_spec.h"

#define SLOT_MAX 2u /* chains in flight: entries of the ring */
#define IN_MAX   2u /* pieces that a device writes: data of one segment, status */

/* The buffer of one chain in flight. */
struct bounce_slot {
    void *token; /* NULL: free */
    uint8_t *buf;
    struct virtqueue_seg in[IN_MAX]; /* where the contents go afterwards */
    unsigned in_cnt;                 /* 0: nowhere */
};

struct virtio_blk_bounce {
    struct virtqueue_ops ops; /* the ring's, with our add and get */
    const struct virtqueue_ops *ring_ops;
    struct bounce_slot slots[SLOT_MAX];
};

static struct virtio_blk_bounce *bounce_of(const struct virtqueue *vq)
{
    const struct virtio_blk_queue *q = vq->driver_data;

    return q->bounce;
}

static struct bounce_slot *find_slot(struct virtio_blk_bounce *bounce, const void *token)
{
    for (unsigned i = 0; i < SLOT_MAX; i++) {
        if (bounce->slots[i].token == token)
            return &bounce->slots[i];
    }
    return NULL;
}

/* @cnt pieces as one: as it is, or their contents in @buf. */
static struct virtqueue_seg join(const struct virtqueue_seg *segs, unsigned cnt, uint8_t *buf)
{
    struct virtqueue_seg joined = {virt_to_phys(buf), 0};

    if (cnt == 1)
        return segs[0];
    for (unsigned i = 0; i < cnt; i++) {
        memcpy(buf + joined.len, phys_to_virt(segs[i].pa), segs[i].len);
        joined.len += segs[i].len;
    }
    return joined;
}

/* What the device may write is copied as well: where it writes nothing, nothing changes. */
static int bounce_add(struct virtqueue *vq, const struct virtqueue_seg *segs, unsigned out_cnt,
                      unsigned in_cnt, void *token)
{
    struct virtio_blk_bounce *bounce = bounce_of(vq);
    struct bounce_slot *slot = find_slot(bounce, NULL);
    struct virtqueue_seg pair[2];
    int err;

    if (slot == NULL)
        return vq->broken != NULL ? -EIO : -ENOSPC;
    if (in_cnt > IN_MAX)
        return -EINVAL;
    pair[0] = join(segs, out_cnt, slot->buf);
    pair[1] = join(segs + out_cnt, in_cnt, slot->buf);
    slot->in_cnt = in_cnt > 1 ? in_cnt : 0;
    memcpy(slot->in, segs + out_cnt, slot->in_cnt * sizeof(*segs));
    err = bounce->ring_ops->add(vq, pair, 1, 1, token);
    if (err == 0)
        slot->token = token;
    return err;
}

static void *bounce_get(struct virtqueue *vq, uint32_t *len)
{
    struct virtio_blk_bounce *bounce = bounce_of(vq);
    void *token = bounce->ring_ops->get(vq, len);
    struct bounce_slot *slot;
    const uint8_t *from;

    slot = token != NULL ? find_slot(bounce, token) : NULL;
    if (slot == NULL)
        return token;
    from = slot->buf;
    for (unsigned i = 0; i < slot->in_cnt; i++) {
        memcpy(phys_to_virt(slot->in[i].pa), from, slot->in[i].len);
        from += slot->in[i].len;
    }
    slot->token = NULL;
    return token;
}

int virtio_blk_bounce_check(const struct virtio_blk *blk, unsigned ring_size)
{
    const char *name = blk->block.info.name;

    if (ring_size >= VIRTIO_BLK_CHAIN_MIN)
        return 0;
    if (ring_size < SLOT_MAX) {
        log_error("%s: a ring of %u entry holds no request", name, ring_size);
        return -EINVAL;
    }
    if (virtio_has_feature(blk->dev, VIRTIO_F_VERSION_1) ||
        virtio_has_feature(blk->dev, VIRTIO_F_ANY_LAYOUT))
        return 0;
    log_error("%s: a ring of %u entries holds no header, data and status, and the device has no "
              "VIRTIO_F_ANY_LAYOUT, with which they could be joined",
              name, ring_size);
    return -EINVAL;
}

static int setup_queue(struct virtio_blk_queue *q, size_t data_max)
{
    size_t len = sizeof(struct virtio_blk_outhdr) + data_max;
    struct virtio_blk_bounce *bounce = calloc(1, sizeof(*bounce));

    q->bounce = bounce;
    if (bounce == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < SLOT_MAX; i++) {
        bounce->slots[i].buf = malloc(len);
        if (bounce->slots[i].buf == NULL)
            return -ENOMEM;
    }
    bounce->ring_ops = q->vq->ops;
    bounce->ops = *q->vq->ops;
    bounce->ops.add = bounce_add;
    bounce->ops.get = bounce_get;
    q->vq->ops = &bounce->ops;
    return 0;
}

int virtio_blk_bounce_setup(struct virtio_blk *blk)
{
    int err = 0;

    for (unsigned i = 0; i < blk->queue_cnt && err == 0; i++)
        err = setup_queue(&blk->queues[i], blk->block.info.seg_len_max);
    if (err != 0)
        virtio_blk_bounce_free(blk);
    return err;
}

void virtio_blk_bounce_free(struct virtio_blk *blk)
{
    for (unsigned i = 0; i < blk->queue_cnt; i++) {
        struct virtio_blk_queue *q = &blk->queues[i];

        if (q->bounce == NULL)
            continue;
        if (q->bounce->ring_ops != NULL)
            q->vq->ops = q->bounce->ring_ops;
        for (unsigned k = 0; k < SLOT_MAX; k++)
            free(q->bounce->slots[k].buf);
        free(q->bounce);
        q->bounce = NULL;
    }
}
