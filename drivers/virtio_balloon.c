/* The balloon driver's life, and its statistics queue: a buffer that waits in the device, and is
 * filled anew each time the host has taken it (virtio 1.3, 5.5.6.3). */
#include "drivers/virtio_balloon.h"

#include <errno.h>
#include <stdlib.h>

#include "arch/smp.h"
#include "kernel/format.h"
#include "kernel/page.h"

static const struct virtio_feature features[] = {
    {.bit = VIRTIO_BALLOON_F_MUST_TELL_HOST, .name = "VIRTIO_BALLOON_F_MUST_TELL_HOST"},
    {.bit = VIRTIO_BALLOON_F_STATS_VQ, .name = "VIRTIO_BALLOON_F_STATS_VQ"},
    {.bit = VIRTIO_BALLOON_F_DEFLATE_ON_OOM, .name = "VIRTIO_BALLOON_F_DEFLATE_ON_OOM"},
    {.name = NULL},
};

#define STATS_LEN (VIRTIO_BALLOON_STAT_CNT * sizeof(struct virtio_balloon_stat))

/* The allocator's one hook has one user: the first balloon that may be used so. */
static struct virtio_balloon *reclaimable;

static size_t reclaim(size_t cnt)
{
    return virtio_balloon_reclaim(reclaimable, cnt);
}

/* With the lock. What the balloon holds is not ours to count. */
static void send_stats(struct virtio_balloon *b)
{
    struct virtqueue_seg seg = {.pa = b->stats_pa, .len = STATS_LEN};
    struct page_stats pages;
    uint64_t free_len;

    page_stats(&pages);
    free_len = pages.free_cnt * PAGE_SIZE;
    b->stats[0] = (struct virtio_balloon_stat){VIRTIO_BALLOON_S_MEMFREE, free_len};
    b->stats[1] = (struct virtio_balloon_stat){VIRTIO_BALLOON_S_MEMTOT,
                                               (pages.total_cnt - b->given) * PAGE_SIZE};
    b->stats[2] = (struct virtio_balloon_stat){VIRTIO_BALLOON_S_AVAIL, free_len};
    if (virtqueue_add(b->statsq, &seg, 1, 0, b->stats) == 0)
        virtqueue_kick(b->statsq);
}

static void stats_taken(struct virtqueue *vq)
{
    struct virtio_balloon *b = vq->driver_data;
    uint64_t irq = spin_lock(&b->lock);
    bool taken = false;
    uint32_t len;

    while (virtqueue_get(vq, &len) != NULL)
        taken = true;
    if (taken)
        send_stats(b);
    spin_unlock(&b->lock, irq);
    if (vq->broken != NULL)
        virtio_device_kill(b->dev, vq->broken);
}

/* An answer, perhaps a bad one: the thread looks. */
static void pages_taken(struct virtqueue *vq)
{
    struct virtio_balloon *b = vq->driver_data;

    wait_queue_wake_all(&b->wait);
}

static int create_queues(struct virtio_balloon *b)
{
    const struct virtqueue_config configs[] = {
        {.name = "inflate0",
         .callback = pages_taken,
         .affinity_set = VIRTQUEUE_NO_SET,
         .prompt = true},
        {.name = "deflate0",
         .callback = pages_taken,
         .affinity_set = VIRTQUEUE_NO_SET,
         .prompt = true},
        {.name = "stats0", .callback = stats_taken, .affinity_set = VIRTQUEUE_NO_SET},
    };
    struct virtio_device *dev = b->dev;
    bool stats = virtio_has_feature(dev, VIRTIO_BALLOON_F_STATS_VQ);
    int err = virtio_queues_create(dev, configs, stats ? 3 : 2);

    if (err != 0)
        return err;
    b->inflateq = dev->queues[VIRTIO_BALLOON_INFLATEQ];
    b->deflateq = dev->queues[VIRTIO_BALLOON_DEFLATEQ];
    b->statsq = stats ? dev->queues[VIRTIO_BALLOON_STATSQ] : NULL;
    for (unsigned i = 0; i < dev->queue_cnt; i++)
        dev->queues[i]->driver_data = b;
    return 0;
}

static int balloon_probe(struct virtio_device *dev)
{
    struct virtio_balloon *b = calloc(1, sizeof(*b));
    int err = -ENOMEM;

    if (b == NULL)
        return err;
    b->dev = dev;
    wait_queue_init(&b->wait);
    list_init(&b->leaves);
    b->reclaims = virtio_has_feature(dev, VIRTIO_BALLOON_F_DEFLATE_ON_OOM) &&
                  !virtio_has_feature(dev, VIRTIO_BALLOON_F_MUST_TELL_HOST);
    b->stats = dma_alloc(STATS_LEN, 0, &b->stats_pa);
    if (b->stats == NULL)
        goto fail;
    err = create_queues(b);
    if (err != 0)
        goto fail_stats;
    /* Waits for the look at the configuration that virtio.c asks for after the start. */
    b->thread = thread_create(dev->name, virtio_balloon_run, b, 0);
    if (b->thread == NULL) {
        err = -ENOMEM;
        goto fail_stats;
    }
    dev->driver_data = b;
    return 0;

fail_stats:
    dma_free(b->stats, STATS_LEN);
fail:
    free(b);
    return err;
}

static void balloon_start(struct virtio_device *dev)
{
    struct virtio_balloon *b = dev->driver_data;
    uint64_t irq = spin_lock(&b->lock);

    if (b->statsq != NULL)
        send_stats(b);
    spin_unlock(&b->lock, irq);
    if (b->reclaims && reclaimable == NULL) {
        reclaimable = b;
        page_set_reclaim(reclaim);
    }
}

/* What the thread is told of is read by it with the lock. */
static void wake_thread(struct virtio_balloon *b, bool *why)
{
    uint64_t irq = spin_lock(&b->lock);

    *why = true;
    spin_unlock(&b->lock, irq);
    wait_queue_wake_all(&b->wait);
}

static void balloon_config_changed(struct virtio_device *dev)
{
    struct virtio_balloon *b = dev->driver_data;

    wake_thread(b, &b->look);
}

/* The pages stay away: what a host does that has been told nothing of their return is not known. */
static void balloon_killed(struct virtio_device *dev)
{
    struct virtio_balloon *b = dev->driver_data;
    uint64_t irq = spin_lock(&b->lock);

    b->reclaims = false;
    spin_unlock(&b->lock, irq);
    wait_queue_wake_all(&b->wait);
}

static void balloon_remove(struct virtio_device *dev)
{
    struct virtio_balloon *b = dev->driver_data;

    wake_thread(b, &b->stop);
    thread_join(b->thread);
    if (reclaimable == b) {
        page_set_reclaim(NULL);
        smp_sync(cpu_mask_all()); /* an allocation that saw the hook is through with it */
        reclaimable = NULL;
    }
    virtio_balloon_empty(b);
    dma_free(b->stats, STATS_LEN);
    free(b);
}

static void balloon_describe(struct virtio_device *dev, char *buf, size_t size)
{
    const struct virtio_balloon *b = dev->driver_data;

    format(buf, size, " pages=%u target=%u", b->recorded, b->target);
}

VIRTIO_DRIVER(balloon, .name = "virtio-balloon", .dev_prefix = "balloon",
              .device_id = VIRTIO_ID_BALLOON, .config_min = VIRTIO_BALLOON_CFG_LEN,
              .features = features, .probe = balloon_probe, .start = balloon_start,
              .remove = balloon_remove, .config_changed = balloon_config_changed,
              .killed = balloon_killed, .describe = balloon_describe);
