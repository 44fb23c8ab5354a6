/* Looks once a second after requests in flight: finds completions whose interrupt never came,
 * notifies again, and gives a device up that completes nothing for half a minute. It counts ticks,
 * not time: a paused machine does not expire. */
#include <errno.h>

#include "arch/clock.h"
#include "drivers/virtio_blk.h"

#define TICK_NS     1000000000ull
#define STALLED_MAX 30u
#define SOON_NS     20000ull

static void watchdog_arm(struct virtio_blk *blk)
{
    blk->watchdog_armed = true;
    timer_arm(&blk->watchdog, clock_ns() + TICK_NS);
}

static void watchdog_tick(void *arg)
{
    static struct log_limit limit;
    struct virtio_blk *blk = arg;
    unsigned found;

    blk->watchdog_armed = false;
    found = virtio_blk_harvest(blk);
    if (blk->dev->dead != NULL)
        return;
    if (found > 0 && blk->stalled_ticks > 0)
        log_limited(&limit, LOG_WARN, "%s: %u requests were complete, but no interrupt had come",
                    blk->block.info.name, found);
    if (virtio_blk_in_flight(blk) == 0 || blk->watchdog_armed)
        return;
    if (blk->completed_cnt != blk->watchdog_seen) {
        blk->watchdog_seen = blk->completed_cnt;
        blk->stalled_ticks = 0;
    } else if (++blk->stalled_ticks >= STALLED_MAX) {
        blk->dead_status = -ETIMEDOUT;
        virtio_device_kill(blk->dev, "no request completed for 30 s");
        return;
    } else {
        virtqueue_notify_force(blk->vq);
    }
    watchdog_arm(blk);
}

void virtio_blk_watchdog_soon(struct virtio_blk *blk)
{
    blk->watchdog_armed = true;
    timer_arm(&blk->watchdog, clock_ns() + SOON_NS);
}

void virtio_blk_watchdog_setup(struct virtio_blk *blk)
{
    timer_setup(&blk->watchdog, watchdog_tick, blk);
}

void virtio_blk_watchdog_start(struct virtio_blk *blk)
{
    if (__builtin_expect(blk->watchdog_armed, 1))
        return;
    blk->watchdog_seen = blk->completed_cnt;
    blk->stalled_ticks = 0;
    watchdog_arm(blk);
}
