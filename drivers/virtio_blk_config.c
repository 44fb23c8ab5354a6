/* What a virtio disk says about itself, checked: sizes, limits, capacity, serial number. */
#include <errno.h>
#include <string.h>

#include "arch/clock.h"
#include "arch/cpu.h"
#include "drivers/virtio_blk.h"
#include "drivers/virtio_blk_spec.h"

#define BLOCK_SIZE_MAX   (1u << 20)
#define PHYSICAL_EXP_MAX 12u
#define CAPACITY_MAX     ((1ull << 54) - 1) /* its bytes fit an off_t */
#define REQUEST_LEN_MAX  (1u << 30)
#define SERIAL_WAIT_NS   1000000000ull
#define BOUNCE_LEN       (16u << 10) /* data of a request in a ring too small for a chain */

static unsigned smallest_ring(const struct virtio_blk *blk)
{
    unsigned size = blk->queues[0].vq->size;

    for (unsigned i = 1; i < blk->queue_cnt; i++) {
        if (blk->queues[i].vq->size < size)
            size = blk->queues[i].vq->size;
    }
    return size;
}

unsigned virtio_blk_wanted_queues(struct virtio_blk *blk)
{
    unsigned cnt = 1;

    if (virtio_has_feature(blk->dev, VIRTIO_BLK_F_MQ))
        cnt = virtio_config_read16(blk->dev, VIRTIO_BLK_CFG_NUM_QUEUES);
    if (cnt == 0) {
        log_warn("%s: device says it has no queue, taking 1", blk->dev->name);
        cnt = 1;
    }
    return cnt < cpu_count() ? cnt : cpu_count();
}

