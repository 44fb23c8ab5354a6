/* Checks of the block driver's duties on its devices, without writing to them (virtio 1.3, 5.2). */
#include <errno.h>
#include <stdlib.h>

#include "drivers/virtio_blk.h"
#include "drivers/virtio_blk_spec.h"
#include "virtio/virtio_check.h"

#define BIT(n) (1ull << (n))

#define F_ZONED 17 /* not taken by this driver */

static struct virtio_blk *blk_of(const struct virtio_device *dev)
{
    return dev->driver_data;
}

static enum virtio_verdict check_flush_taken(struct virtio_device *dev, const char **why)
{
    bool offered = (dev->offered & BIT(VIRTIO_BLK_F_FLUSH)) != 0;

    VIRTIO_CHECK_EXPECT(virtio_has_feature(dev, VIRTIO_BLK_F_FLUSH) == offered, "FLUSH declined");
    VIRTIO_CHECK_EXPECT(blk_of(dev)->block.info.can_flush == offered,
                        "FLUSH accepted by a driver that does not flush");
    return VIRTIO_CHECK_PASS;
}

static enum virtio_verdict check_zones(struct virtio_device *dev, const char **why)
{
    VIRTIO_CHECK_EXPECT(!virtio_has_feature(dev, F_ZONED), "ZONED accepted, which is not built in");
    return VIRTIO_CHECK_PASS;
}

static enum virtio_verdict check_capacity(struct virtio_device *dev, const char **why)
{
    struct virtio_blk *blk = blk_of(dev);
    uint64_t sectors;

    VIRTIO_CHECK_SKIP_IF(virtio_blk_read_capacity(blk, &sectors) != 0,
                         "the capacity never settles");
    VIRTIO_CHECK_EXPECT(sectors == blk->block.info.sector_cnt,
                        "another capacity than the device's");
    return VIRTIO_CHECK_PASS;
}

/* What a read of @len bytes at @sector comes to. */
static int try_read(struct virtio_device *dev, uint64_t sector, size_t len)
{
    void *data = calloc(1, len);
    int err = data != NULL ? block_read(&blk_of(dev)->block, sector, data, len) : -ENOMEM;

    free(data);
    return err;
}

static enum virtio_verdict check_range(struct virtio_device *dev, const char **why)
{
    const struct block_info *info = &blk_of(dev)->block.info;
    uint64_t beyond = blk_of(dev)->block.sector_max;
    int err;

    if (beyond < info->sector_cnt)
        beyond = info->sector_cnt;
    err = try_read(dev, beyond, info->block_size);
    VIRTIO_CHECK_SKIP_IF(err == -ENOMEM, "no memory");
    VIRTIO_CHECK_EXPECT(err == -ERANGE, "a read beyond the capacity is not refused");
    return VIRTIO_CHECK_PASS;
}

/* With nothing in flight of which the device could be asked: the refusal is ours. */
static enum virtio_verdict check_read_only(struct virtio_device *dev, const char **why)
{
    const struct block_info *info = &blk_of(dev)->block.info;
    void *data;
    int err;

    VIRTIO_CHECK_SKIP_IF((dev->offered & BIT(VIRTIO_BLK_F_RO)) == 0, "the disk is writable");
    VIRTIO_CHECK_EXPECT(virtio_has_feature(dev, VIRTIO_BLK_F_RO) && info->read_only, "RO declined");
    data = calloc(1, info->block_size);
    VIRTIO_CHECK_SKIP_IF(data == NULL, "no memory");
    err = block_write(&blk_of(dev)->block, 0, data, info->block_size);
    free(data);
    VIRTIO_CHECK_EXPECT(err == -EROFS, "a write to a read-only disk is not refused");
    return VIRTIO_CHECK_PASS;
}

static enum virtio_verdict check_flush(struct virtio_device *dev, const char **why)
{
    struct virtio_blk *blk = blk_of(dev);

    VIRTIO_CHECK_SKIP_IF(!blk->block.info.can_flush, "the disk has no volatile cache");
    VIRTIO_CHECK_EXPECT(block_flush(&blk->block) == 0, "a flush fails");
    return VIRTIO_CHECK_PASS;
}

static enum virtio_verdict check_length(struct virtio_device *dev, const char **why)
{
    int err = try_read(dev, 0, BLOCK_SECTOR_SIZE - 1);

    VIRTIO_CHECK_SKIP_IF(err == -ENOMEM, "no memory");
    VIRTIO_CHECK_EXPECT(err == -EINVAL, "a read of 511 bytes is not refused");
    return VIRTIO_CHECK_PASS;
}

static enum virtio_verdict check_segments(struct virtio_device *dev, const char **why)
{
    const struct block_info *info = &blk_of(dev)->block.info;
    unsigned told = 1;

    if (virtio_has_feature(dev, VIRTIO_BLK_F_SEG_MAX))
        told = virtio_config_read32(dev, VIRTIO_BLK_CFG_SEG_MAX);
    VIRTIO_CHECK_EXPECT(info->seg_max >= 1 && (info->seg_max <= told || told == 0),
                        "more segments in a request than the device takes");
    return VIRTIO_CHECK_PASS;
}

const struct virtio_check virtio_blk_checks[] = {
    {101, "5.2.5.1", check_flush_taken},
    {103, "5.2.5.1", check_zones},
    {104, "5.2.6.1", check_capacity},
    {105, "5.2.6.1", check_range},
    {106, "5.2.6.1", check_read_only},
    {107, "5.2.6.1", check_flush},
    {108, "5.2.6.1", check_length},
    {109, "5.2.6.1", check_segments},
    {0},
};

VIRTIO_CHECKS(blk, .device_id = VIRTIO_ID_BLOCK, .checks = virtio_blk_checks);
