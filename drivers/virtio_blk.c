/* The virtio block driver's life: probe, start, configuration change, being given up, remove. */
#include "drivers/virtio_blk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/virtio_blk_spec.h"
#include "kernel/format.h"

#define INDIRECT_MAX \
    8 /* pieces of a chain that goes into an indirect table: up to 6 data segments */

static const struct virtio_feature features[] = {
    {.bit = VIRTIO_BLK_F_SIZE_MAX, .name = "VIRTIO_BLK_F_SIZE_MAX"},
    {.bit = VIRTIO_BLK_F_SEG_MAX, .name = "VIRTIO_BLK_F_SEG_MAX"},
    {.bit = VIRTIO_BLK_F_RO, .name = "VIRTIO_BLK_F_RO"},
    {.bit = VIRTIO_BLK_F_BLK_SIZE, .name = "VIRTIO_BLK_F_BLK_SIZE"},
    {.bit = VIRTIO_BLK_F_FLUSH, .name = "VIRTIO_BLK_F_FLUSH"},
    {.bit = VIRTIO_BLK_F_TOPOLOGY, .name = "VIRTIO_BLK_F_TOPOLOGY"},
    {.bit = VIRTIO_BLK_F_MQ, .name = "VIRTIO_BLK_F_MQ"},
    {.bit = VIRTIO_BLK_F_DISCARD, .name = "VIRTIO_BLK_F_DISCARD"},
    {.bit = VIRTIO_BLK_F_WRITE_ZEROES, .name = "VIRTIO_BLK_F_WRITE_ZEROES"},
    {.bit = VIRTIO_F_ANY_LAYOUT, .name = "VIRTIO_F_ANY_LAYOUT"}, /* virtio_blk_bounce.c */
    {.name = NULL},
};

static void request_interrupt(struct virtqueue *vq)
{
    virtio_blk_harvest(vq->driver_data);
}

/* The queues with their objects: one for each CPU if the device has so many. */
static int create_queues(struct virtio_blk *blk)
{
    struct virtqueue_config configs[CPU_MAX];
    char names[CPU_MAX][VIRTQUEUE_NAME_MAX];
    unsigned cnt = virtio_blk_wanted_queues(blk);
    size_t len = cnt * sizeof(*blk->queues);
    int err;

    blk->queues = aligned_alloc(__alignof__(struct virtio_blk_queue), len);
    if (blk->queues == NULL)
        return -ENOMEM;
    memset(blk->queues, 0, len);
    for (unsigned i = 0; i < cnt; i++) {
        format(names[i], sizeof(names[i]), "req%u", i);
        configs[i] = (struct virtqueue_config){
            .name = names[i], .callback = request_interrupt, .indirect_max = INDIRECT_MAX};
    }
    err = virtio_queues_create(blk->dev, configs, cnt);
    if (err != 0)
        return err;
    blk->queue_cnt = cnt;
    for (unsigned i = 0; i < cnt; i++) {
        struct virtio_blk_queue *q = &blk->queues[i];

        q->blk = blk;
        q->vq = blk->dev->queues[i];
        q->vq->driver_data = q;
        virtio_blk_watchdog_setup(q);
    }
    return 0;
}

static int blk_probe(struct virtio_device *dev)
{
    struct virtio_blk *blk = calloc(1, sizeof(*blk));
    int err;

    if (blk == NULL)
        return -ENOMEM;
    blk->dev = dev;
    blk->dead_status = -EIO;
    blk->block.ops = &virtio_blk_ops;
    blk->block.driver_data = blk;
    wait_queue_init(&blk->id_wait);
    err = create_queues(blk);
    if (err == 0)
        err = virtio_blk_configure(blk);
    if (err != 0) {
        free(blk->queues);
        free(blk);
        return err;
    }
    dev->driver_data = blk;
    return 0;
}

/* The queue whose interrupts @cpu gets; where they all come alike, the queues in turn. */
static struct virtio_blk_queue *queue_for(const struct virtio_blk *blk, unsigned cpu)
{
    struct virtio_blk_queue *in_turn = &blk->queues[cpu % blk->queue_cnt];

    if ((in_turn->vq->affinity & CPU_MASK(cpu)) != 0)
        return in_turn;
    for (unsigned i = 0; i < blk->queue_cnt; i++) {
        if ((blk->queues[i].vq->affinity & CPU_MASK(cpu)) != 0)
            return &blk->queues[i];
    }
    return in_turn;
}

static void blk_start(struct virtio_device *dev)
{
    struct virtio_blk *blk = dev->driver_data;

    for (unsigned cpu = 0; cpu < CPU_MAX; cpu++)
        blk->cpu_queues[cpu] = queue_for(blk, cpu);
    virtio_blk_read_serial(blk);
    block_register(&blk->block);
}

static void blk_remove(struct virtio_device *dev)
{
    struct virtio_blk *blk = dev->driver_data;

    block_unregister(&blk->block);
    for (unsigned i = 0; i < blk->queue_cnt; i++)
        virtio_blk_watchdog_cancel(&blk->queues[i]);
    virtio_blk_complete_all(blk, "device removed", -ENODEV);
    virtio_blk_bounce_free(blk);
    free(blk->queues);
    free(blk);
}

static void blk_config_changed(struct virtio_device *dev)
{
    struct virtio_blk *blk = dev->driver_data;
    uint64_t sectors;

    if (virtio_blk_read_capacity(blk, &sectors) == 0)
        block_set_capacity(&blk->block, sectors);
}

static void blk_killed(struct virtio_device *dev)
{
    struct virtio_blk *blk = dev->driver_data;

    virtio_blk_complete_all(blk, dev->dead, blk->dead_status);
}

static void blk_describe(struct virtio_device *dev, char *buf, size_t size)
{
    const struct virtio_blk *blk = dev->driver_data;
    const struct block_info *info = &blk->block.info;
    char serial[64];

    format(buf, size, " capacity=%llu block_size=%u read_only=%s serial=%s",
           (unsigned long long)info->sector_cnt, info->block_size, info->read_only ? "yes" : "no",
           at_quote(serial, sizeof(serial), info->serial));
}

VIRTIO_DRIVER(blk, .name = "virtio-blk", .dev_prefix = "blk", .device_id = VIRTIO_ID_BLOCK,
              .config_min = VIRTIO_BLK_CFG_CAPACITY + 8, .features = features, .probe = blk_probe,
              .start = blk_start, .remove = blk_remove, .config_changed = blk_config_changed,
              .killed = blk_killed, .describe = blk_describe);
