/* The blocking calls: transfers of any length, split into requests of which several are in flight
 * at a time. */
#include <errno.h>

#include "arch/cpu.h"
#include "drivers/blockdev.h"
#include "kernel/thread.h"

#define IN_FLIGHT_MAX 8u
#define CHUNK_MAX \
    (256u * 1024) /* so that a long transfer is split even where one request could carry it */
#define RETRY_NS 1000000ull /* others have filled the ring: look again */

/* One call's requests. */
struct transfer {
    struct block_device *dev;
    enum block_op op;
    uint64_t sector;
    char *data;       /* NULL: no data */
    uint64_t left;    /* bytes still to be started; a flush counts as one */
    uint64_t chunk;   /* most bytes a request */
    unsigned pending; /* requests in flight */
    int status;       /* first error */
    struct wait_queue done;
    struct slot {
        struct block_request req;
        struct block_segment seg;
        struct slot *next_free;
    } slots[IN_FLIGHT_MAX];
    struct slot *free;
};

static void transfer_done(struct block_request *req)
{
    struct transfer *transfer = req->user;
    struct slot *slot = CONTAINER_OF(req, struct slot, req);

    if (req->status != 0 && transfer->status == 0)
        transfer->status = req->status;
    slot->next_free = transfer->free;
    transfer->free = slot;
    transfer->pending--;
    wait_queue_wake_one(&transfer->done);
}

/* Fills @slot with the next piece; returns the piece's bytes. */
static uint64_t fill(struct transfer *transfer, struct slot *slot)
{
    uint64_t len = transfer->left < transfer->chunk ? transfer->left : transfer->chunk;
    struct block_request *req = &slot->req;

    req->op = transfer->op;
    req->sector = transfer->sector;
    req->sector_cnt = len / BLOCK_SECTOR_SIZE;
    slot->seg.data = transfer->data;
    slot->seg.len = (uint32_t)len;
    req->segs = &slot->seg;
    req->seg_cnt = transfer->data != NULL ? 1 : 0;
    req->done = transfer_done;
    req->user = transfer;
    return len;
}

/* Starts one more request; false when the device has no room. Interrupts are off. */
static bool start_one(struct transfer *transfer)
{
    struct slot *slot = transfer->free;
    struct block_request *req = &slot->req;
    uint64_t len = fill(transfer, slot);

    transfer->free = slot->next_free;
    transfer->pending++;
    if (block_submit(transfer->dev, &req, 1) == 0) {
        transfer->pending--;
        transfer->free = slot;
        return false;
    }
    transfer->left -= len;
    transfer->sector += len / BLOCK_SECTOR_SIZE;
    if (transfer->data != NULL)
        transfer->data += len;
    return true;
}

/* The waits are bounded by the driver: it completes every request (struct block_ops). */
static int run(struct transfer *transfer)
{
    uint64_t irq;

    wait_queue_init(&transfer->done);
    transfer->free = NULL;
    for (unsigned i = 0; i < IN_FLIGHT_MAX; i++) {
        transfer->slots[i].next_free = transfer->free;
        transfer->free = &transfer->slots[i];
    }
    irq = cpu_irq_save();
    for (;;) {
        bool more = transfer->left > 0 && transfer->status == 0;

        if (!more && transfer->pending == 0)
            break;
        if (more && transfer->free != NULL && start_one(transfer))
            continue;
        if (transfer->pending > 0)
            wait_queue_sleep(&transfer->done, WAIT_FOREVER);
        else
            thread_sleep_ns(RETRY_NS);
    }
    cpu_irq_restore(irq);
    return transfer->status;
}

/* Checked for the whole transfer, so that one that cannot succeed changes nothing. */
static bool in_range(const struct block_info *info, uint64_t sector, uint64_t cnt)
{
    return sector <= info->sector_cnt && cnt <= info->sector_cnt - sector;
}

static int transfer_data(struct block_device *dev, enum block_op op, uint64_t sector, void *data,
                         size_t len)
{
    const struct block_info *info = &dev->info;
    uint32_t chunk = CHUNK_MAX;
    struct transfer transfer;

    if (op == BLOCK_WRITE && info->read_only)
        return -EROFS;
    if (((sector * BLOCK_SECTOR_SIZE | len) & (info->block_size - 1)) != 0)
        return -EINVAL;
    if (!in_range(info, sector, len / BLOCK_SECTOR_SIZE))
        return -ERANGE;
    if (len == 0)
        return 0;
    if (chunk > info->request_len_max)
        chunk = info->request_len_max;
    if (chunk > info->seg_len_max)
        chunk = info->seg_len_max;
    chunk &= ~(info->block_size - 1);
    if (chunk == 0)
        return -EOPNOTSUPP;
    transfer.dev = dev;
    transfer.op = op;
    transfer.sector = sector;
    transfer.data = data;
    transfer.left = len;
    transfer.chunk = chunk;
    transfer.pending = 0;
    transfer.status = 0;
    return run(&transfer);
}

static int transfer_nothing(struct block_device *dev, enum block_op op, uint64_t sector,
                            uint64_t len, uint64_t chunk)
{
    struct transfer transfer;

    transfer.dev = dev;
    transfer.op = op;
    transfer.sector = sector;
    transfer.data = NULL;
    transfer.left = len;
    transfer.chunk = chunk;
    transfer.pending = 0;
    transfer.status = 0;
    return run(&transfer);
}

int block_read(struct block_device *dev, uint64_t sector, void *data, size_t len)
{
    return transfer_data(dev, BLOCK_READ, sector, data, len);
}

int block_write(struct block_device *dev, uint64_t sector, const void *data, size_t len)
{
    return transfer_data(dev, BLOCK_WRITE, sector, (void *)(uintptr_t)data, len);
}

int block_flush(struct block_device *dev)
{
    return dev->info.can_flush ? transfer_nothing(dev, BLOCK_FLUSH, 0, 1, 1) : 0;
}

static int erase(struct block_device *dev, enum block_op op, bool supported, uint64_t sector,
                 uint64_t sector_cnt, uint64_t sectors_max)
{
    if (!supported)
        return -EOPNOTSUPP;
    if (dev->info.read_only)
        return -EROFS;
    if (!in_range(&dev->info, sector, sector_cnt))
        return -ERANGE;
    return transfer_nothing(dev, op, sector, sector_cnt * BLOCK_SECTOR_SIZE,
                            sectors_max * BLOCK_SECTOR_SIZE);
}

int block_discard(struct block_device *dev, uint64_t sector, uint64_t sector_cnt)
{
    return erase(dev, BLOCK_DISCARD, dev->info.can_discard, sector, sector_cnt,
                 dev->info.discard_sectors_max);
}

int block_write_zeroes(struct block_device *dev, uint64_t sector, uint64_t sector_cnt)
{
    return erase(dev, BLOCK_WRITE_ZEROES, dev->info.can_write_zeroes, sector, sector_cnt,
                 dev->info.write_zeroes_sectors_max);
}
