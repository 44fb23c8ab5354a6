/* The block driver's data path: requests into the ring, completions out of it. Header, discard
 * range and status byte lie in the request's private words, so nothing is allocated or copied on
 * the way. */
#include <errno.h>

#include "arch/barrier.h"
#include "arch/memory.h"
#include "drivers/virtio_blk.h"
#include "drivers/virtio_blk_spec.h"

#define LIKELY(x) __builtin_expect(!!(x), 1)

#define STATUS_UNWRITTEN 0xff /* no device answers this */

struct blk_private {
    struct virtio_blk_outhdr hdr;
    struct virtio_blk_discard_write_zeroes range;
    uint8_t status;
};

_Static_assert(sizeof(struct blk_private) <= sizeof(((struct block_request *)0)->private),
               "a request's private words hold what the device sees");

static inline struct virtio_blk *to_blk(const struct block_device *dev)
{
    return dev->driver_data;
}

static inline struct blk_private *private_of(struct block_request *req)
{
    return (struct blk_private *)req->private;
}

/* Header and status around @data_cnt data segments that already stand at segs[1]. */
static inline int add_chain(struct virtio_blk *blk, struct block_request *req, uint32_t type,
                            struct virtqueue_seg *segs, unsigned data_cnt, bool data_in)
{
    struct blk_private *private = private_of(req);
    uint64_t private_pa = virt_to_phys(private);
    unsigned out_cnt = 1;

    private->hdr.type = type;
    private->hdr.ioprio = 0;
    private->status = STATUS_UNWRITTEN;
    segs[0].pa = private_pa;
    segs[0].len = sizeof(private->hdr);
    segs[data_cnt + 1].pa = private_pa + offsetof(struct blk_private, status);
    segs[data_cnt + 1].len = sizeof(private->status);
    if (!data_in)
        out_cnt += data_cnt;
    return virtqueue_add(blk->vq, segs, out_cnt, data_cnt + 2 - out_cnt, req);
}

_Static_assert((int)BLOCK_READ == VIRTIO_BLK_T_IN && (int)BLOCK_WRITE == VIRTIO_BLK_T_OUT,
               "reads and writes carry the device's own numbers");

static inline int add_data(struct virtio_blk *blk, struct block_request *req)
{
    struct virtqueue_seg segs[VIRTIO_BLK_SEG_MAX + 2], *seg = segs;
    const struct block_segment *s = req->segs, *end = s + req->seg_cnt;

    do {
        (++seg)->pa = virt_to_phys(s->data);
        seg->len = s->len;
    } while (++s < end);
    private_of(req)->hdr.sector = req->sector;
    return add_chain(blk, req, req->op, segs, req->seg_cnt, req->op == BLOCK_READ);
}

static inline int add_flush(struct virtio_blk *blk, struct block_request *req)
{
    struct virtqueue_seg segs[2];

    private_of(req)->hdr.sector = 0;
    return add_chain(blk, req, VIRTIO_BLK_T_FLUSH, segs, 0, false);
}

static inline int add_range(struct virtio_blk *blk, struct block_request *req, uint32_t type)
{
    struct blk_private *private = private_of(req);
    struct virtqueue_seg segs[3];

    private->hdr.sector = 0;
    private->range.sector = req->sector;
    private->range.num_sectors = (uint32_t)req->sector_cnt;
    private->range.flags = 0;
    segs[1].pa = virt_to_phys(&private->range);
    segs[1].len = sizeof(private->range);
    return add_chain(blk, req, type, segs, 1, false);
}

int virtio_blk_add_id(struct virtio_blk *blk)
{
    struct virtqueue_seg segs[3];

    private_of(&blk->id_req)->hdr.sector = 0;
    segs[1].pa = virt_to_phys(blk->id);
    segs[1].len = VIRTIO_BLK_ID_BYTES;
    return add_chain(blk, &blk->id_req, VIRTIO_BLK_T_GET_ID, segs, 1, true);
}

