/* What all ring formats share: the public head, the broken state, the way from an interrupt to the
 * callback. */
#include "virtio/virtqueue.h"

#include <string.h>

#include "kernel/format.h"
#include "kernel/log.h"

bool virtqueue_setup(struct virtqueue *vq, const struct virtqueue_ops *ops,
                     const struct virtqueue_params *params)
{
    unsigned size = params->size;

    if (size == 0 || size > VIRTQUEUE_SIZE_MAX)
        return false;
    vq->ops = ops;
    vq->dev = params->dev;
    vq->dev_name = params->dev_name != NULL ? params->dev_name : "virtio";
    vq->callback = params->callback;
    vq->notify = params->notify;
    vq->index = (uint16_t)params->index;
    vq->size = (uint16_t)size;
    vq->free_cnt = (uint16_t)size;
    format(vq->name, sizeof(vq->name), "%s", params->name);
    return true;
}

void virtqueue_free(struct virtqueue *vq)
{
    vq->ops->free(vq);
}

void virtqueue_notify_force(struct virtqueue *vq)
{
    if (vq->broken != NULL)
        return;
    vq->notify_cnt++;
    vq->notify(vq);
}

void virtqueue_stop(struct virtqueue *vq, const char *reason)
{
    if (vq->broken == NULL)
        vq->broken = reason;
}

void virtqueue_break(struct virtqueue *vq, const char *reason)
{
    if (vq->broken != NULL)
        return;
    virtqueue_stop(vq, reason);
    vq->free_cnt = 0;
    log_error("%s: queue %s is broken: %s", vq->dev_name, vq->name, reason);
}
