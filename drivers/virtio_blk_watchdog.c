/* Looks once a second after a queue's requests in flight: notifies again, and gives the device up
 * when the queue completes nothing for half a minute. It counts ticks, not time: a paused machine
 * does not expire. Completions whose interrupt never came are found by virtio_watchdog.c. */
#include <errno.h>

#include "arch/clock.h"
#include "drivers/virtio_blk.h"

#define TICK_NS     1000000000ull
#define STALLED_MAX 30u
#define LATER_NS    20000ull

static void watchdog_arm(struct virtio_blk_queue *q)
{
    q->watchdog_armed = true;
    timer_arm(&q->watchdog, clock_ns() + TICK_NS);
}

/* Notes progress, else asks the device again. False when it is to be given up. */
static bool watchdog_judge(struct virtio_blk_queue *q)
{
    if (q->vq->broken != NULL || virtio_blk_in_flight(q) == 0)
        return true;
    if (q->completed_cnt != q->watchdog_seen) {
        q->watchdog_seen = q->completed_cnt;
        q->stalled_ticks = 0;
    } else if (++q->stalled_ticks >= STALLED_MAX) {
        return false;
    } else {
        virtqueue_notify_force(q->vq);
    }
    watchdog_arm(q);
    return true;
}

static void watchdog_tick(void *arg)
{
    struct virtio_blk_queue *q = arg;
    struct virtio_blk *blk = q->blk;
    uint64_t irq = spin_lock(&q->lock);
    bool alive;

    q->watchdog_armed = false;
    alive = watchdog_judge(q);
    spin_unlock(&q->lock, irq);
    if (alive)
        return;
    blk->dead_status = -ETIMEDOUT;
    virtio_device_kill(blk->dev, "no request completed for 30 s");
}

static void rest_tick(void *arg)
{
    struct virtio_blk_queue *q = arg;
    uint64_t irq = spin_lock(&q->lock);

    q->rest_armed = false;
    spin_unlock(&q->lock, irq);
    virtio_blk_harvest(q);
}

void virtio_blk_harvest_later(struct virtio_blk_queue *q)
{
    if (q->rest_armed)
        return;
    q->rest_armed = true;
    timer_arm(&q->rest, clock_ns() + LATER_NS);
}

void virtio_blk_watchdog_setup(struct virtio_blk_queue *q)
{
    timer_setup(&q->watchdog, watchdog_tick, q);
    timer_setup(&q->rest, rest_tick, q);
}

void virtio_blk_watchdog_start(struct virtio_blk_queue *q)
{
    q->watchdog_seen = q->completed_cnt;
    q->stalled_ticks = 0;
    watchdog_arm(q);
}

void virtio_blk_watchdog_cancel(struct virtio_blk_queue *q)
{
    timer_cancel(&q->watchdog);
    timer_cancel(&q->rest);
}
