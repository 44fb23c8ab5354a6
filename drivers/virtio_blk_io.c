/* The block driver's data path: requests into this CPU's ring, completions out of any. Header,
 * discard range and status byte lie in the request's private words, so nothing is allocated or
 * copied on the way. */
#include <errno.h>

#include "arch/barrier.h"
#include "arch/cpu.h"
#include "arch/memory.h"
#include "drivers/virtio_blk.h"
#include "drivers/virtio_blk_spec.h"

#define LIKELY(x) __builtin_expect(!!(x), 1)

#define STATUS_UNWRITTEN 0xff /* no device answers this */

struct blk_private {
    struct virtio_blk_outhdr hdr;
    struct virtio_blk_discard_write_zeroes range;
    uint8_t status;
    uint8_t cpu; /* that submitted it; no descriptor covers this */
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
static inline int add_chain(struct virtio_blk_queue *q, struct block_request *req, uint32_t type,
                            struct virtqueue_seg *segs, unsigned data_cnt, bool data_in)
{
    struct blk_private *private = private_of(req);
    uint64_t private_pa = virt_to_phys(private);
    unsigned out_cnt = 1;

    private->hdr.type = type;
    private->hdr.ioprio = 0;
    private->status = STATUS_UNWRITTEN;
    private->cpu = q->submitter;
    segs[0].pa = private_pa;
    segs[0].len = sizeof(private->hdr);
    segs[data_cnt + 1].pa = private_pa + offsetof(struct blk_private, status);
    segs[data_cnt + 1].len = sizeof(private->status);
    if (!data_in)
        out_cnt += data_cnt;
    return virtqueue_add(q->vq, segs, out_cnt, data_cnt + 2 - out_cnt, req);
}

_Static_assert((int)BLOCK_READ == VIRTIO_BLK_T_IN && (int)BLOCK_WRITE == VIRTIO_BLK_T_OUT,
               "reads and writes carry the device's own numbers");

static int blk_add_data(void *queue, struct block_request *req)
{
    struct virtio_blk_queue *q = queue;
    struct virtqueue_seg segs[VIRTIO_BLK_SEG_MAX + 2], *seg = segs;
    const struct block_segment *s = req->segs, *end = s + req->seg_cnt;

    do {
        (++seg)->pa = virt_to_phys(s->data);
        seg->len = s->len;
    } while (++s < end);
    private_of(req)->hdr.sector = req->sector;
    return add_chain(q, req, req->op, segs, req->seg_cnt, req->op == BLOCK_READ);
}

static inline int add_flush(struct virtio_blk_queue *q, struct block_request *req)
{
    struct virtqueue_seg segs[2];

    private_of(req)->hdr.sector = 0;
    return add_chain(q, req, VIRTIO_BLK_T_FLUSH, segs, 0, false);
}

static inline int add_range(struct virtio_blk_queue *q, struct block_request *req, uint32_t type)
{
    struct blk_private *private = private_of(req);
    struct virtqueue_seg segs[3];

    private->hdr.sector = 0;
    private->range.sector = req->sector;
    private->range.num_sectors = (uint32_t)req->sector_cnt;
    private->range.flags = 0;
    segs[1].pa = virt_to_phys(&private->range);
    segs[1].len = sizeof(private->range);
    return add_chain(q, req, type, segs, 1, false);
}

static int blk_add_rare(void *queue, struct block_request *req)
{
    struct virtio_blk_queue *q = queue;

    if (req->op == BLOCK_FLUSH)
        return add_flush(q, req);
    return add_range(q, req,
                     req->op == BLOCK_DISCARD ? VIRTIO_BLK_T_DISCARD : VIRTIO_BLK_T_WRITE_ZEROES);
}

static void *blk_begin(struct block_device *dev)
{
    unsigned cpu = cpu_this()->id;
    struct virtio_blk_queue *q = to_blk(dev)->cpu_queues[cpu];

    spin_acquire(&q->lock);
    q->submitter = (uint8_t)cpu;
    return q;
}

static void blk_end(void *queue)
{
    struct virtio_blk_queue *q = queue;

    if ((q->harvesting & CPU_MASK(q->submitter)) == 0) {
        virtqueue_kick(q->vq);
        if (!LIKELY(q->watchdog_armed))
            virtio_blk_watchdog_start(q);
    }
    spin_release(&q->lock);
}

int virtio_blk_send_id(struct virtio_blk *blk)
{
    struct virtqueue_seg segs[3];
    uint64_t irq = cpu_irq_save();
    struct virtio_blk_queue *q = blk_begin(&blk->block);
    int err;

    private_of(&blk->id_req)->hdr.sector = 0;
    segs[1].pa = virt_to_phys(blk->id);
    segs[1].len = VIRTIO_BLK_ID_BYTES;
    err = add_chain(q, &blk->id_req, VIRTIO_BLK_T_GET_ID, segs, 1, true);
    blk_end(q);
    cpu_irq_restore(irq);
    return err;
}

static __attribute__((noinline)) int failed_status(struct virtio_blk_queue *q,
                                                   const struct block_request *req, uint8_t status)
{
    struct virtio_blk *blk = q->blk;
    const char *op = req == &blk->id_req ? "get-id" : block_op_name(req->op);

    q->error_cnt++;
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
static inline int status_of(struct virtio_blk_queue *q, struct block_request *req, uint32_t len)
{
    uint8_t status = READ_ONCE(private_of(req)->status);

    if (LIKELY(status == VIRTIO_BLK_S_OK) &&
        (len > 0 || !virtio_has_feature(q->blk->dev, VIRTIO_F_VERSION_1)))
        return 0;
    return failed_status(q, req, status == VIRTIO_BLK_S_OK ? STATUS_UNWRITTEN : status);
}

/* Takes up to one ring of finished requests off @q into a list, with their status. */
static inline unsigned take_finished(struct virtio_blk_queue *q, uint8_t cpu,
                                     struct block_request **list)
{
    struct virtqueue *vq = q->vq;
    struct block_request *req;
    unsigned cnt = 0, max = vq->size;
    uint32_t len;

    while (cnt < max && (req = virtqueue_get(vq, &len)) != NULL) {
        cnt++;
        req->status = status_of(q, req, len);
        if (!LIKELY(private_of(req)->cpu == cpu))
            q->elsewhere_cnt++;
        *list = req;
        list = &req->next;
    }
    *list = NULL;
    q->completed_cnt += cnt;
    return cnt;
}

/* What is left after one ring of work is harvested later, so that others get their turn. */
unsigned virtio_blk_harvest(struct virtio_blk_queue *q)
{
    unsigned cpu = cpu_this()->id, cnt = 0;
    struct block_request *list;
    const char *broken;

    spin_acquire(&q->lock);
    if ((q->harvesting & CPU_MASK(cpu)) == 0) {
        cnt = take_finished(q, (uint8_t)cpu, &list);
        if (LIKELY(cnt > 0)) {
            q->harvesting |= CPU_MASK(cpu);
            spin_release(&q->lock);
            block_complete(list);
            spin_acquire(&q->lock);
            q->harvesting &= ~CPU_MASK(cpu);
            virtqueue_kick(q->vq);
            /* Another CPU's tick may have found nothing in flight meanwhile. */
            if (virtio_blk_in_flight(q) > 0)
                virtio_blk_watchdog_start(q);
            if (cnt == q->vq->size && virtqueue_enable_cb(q->vq))
                virtio_blk_harvest_later(q);
        }
    }
    broken = q->vq->broken;
    spin_release(&q->lock);
    if (broken != NULL)
        virtio_device_kill(q->blk->dev, broken);
    return cnt;
}

void virtio_blk_complete_all(struct virtio_blk *blk, const char *reason, int status)
{
    for (unsigned i = 0; i < blk->queue_cnt; i++) {
        struct virtio_blk_queue *q = &blk->queues[i];
        struct block_request *req, *list = NULL, **end = &list;
        uint64_t irq = spin_lock(&q->lock);

        virtqueue_stop(q->vq, reason);
        while ((req = virtqueue_drain(q->vq)) != NULL) {
            q->completed_cnt++;
            q->error_cnt++;
            req->status = status;
            *end = req;
            end = &req->next;
        }
        *end = NULL;
        spin_release(&q->lock);
        block_complete(list);
        cpu_irq_restore(irq);
    }
}

static unsigned blk_poll(struct block_device *dev)
{
    return virtio_blk_harvest(to_blk(dev)->cpu_queues[cpu_this()->id]);
}

static void blk_stats(const struct block_device *dev, struct block_stats *stats)
{
    const struct virtio_blk *blk = to_blk(dev);

    *stats = (struct block_stats){0};
    for (unsigned i = 0; i < blk->queue_cnt; i++) {
        const struct virtio_blk_queue *q = &blk->queues[i];

        stats->request_cnt += READ_ONCE(q->completed_cnt);
        stats->error_cnt += READ_ONCE(q->error_cnt);
        stats->elsewhere_cnt += READ_ONCE(q->elsewhere_cnt);
        stats->notify_cnt += READ_ONCE(q->vq->notify_cnt);
        stats->interrupt_cnt += READ_ONCE(q->vq->interrupt_cnt);
    }
}

const struct block_ops virtio_blk_ops = {
    .begin = blk_begin,
    .add_data = blk_add_data,
    .add_rare = blk_add_rare,
    .end = blk_end,
    .poll = blk_poll,
    .stats = blk_stats,
};
