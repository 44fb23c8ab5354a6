/* The virtio entropy device (virtio 1.3, 5.4): one buffer, in flight while the entropy pool wants
 * more. What comes back is mixed with what else the pool has, and worth half of what it claims. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/spinlock.h"
#include "kernel/entropy.h"
#include "kernel/log.h"
#include "kernel/page.h"
#include "virtio/virtio.h"

#define BUF_LEN       64u
#define BITS_OF_BYTE  4u
#define REQUEST_QUEUE 0

struct virtio_rng {
    struct virtio_device *dev;
    struct virtqueue *vq;
    struct spinlock lock; /* vq, asked */
    bool asked;           /* the buffer is the device's */
    uint8_t *buf;
    uint64_t buf_pa;
    struct entropy_feeder feeder;
    struct log_limit empty_log;
};

static const struct virtio_feature features[] = {{.name = NULL}};

static void ask(struct entropy_feeder *feeder)
{
    struct virtio_rng *rng = CONTAINER_OF(feeder, struct virtio_rng, feeder);
    struct virtqueue_seg seg = {.pa = rng->buf_pa, .len = BUF_LEN};
    uint64_t irq = spin_lock(&rng->lock);

    if (!rng->asked && virtqueue_add(rng->vq, &seg, 0, 1, rng) == 0) {
        rng->asked = true;
        virtqueue_kick(rng->vq);
    }
    spin_unlock(&rng->lock, irq);
}

/* What the device wrote, and nothing behind it; false when it has not answered. */
static bool take(struct virtio_rng *rng, uint8_t *bytes, uint32_t *len)
{
    uint64_t irq = spin_lock(&rng->lock);
    bool found = virtqueue_get(rng->vq, len) != NULL;

    if (found) {
        memcpy(bytes, rng->buf, *len);
        memset(rng->buf, 0, BUF_LEN);
        rng->asked = false;
    }
    spin_unlock(&rng->lock, irq);
    return found;
}

/* A device whose answers are worth nothing is not asked again before the pool does so itself. */
static void answered(struct virtqueue *vq)
{
    struct virtio_rng *rng = vq->driver_data;
    bool good = false;
    uint8_t bytes[BUF_LEN];
    uint32_t len;

    while (take(rng, bytes, &len)) {
        if (len == 0)
            log_limited(&rng->empty_log, LOG_WARN, "%s: device gave no bytes", rng->dev->name);
        good = len > 0 && entropy_add(ENTROPY_DEVICE, bytes, len, len * BITS_OF_BYTE) > 0;
        memset(bytes, 0, sizeof(bytes));
    }
    if (vq->broken != NULL)
        virtio_device_kill(rng->dev, vq->broken);
    else if (good && entropy_wants())
        ask(&rng->feeder);
}

static int rng_probe(struct virtio_device *dev)
{
    const struct virtqueue_config config = {
        .name = "req0", .callback = answered, .size_max = 8, .affinity_set = VIRTQUEUE_NO_SET};
    struct virtio_rng *rng = calloc(1, sizeof(*rng));
    int err = -ENOMEM;

    if (rng == NULL)
        return err;
    rng->buf = dma_alloc(BUF_LEN, 0, &rng->buf_pa);
    if (rng->buf == NULL)
        goto fail;
    err = virtio_queues_create(dev, &config, 1);
    if (err != 0)
        goto fail_queues;
    rng->dev = dev;
    rng->vq = dev->queues[REQUEST_QUEUE];
    rng->vq->driver_data = rng;
    rng->feeder.ask = ask;
    list_init(&rng->feeder.link);
    dev->driver_data = rng;
    return 0;

fail_queues:
    dma_free(rng->buf, BUF_LEN);
fail:
    free(rng);
    return err;
}

static void rng_start(struct virtio_device *dev)
{
    struct virtio_rng *rng = dev->driver_data;

    entropy_feeder_register(&rng->feeder);
}

/* The device has been reset: the buffer is ours again. */
static void rng_remove(struct virtio_device *dev)
{
    struct virtio_rng *rng = dev->driver_data;

    entropy_feeder_unregister(&rng->feeder);
    dma_free(rng->buf, BUF_LEN);
    free(rng);
}

VIRTIO_DRIVER(rng, .name = "virtio-rng", .dev_prefix = "rng", .device_id = VIRTIO_ID_RNG,
              .features = features, .probe = rng_probe, .start = rng_start, .remove = rng_remove);
