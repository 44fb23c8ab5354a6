/* The virtio block driver's life: probe, start, configuration change, being given up, remove. */
#include "drivers/virtio_blk.h"

#include <errno.h>
#include <stdlib.h>

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
    {.bit = VIRTIO_BLK_F_DISCARD, .name = "VIRTIO_BLK_F_DISCARD"},
    {.bit = VIRTIO_BLK_F_WRITE_ZEROES, .name = "VIRTIO_BLK_F_WRITE_ZEROES"},
    {.name = NULL},
};

static void request_interrupt(struct virtqueue *vq)
{
    virtio_blk_harvest(vq->driver_data);
}

static int blk_probe(struct virtio_device *dev)
{
    static const struct virtqueue_config queues[] = {
        {.name = "req0", .callback = request_interrupt, .indirect_max = INDIRECT_MAX},
    };
    struct virtio_blk *blk = calloc(1, sizeof(*blk));
    int err;

    if (blk == NULL)
        return -ENOMEM;
    blk->dev = dev;
    blk->dead_status = -EIO;
    blk->block.ops = &virtio_blk_ops;
    blk->block.driver_data = blk;
    wait_queue_init(&blk->id_wait);
    virtio_blk_watchdog_setup(blk);
    err = virtio_queues_create(dev, queues, sizeof(queues) / sizeof(queues[0]));
    if (err != 0)
        goto fail;
    blk->vq = dev->queues[0];
    blk->vq->driver_data = blk;
    err = virtio_blk_configure(blk);
    if (err != 0)
        goto fail;
    dev->driver_data = blk;
    return 0;

fail:
    free(blk);
    return err;
}

static void blk_start(struct virtio_device *dev)
{
    struct virtio_blk *blk = dev->driver_data;

    virtio_blk_read_serial(blk);
    block_register(&blk->block);
}

static void blk_remove(struct virtio_device *dev)
{
    struct virtio_blk *blk = dev->driver_data;

    block_unregister(&blk->block);
    timer_cancel(&blk->watchdog);
    virtqueue_break(blk->vq, "device removed");
    virtio_blk_complete_all(blk, -ENODEV);
    free(blk);
}

static void blk_config_changed(struct virtio_device *dev)
{
    struct virtio_blk *blk = dev->driver_data;

    if (virtio_blk_update_capacity(blk))
        at_line("event", "name=%s kind=resize sectors=%llu", dev->name,
                (unsigned long long)blk->block.info.sector_cnt);
}

static void blk_killed(struct virtio_device *dev)
{
    struct virtio_blk *blk = dev->driver_data;

    virtio_blk_complete_all(blk, blk->dead_status);
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
              .features = features, .probe = blk_probe, .start = blk_start, .remove = blk_remove,
              .config_changed = blk_config_changed, .killed = blk_killed, .describe = blk_describe);
