/* The blocking calls: transfers of any length, split into requests of which several are in flight
 * at a time. */
#include <errno.h>

#include "arch/spinlock.h"
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
    char *data;     /* NULL: no data */
    uint64_t left;  /* bytes still to be started; a flush counts as one */
    uint64_t chunk; /* most bytes a request */
    struct slot {
        struct block_request req;
        struct block_segment seg;
        struct slot *next_free;
    } slots[IN_FLIGHT_MAX];

    struct spinlock lock; /* what follows is shared with completions on any CPU */
    struct slot *free;
    unsigned pending; /* requests in flight */
    int status;       /* first error */
    struct wait_queue done;
};

/* The transfer lies on the stack of a thread that may go on as soon as the lock is free: nothing is
 * touched after that. */
static void transfer_done(struct block_request *req)
{
    struct transfer *transfer = req->user;
    struct slot *slot = CONTAINER_OF(req, struct slot, req);

    spin_acquire(&transfer->lock);
    if (req->status != 0 && transfer->status == 0)
        transfer->status = req->status;
    slot->next_free = transfer->free;
    transfer->free = slot;
    transfer->pending--;
    wait_queue_wake_one(&transfer->done);
    spin_release(&transfer->lock);
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

/* Starts the next piece in @slot; false when the device has no room. The lock is not held. */
static bool start_piece(struct transfer *transfer, struct slot *slot)
{
    struct block_request *req = &slot->req;
    uint64_t len = fill(transfer, slot);

    if (block_submit(transfer->dev, &req, 1) == 0)
        return false;
    transfer->left -= len;
    transfer->sector += len / BLOCK_SECTOR_SIZE;
    if (transfer->data != NULL)
        transfer->data += len;
    return true;
}

/* One more step of the transfer, with the lock held by @irq: starts a request, or waits. */
static uint64_t step(struct transfer *transfer, bool more, uint64_t irq)
{
    struct slot *slot = more ? transfer->free : NULL;
    bool started;

    if (slot != NULL) {
        transfer->free = slot->next_free;
        transfer->pending++;
        spin_unlock(&transfer->lock, irq);
        started = start_piece(transfer, slot);
        irq = spin_lock(&transfer->lock);
        if (started)
            return irq;
        transfer->pending--;
        slot->next_free = transfer->free;
        transfer->free = slot;
    }
    if (transfer->pending > 0) {
        wait_queue_sleep_locked(&transfer->done, &transfer->lock, WAIT_FOREVER);
        return irq;
    }
    spin_unlock(&transfer->lock, irq);
    thread_sleep_ns(RETRY_NS);
    return spin_lock(&transfer->lock);
}

/* The waits are bounded by the driver: it completes every request (struct block_ops). */
static int run(struct transfer *transfer)
{
    uint64_t irq;
    bool more;

    transfer->lock = (struct spinlock){0};
    transfer->pending = 0;
    transfer->status = 0;
    wait_queue_init(&transfer->done);
    transfer->free = NULL;
    for (unsigned i = 0; i < IN_FLIGHT_MAX; i++) {
        transfer->slots[i].next_free = transfer->free;
        transfer->free = &transfer->slots[i];
    }
    irq = spin_lock(&transfer->lock);
    while ((more = transfer->left > 0 && transfer->status == 0) || transfer->pending > 0)
        irq = step(transfer, more, irq);
    spin_unlock(&transfer->lock, irq);
    return transfer->status;
}

static int transfer_data(struct block_device *dev, enum block_op op, uint64_t sector, void *data,
                         size_t len)
{
    const struct block_info *info = &dev->info;
    uint32_t chunk = CHUNK_MAX;
    struct transfer transfer;
    int err;

    if (op == BLOCK_WRITE && info->read_only)
        return -EROFS;
    if (((sector * BLOCK_SECTOR_SIZE | len) & (info->block_size - 1)) != 0)
        return -EINVAL;
    /* For the whole transfer, so that one that cannot succeed changes nothing. */
    err = block_check_range(dev, sector, len / BLOCK_SECTOR_SIZE);
    if (err != 0 || len == 0)
        return err;
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
    int err;

    if (!supported)
        return -EOPNOTSUPP;
    if (dev->info.read_only)
        return -EROFS;
    err = block_check_range(dev, sector, sector_cnt);
    if (err != 0)
        return err;
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