static bool is_power_of_two(uint32_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

static void configure_block_size(struct virtio_blk *blk)
{
    struct block_info *info = &blk->block.info;
    uint32_t size = BLOCK_SECTOR_SIZE;
    unsigned exp = 0;

    if (virtio_has_feature(blk->dev, VIRTIO_BLK_F_BLK_SIZE))
        size = virtio_config_read32(blk->dev, VIRTIO_BLK_CFG_BLK_SIZE);
    if (!is_power_of_two(size) || size < BLOCK_SECTOR_SIZE || size > BLOCK_SIZE_MAX) {
        log_warn("%s: block size %u makes no sense, taking %u", info->name, size,
                 BLOCK_SECTOR_SIZE);
        size = BLOCK_SECTOR_SIZE;
    }
    info->block_size = size;
    if (virtio_has_feature(blk->dev, VIRTIO_BLK_F_TOPOLOGY)) {
        uint64_t optimal = virtio_config_read32(blk->dev, VIRTIO_BLK_CFG_OPT_IO_SIZE);

        exp = virtio_config_read8(blk->dev, VIRTIO_BLK_CFG_PHYSICAL_BLOCK_EXP);
        exp = exp <= PHYSICAL_EXP_MAX && size <= BLOCK_SIZE_MAX >> exp ? exp : 0;
        optimal *= size;
        info->optimal_len = optimal <= REQUEST_LEN_MAX ? (uint32_t)optimal : 0;
    }
    info->physical_block_size = size << exp;
}

/* Most bytes of data beside a header, where a piece has at most @size_max. */
static uint32_t bounce_len(const struct block_info *info, uint32_t size_max)
{
    uint32_t len = size_max - (uint32_t)sizeof(struct virtio_blk_outhdr);
    uint32_t wanted = info->block_size > BOUNCE_LEN ? info->block_size : BOUNCE_LEN;

    return len < wanted ? len : wanted;
}

static void configure_segments(struct virtio_blk *blk, unsigned ring_size)
{
    struct block_info *info = &blk->block.info;
    uint32_t seg_max = 1, size_max = REQUEST_LEN_MAX;
    uint64_t request_max;

    if (virtio_has_feature(blk->dev, VIRTIO_BLK_F_SEG_MAX))
        seg_max = virtio_config_read32(blk->dev, VIRTIO_BLK_CFG_SEG_MAX);
    if (seg_max == 0) {
        log_warn("%s: device allows no segment, taking 1", info->name);
        seg_max = 1;
    }
    if (seg_max > VIRTIO_BLK_SEG_MAX)
        seg_max = VIRTIO_BLK_SEG_MAX;
    if (ring_size < VIRTIO_BLK_CHAIN_MIN)
        seg_max = 1;
    else if (seg_max > ring_size - 2) /* a chain is never longer than the ring */
        seg_max = ring_size - 2;
    if (virtio_has_feature(blk->dev, VIRTIO_BLK_F_SIZE_MAX))
        size_max = virtio_config_read32(blk->dev, VIRTIO_BLK_CFG_SIZE_MAX);
    if (size_max < BLOCK_SECTOR_SIZE) {
        log_warn("%s: segments of %u bytes make no sense, ignoring that limit", info->name,
                 size_max);
        size_max = REQUEST_LEN_MAX;
    }
    if (size_max > REQUEST_LEN_MAX)
        size_max = REQUEST_LEN_MAX;
    if (ring_size < VIRTIO_BLK_CHAIN_MIN)
        size_max = bounce_len(info, size_max);
    info->seg_max = seg_max;
    info->seg_len_max = size_max & ~(BLOCK_SECTOR_SIZE - 1);
    request_max = (uint64_t)seg_max * info->seg_len_max;
    if (request_max > REQUEST_LEN_MAX)
        request_max = REQUEST_LEN_MAX;
    info->request_len_max = (uint32_t)request_max & ~(info->block_size - 1);
}

/* One kind of erasing request; limits of 0 take it away. */
static bool configure_erase(struct virtio_blk *blk, unsigned feature, unsigned sectors_off,
                            unsigned seg_off, uint64_t *sectors_max)
{
    uint32_t sectors, align = blk->block.info.block_size / BLOCK_SECTOR_SIZE;

    if (!virtio_has_feature(blk->dev, feature))
        return false;
    sectors = virtio_config_read32(blk->dev, sectors_off) & ~(align - 1);
    if (sectors == 0 || virtio_config_read32(blk->dev, seg_off) == 0)
        return false;
    *sectors_max = sectors;
    return true;
}

int virtio_blk_read_capacity(struct virtio_blk *blk, uint64_t *sectors)
{
    const struct block_info *info = &blk->block.info;
    uint64_t align = info->block_size / BLOCK_SECTOR_SIZE, cnt;
    int err = virtio_config_read64(blk->dev, VIRTIO_BLK_CFG_CAPACITY, &cnt);

    if (err != 0)
        return err;
    if (cnt > CAPACITY_MAX) {
        log_limited(&blk->capacity_log, LOG_WARN,
                    "%s: capacity of %llu sectors is beyond reach, using %llu", info->name,
                    (unsigned long long)cnt, (unsigned long long)CAPACITY_MAX);
        cnt = CAPACITY_MAX;
    }
    if (cnt % align != 0)
        log_limited(
            &blk->capacity_log, LOG_WARN,
            "%s: the last %llu sectors (512 bytes) are no whole block of %u bytes and out of reach",
            info->name, (unsigned long long)(cnt % align), info->block_size);
    *sectors = cnt - cnt % align;
    return 0;
}

int virtio_blk_configure(struct virtio_blk *blk)
{
    struct block_info *info = &blk->block.info;
    unsigned chain_min, ring_size = smallest_ring(blk);
    int err;

    info->name = blk->dev->name;
    err = virtio_blk_bounce_check(blk, ring_size);
    if (err != 0)
        return err;
    configure_block_size(blk);
    configure_segments(blk, ring_size);
    if (info->request_len_max < info->block_size) {
        log_error("%s: device takes at most %u segments of %u bytes, less than its block of %u",
                  info->name, info->seg_max, info->seg_len_max, info->block_size);
        return -EINVAL;
    }
    err = virtio_blk_read_capacity(blk, &info->sector_cnt);
    if (err != 0)
        return err;
    info->read_only = virtio_has_feature(blk->dev, VIRTIO_BLK_F_RO);
    info->can_flush = virtio_has_feature(blk->dev, VIRTIO_BLK_F_FLUSH);
    info->can_discard =
        configure_erase(blk, VIRTIO_BLK_F_DISCARD, VIRTIO_BLK_CFG_MAX_DISCARD_SECTORS,
                        VIRTIO_BLK_CFG_MAX_DISCARD_SEG, &info->discard_sectors_max);
    info->can_write_zeroes =
        configure_erase(blk, VIRTIO_BLK_F_WRITE_ZEROES, VIRTIO_BLK_CFG_MAX_WRITE_ZEROES_SECTORS,
                        VIRTIO_BLK_CFG_MAX_WRITE_ZEROES_SEG, &info->write_zeroes_sectors_max);
    chain_min = ring_size < VIRTIO_BLK_CHAIN_MIN ? ring_size : VIRTIO_BLK_CHAIN_MIN;
    if (virtio_has_feature(blk->dev, VIRTIO_RING_F_INDIRECT_DESC))
        chain_min = 1;
    info->queue_depth = ring_size / chain_min;
    info->queue_cnt = blk->queue_cnt;
    return ring_size < VIRTIO_BLK_CHAIN_MIN ? virtio_blk_bounce_setup(blk) : 0;
}

static void serial_done(struct block_request *req)
{
    struct virtio_blk *blk = CONTAINER_OF(req, struct virtio_blk, id_req);

    __atomic_store_n(&blk->id_done, true, __ATOMIC_RELEASE);
    wait_queue_wake_all(&blk->id_wait);
}

void virtio_blk_read_serial(struct virtio_blk *blk)
{
    char *serial = blk->block.info.serial;
    uint64_t deadline_ns = clock_ns() + SERIAL_WAIT_NS;

    blk->id_req.done = serial_done;
    if (virtio_blk_send_id(blk) != 0 ||
        WAIT_UNTIL(&blk->id_wait, deadline_ns, __atomic_load_n(&blk->id_done, __ATOMIC_ACQUIRE)) !=
            0) {
        log_warn("%s: device does not tell its serial number", blk->block.info.name);
        return;
    }
    if (blk->id_req.status != 0)
        return;
    memcpy(serial, blk->id, VIRTIO_BLK_ID_BYTES);
    for (unsigned i = 0; i < VIRTIO_BLK_ID_BYTES && serial[i] != '\0'; i++) {
        if (serial[i] < ' ' || serial[i] > '~')
            serial[i] = '?';
    }
}
