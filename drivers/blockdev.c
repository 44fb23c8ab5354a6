/* Block devices: the register, and submission with the checks that all drivers share. */
#include "drivers/blockdev.h"

#include <errno.h>
#include <string.h>

#include "arch/barrier.h"
#include "arch/cpu.h"

#define LIKELY(x) __builtin_expect(!!(x), 1)

static struct list devices = LIST_INIT(devices);

void block_register(struct block_device *dev)
{
    dev->sector_max = dev->info.sector_cnt;
    block_watch_init(dev);
    list_append(&devices, &dev->link);
}

void block_unregister(struct block_device *dev)
{
    list_remove(&dev->link);
}

struct block_device *block_find(const char *name)
{
    LIST_FOR_EACH(it, &devices) {
        struct block_device *dev = CONTAINER_OF(it, struct block_device, link);

        if (strcmp(dev->info.name, name) == 0)
            return dev;
    }
    return NULL;
}

struct block_device *block_get(unsigned index)
{
    LIST_FOR_EACH(it, &devices) {
        if (index-- == 0)
            return CONTAINER_OF(it, struct block_device, link);
    }
    return NULL;
}

const struct block_info *block_info(const struct block_device *dev)
{
    return &dev->info;
}

void block_stats(const struct block_device *dev, struct block_stats *stats)
{
    dev->ops->stats(dev, stats);
}

const char *block_op_name(enum block_op op)
{
    static const char *const names[BLOCK_OP_CNT] = {
        [BLOCK_READ] = "read",
        [BLOCK_WRITE] = "write",
        [BLOCK_FLUSH] = "flush",
        [BLOCK_DISCARD] = "discard",
        [BLOCK_WRITE_ZEROES] = "write-zeroes",
    };

    return op < BLOCK_OP_CNT ? names[op] : "unknown";
}

static inline bool inside(uint64_t capacity, uint64_t sector, uint64_t cnt)
{
    return LIKELY(sector <= capacity && cnt <= capacity - sector);
}

static __attribute__((noinline)) int outside(const struct block_device *dev, uint64_t sector,
                                             uint64_t cnt)
{
    return inside(READ_ONCE(dev->sector_max), sector, cnt) ? -EIO : -ERANGE;
}

int block_check_range(const struct block_device *dev, uint64_t sector, uint64_t cnt)
{
    if (inside(READ_ONCE(dev->info.sector_cnt), sector, cnt))
        return 0;
    return outside(dev, sector, cnt);
}

static inline int check_data(const struct block_device *dev, const struct block_request *req)
{
    const struct block_info *info = &dev->info;
    const struct block_segment *seg = req->segs, *end = seg + req->seg_cnt;
    uint64_t sector = req->sector, len = 0;
    uint32_t bits = 0, seg_len;

    if (req->seg_cnt - 1 >= info->seg_max)
        return -EINVAL;
    do {
        seg_len = seg->len;
        if (seg_len - 1 >= info->seg_len_max)
            return -EINVAL;
        bits |= seg_len;
        len += seg_len;
    } while (++seg < end);
    bits = (bits & (BLOCK_SECTOR_SIZE - 1)) |
           (((uint32_t)len | (uint32_t)sector * BLOCK_SECTOR_SIZE) & (info->block_size - 1));
    if (bits != 0 || len > info->request_len_max)
        return -EINVAL;
    return block_check_range(dev, sector, len / BLOCK_SECTOR_SIZE);
}

static int check_erase(const struct block_device *dev, const struct block_request *req,
                       bool supported, uint64_t sectors_max)
{
    const struct block_info *info = &dev->info;
    uint64_t sector = req->sector, cnt = req->sector_cnt;

    if (!supported)
        return -EOPNOTSUPP;
    if (info->read_only)
        return -EROFS;
    if (cnt > sectors_max || cnt == 0 ||
        ((sector | cnt) & (info->block_size / BLOCK_SECTOR_SIZE - 1)) != 0)
        return -EINVAL;
    return block_check_range(dev, sector, cnt);
}

static int check_rare(const struct block_device *dev, const struct block_request *req)
{
    const struct block_info *info = &dev->info;

    switch (req->op) {
    case BLOCK_FLUSH:
        return info->can_flush ? 0 : -EOPNOTSUPP;
    case BLOCK_DISCARD:
        return check_erase(dev, req, info->can_discard, info->discard_sectors_max);
    case BLOCK_WRITE_ZEROES:
        return check_erase(dev, req, info->can_write_zeroes, info->write_zeroes_sectors_max);
    default:
        return -EINVAL;
    }
}

static inline int add_data(struct block_device *dev, void *queue, struct block_request *req)
{
    int err;

    if (req->op == BLOCK_WRITE && dev->info.read_only)
        return -EROFS;
    err = check_data(dev, req);
    return LIKELY(err == 0) ? dev->ops->add_data(queue, req) : err;
}

static __attribute__((noinline)) int add_rare(struct block_device *dev, void *queue,
                                              struct block_request *req)
{
    int err = check_rare(dev, req);

    return err == 0 ? dev->ops->add_rare(queue, req) : err;
}

unsigned block_submit(struct block_device *dev, struct block_request *const *reqs, unsigned cnt)
{
    struct block_request *failed = NULL, **end = &failed;
    uint64_t irq = cpu_irq_save();
    void *queue = dev->ops->begin(dev);
    unsigned i;

    for (i = 0; i < cnt; i++) {
        struct block_request *req = reqs[i];
        int err =
            LIKELY(req->op <= BLOCK_WRITE) ? add_data(dev, queue, req) : add_rare(dev, queue, req);

        if (LIKELY(err == 0))
            continue;
        if (err == -ENOSPC)
            break;
        req->status = err;
        *end = req;
        end = &req->next;
    }
    *end = NULL;
    dev->ops->end(queue);
    block_complete(failed);
    cpu_irq_restore(irq);
    return i;
}

unsigned block_poll(struct block_device *dev)
{
    uint64_t irq = cpu_irq_save();
    unsigned cnt = dev->ops->poll(dev);

    cpu_irq_restore(irq);
    return cnt;
}
