/* Creating and deleting a device's queues: rings, their activation in the device, then interrupts.
 */
#include <errno.h>

#include "kernel/log.h"
#include "virtio/virtio_impl.h"

/* Entries the ring will have, or a negative errno. */
static int queue_size(struct virtio_device *dev, unsigned index,
                      const struct virtqueue_config *config)
{
    bool packed = virtio_has_feature(dev, VIRTIO_F_RING_PACKED);
    int size = dev->transport->queue_size(dev, index);

    if (size == 0) {
        log_error("%s %s: device has no queue %u (%s)", dev->name, dev->bus_name, index,
                  config->name);
        return -ENOENT;
    }
    if (size < 0) {
        log_error("%s %s: queue %u (%s) is in use already", dev->name, dev->bus_name, index,
                  config->name);
        return size;
    }
    if ((!packed && (size & (size - 1)) != 0) || (unsigned)size > VIRTQUEUE_SIZE_MAX) {
        log_error("%s %s: queue %u (%s) has a bad size: %d", dev->name, dev->bus_name, index,
                  config->name, size);
        return -EINVAL;
    }
    if (dev->transport->queue_size_fixed || config->size_max == 0)
        return size;
    if (packed)
        return (unsigned)size > config->size_max ? (int)config->size_max : size;
    while ((unsigned)size > config->size_max)
        size >>= 1;
    return size;
}

static int create_queue(struct virtio_device *dev, unsigned index,
                        const struct virtqueue_config *config)
{
    int size = queue_size(dev, index, config);
    struct virtqueue *vq;
    int err;

    if (size < 0)
        return size;
    vq =
        virtio_ring_alloc(dev, &(struct virtqueue_params){
                                   .name = config->name,
                                   .dev_name = dev->name,
                                   .dev = dev,
                                   .index = index,
                                   .size = (unsigned)size,
                                   .event_idx = virtio_has_feature(dev, VIRTIO_RING_F_EVENT_IDX),
                                   .indirect = virtio_has_feature(dev, VIRTIO_RING_F_INDIRECT_DESC),
                                   .in_order = virtio_has_feature(dev, VIRTIO_F_IN_ORDER),
                                   .indirect_max = config->indirect_max,
                                   .ring_limit_pa = dev->transport->ring_limit_pa,
                                   .notify = dev->transport->notify,
                                   .callback = config->callback,
                               });
    if (vq == NULL) {
        dev->ring_failed = "no memory";
        log_error("%s %s: no memory for queue %u (%s) of %d entries", dev->name, dev->bus_name,
                  index, config->name, size);
        return -ENOMEM;
    }
    vq->affinity_set = config->affinity_set;
    vq->prompt = config->prompt;
    err = dev->transport->queue_set(dev, vq);
    if (err != 0) {
        dev->ring_failed = "device does not take the ring";
        log_error("%s %s: device does not take the ring of queue %u (%s)", dev->name, dev->bus_name,
                  index, config->name);
        virtqueue_free(vq);
        return err;
    }
    dev->queues[index] = vq;
    return 0;
}

static void delete_queues(struct virtio_device *dev)
{
    for (unsigned i = dev->queue_cnt; i-- > 0;) {
        struct virtqueue *vq = dev->queues[i];

        if (vq == NULL)
            continue;
        dev->transport->queue_clear(dev, vq);
        dev->queues[i] = NULL;
        virtqueue_free(vq);
    }
    dev->queue_cnt = 0;
}

/* Last, when everything else about a queue is set (4.1.4.3.2). */
static int enable_queues(struct virtio_device *dev)
{
    int err = 0;

    if (dev->transport->queue_enable == NULL)
        return 0;
    for (unsigned i = 0; i < dev->queue_cnt && err == 0; i++) {
        if (dev->queues[i] != NULL)
            err = dev->transport->queue_enable(dev, dev->queues[i]);
    }
    return err;
}

int virtio_queues_create(struct virtio_device *dev, const struct virtqueue_config *configs,
                         unsigned cnt)
{
    int err;

    if (cnt > VIRTIO_QUEUE_MAX)
        return -EINVAL;
    dev->queue_cnt = cnt;
    for (unsigned i = 0; i < cnt; i++) {
        if (configs[i].name == NULL)
            continue;
        err = create_queue(dev, i, &configs[i]);
        if (err != 0)
            goto fail;
    }
    err = dev->transport->irq->setup(dev);
    if (err != 0)
        goto fail;
    dev->irqs_set_up = true;
    err = enable_queues(dev);
    if (err == 0)
        return 0;
    dev->ring_failed = "device does not enable the ring";

fail:
    virtio_queues_delete(dev);
    return err;
}

int virtio_queue_set_affinity(struct virtqueue *vq, cpu_mask_t mask)
{
    if (vq->callback == NULL)
        return -EINVAL;
    return vq->dev->transport->irq->set_affinity(vq, mask);
}

void virtio_queues_silence(struct virtio_device *dev)
{
    if (dev->irqs_set_up)
        dev->transport->irq->teardown(dev);
    dev->irqs_set_up = false;
}

void virtio_queues_delete(struct virtio_device *dev)
{
    virtio_queues_silence(dev);
    delete_queues(dev);
}