static __attribute__((noinline)) int add_rare(struct virtio_blk *blk, struct block_request *req)
{
    if (req->op == BLOCK_FLUSH)
        return add_flush(blk, req);
    return add_range(blk, req,
                     req->op == BLOCK_DISCARD ? VIRTIO_BLK_T_DISCARD : VIRTIO_BLK_T_WRITE_ZEROES);
}

static int blk_add(struct block_device *dev, struct block_request *req)
{
    struct virtio_blk *blk = to_blk(dev);

    return LIKELY(req->op <= BLOCK_WRITE) ? add_data(blk, req) : add_rare(blk, req);
}

static void blk_kick(struct block_device *dev)
{
    struct virtio_blk *blk = to_blk(dev);

    if (blk->harvesting)
        return;
    virtqueue_kick(blk->vq);
    virtio_blk_watchdog_start(blk);
}

static __attribute__((noinline)) int failed_status(struct virtio_blk *blk,
                                                   const struct block_request *req, uint8_t status)
{
    const char *op = req == &blk->id_req ? "get-id" : block_op_name(req->op);

    blk->error_cnt++;
    if (status == VIRTIO_BLK_S_UNSUPP)
        return -EOPNOTSUPP;
    if (log_limit_pass(&blk->error_log))
        at_line("event", "name=%s kind=io-error op=%s sector=%llu", blk->block.info.name, op,
                (unsigned long long)req->sector);
    if (status != VIRTIO_BLK_S_IOERR)
        log_limited(&blk->status_log, LOG_ERROR, "%s: device left status %#x for a %s",
                    blk->block.info.name, status, op);
    return -EIO;
}

/* The used length tells whether the status byte was written at all, where it can be trusted (not
 * with legacy). */
static inline int status_of(struct virtio_blk *blk, struct block_request *req, uint32_t len)
{
    uint8_t status = READ_ONCE(private_of(req)->status);

    if (LIKELY(status == VIRTIO_BLK_S_OK) &&
        (len > 0 || !virtio_has_feature(blk->dev, VIRTIO_F_VERSION_1)))
        return 0;
    return failed_status(blk, req, status == VIRTIO_BLK_S_OK ? STATUS_UNWRITTEN : status);
}

/* At most one ring of work: what is left after that waits for the watchdog's tick, which is made to
 * come soon. */
unsigned virtio_blk_harvest(struct virtio_blk *blk)
{
    struct virtqueue *vq = blk->vq;
    struct block_request *req;
    unsigned cnt = 0;
    uint32_t len;

    if (blk->harvesting)
        return 0;
    blk->harvesting = true;
    while (cnt < vq->size && (req = virtqueue_get(vq, &len)) != NULL) {
        cnt++;
        block_complete(req, status_of(blk, req, len));
    }
    blk->harvesting = false;
    blk->completed_cnt += cnt;
    if (vq->broken != NULL) {
        virtio_device_kill(blk->dev, vq->broken);
        return cnt;
    }
    virtqueue_kick(vq);
    if (cnt == vq->size && virtqueue_enable_cb(vq))
        virtio_blk_watchdog_soon(blk);
    return cnt;
}

void virtio_blk_complete_all(struct virtio_blk *blk, int status)
{
    struct block_request *req;

    while ((req = virtqueue_drain(blk->vq)) != NULL) {
        blk->completed_cnt++;
        blk->error_cnt++;
        block_complete(req, status);
    }
}

static unsigned blk_poll(struct block_device *dev)
{
    return virtio_blk_harvest(to_blk(dev));
}

static void blk_stats(const struct block_device *dev, struct block_stats *stats)
{
    const struct virtio_blk *blk = to_blk(dev);

    stats->request_cnt = blk->completed_cnt;
    stats->error_cnt = blk->error_cnt;
    stats->notify_cnt = blk->vq->notify_cnt;
    stats->interrupt_cnt = blk->vq->interrupt_cnt;
}

const struct block_ops virtio_blk_ops = {
    .add = blk_add,
    .kick = blk_kick,
    .poll = blk_poll,
    .stats = blk_stats,
};
