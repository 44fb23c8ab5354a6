/* Checks of the rings in memory, queue by queue (virtio 1.3, 2.7 and 2.8). */
#include <string.h>

#include "arch/barrier.h"
#include "arch/memory.h"
#include "virtio/virtio_check.h"
#include "virtio/vring.h"

#define TRIES 100000u /* another CPU may be between the index and its own count of it */

typedef const char *(*queue_check_fn)(const struct virtqueue *vq);

/* What @fn finds wrong with the first queue of this kind of ring where something is. */
static enum virtio_verdict each_queue(const struct virtio_device *dev, const char *ring,
                                      queue_check_fn fn, const char **why)
{
    enum virtio_verdict verdict = VIRTIO_CHECK_SKIP;

    *why = strcmp(ring, "split") == 0 ? "no split ring" : "no packed ring";
    for (unsigned i = 0; i < dev->queue_cnt; i++) {
        const struct virtqueue *vq = dev->queues[i];
        const char *wrong;

        if (vq == NULL || vq->broken != NULL || strcmp(vq->ops->name, ring) != 0)
            continue;
        wrong = fn(vq);
        VIRTIO_CHECK_EXPECT(wrong == NULL, wrong);
        verdict = VIRTIO_CHECK_PASS;
    }
    return verdict;
}

static const char *size_wrong(const struct virtqueue *vq)
{
    unsigned size = vq->size;

    return size != 0 && (size & (size - 1)) == 0 && size <= VIRTQUEUE_SIZE_MAX
               ? NULL
               : "size of a queue is no power of two up to 32768";
}

static enum virtio_verdict check_size(struct virtio_device *dev, const char **why)
{
    return each_queue(dev, "split", size_wrong, why);
}

static const char *split_askew(const struct virtqueue *vq)
{
    struct virtqueue_layout layout;

    virtqueue_layout(vq, &layout);
    return layout.desc_pa % 16 == 0 && layout.avail_pa % 2 == 0 && layout.used_pa % 4 == 0
               ? NULL
               : "part of a ring not aligned";
}

static enum virtio_verdict check_split_align(struct virtio_device *dev, const char **why)
{
    return each_queue(dev, "split", split_askew, why);
}

static const char *not_legacy_layout(const struct virtqueue *vq)
{
    struct virtqueue_layout layout;

    virtqueue_layout(vq, &layout);
    return layout.desc_pa % VRING_ALIGN == 0 &&
                   layout.avail_pa - layout.desc_pa == vring_avail_off(vq->size) &&
                   layout.used_pa - layout.desc_pa == vring_used_off(vq->size) &&
                   layout.len >= vring_size(vq->size)
               ? NULL
               : "parts of a ring are not where the legacy interface has them";
}

static enum virtio_verdict check_legacy_layout(struct virtio_device *dev, const char **why)
{
    VIRTIO_CHECK_SKIP_IF(dev->transport->features_required != 0, "driven by the modern interface");
    return each_queue(dev, "split", not_legacy_layout, why);
}

static const struct vring_avail *avail_of(const struct virtqueue *vq)
{
    struct virtqueue_layout layout;

    virtqueue_layout(vq, &layout);
    return phys_to_virt(layout.avail_pa);
}

static const char *index_wrong(const struct virtqueue *vq)
{
    const struct vring_avail *avail = avail_of(vq);

    for (unsigned i = 0; i < TRIES; i++) {
        if (READ_ONCE(avail->idx) == (uint16_t)READ_ONCE(vq->chain_cnt))
            return NULL;
    }
    return "available index is not the number of chains published";
}

static enum virtio_verdict check_index(struct virtio_device *dev, const char **why)
{
    return each_queue(dev, "split", index_wrong, why);
}

static const char *flags_wrong(const struct virtqueue *vq)
{
    bool event_idx = virtio_has_feature(vq->dev, VIRTIO_RING_F_EVENT_IDX);
    uint16_t flags = READ_ONCE(avail_of(vq)->flags);

    return flags <= (event_idx ? 0 : VRING_AVAIL_F_NO_INTERRUPT) ? NULL
                                                                 : "flags of an available ring";
}

static enum virtio_verdict check_flags(struct virtio_device *dev, const char **why)
{
    return each_queue(dev, "split", flags_wrong, why);
}

static const char *packed_askew(const struct virtqueue *vq)
{
    struct virtqueue_layout layout;

    virtqueue_layout(vq, &layout);
    return layout.desc_pa % 16 == 0 && layout.avail_pa % 4 == 0 && layout.used_pa % 4 == 0
               ? NULL
               : "part of a packed ring not aligned";
}

static enum virtio_verdict check_packed_align(struct virtio_device *dev, const char **why)
{
    return each_queue(dev, "packed", packed_askew, why);
}

const struct virtio_check virtio_ring_checks[] = {
    {26, "2.7", check_size},
    {27, "2.7.1", check_split_align},
    {28, "2.7.2", check_legacy_layout},
    {36, "2.7.6.1", check_index},
    {37, "2.7.7.1", check_flags},
    {48, "2.8.11", check_packed_align},
    {0},
};

VIRTIO_CHECKS(ring, .checks = virtio_ring_checks);
