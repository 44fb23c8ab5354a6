/* Interrupts and notifications that get lost: used work that the device was to announce, and for a
 * whole period has not, is completed as if its interrupt had come; a device that leaves chains
 * alone is notified again. Either is warned about once a queue. */
#include "arch/barrier.h"
#include "arch/clock.h"
#include "arch/smp.h"
#include "kernel/log.h"
#include "virtio/virtio_impl.h"

#define PERIOD_NS   250000000ull
#define STILL_TICKS 4u  /* a second without progress, then the device is notified again */
#define AGAIN_MAX   30u /* times, before it is left to itself until it gets on */

/* Overdue, and since @before nothing was taken and no interrupt came. Notes what it sees. */
static bool overdue_since(struct virtqueue *vq, const struct virtqueue_watch *before)
{
    struct virtqueue_watch now = *before;

    now.interrupt_cnt = vq->interrupt_cnt;
    now.suspect = false;
    now.overdue = vq->broken == NULL && virtqueue_overdue(vq, &now.taken);
    vq->watch = now;
    return now.overdue && before->overdue && now.taken == before->taken &&
           now.interrupt_cnt == before->interrupt_cnt;
}

/* Interrupt context, on the CPU that takes the queue's interrupts, or this one if need be. */
static void complete(void *arg)
{
    struct virtqueue *vq = arg;

    vq->watch.overdue = false;
    if (vq->lost_cnt++ == 0)
        log_warn("%s: queue %s: an interrupt was lost; its work is done all the same", vq->dev_name,
                 vq->name);
    vq->dev->transport->irq->lost(vq);
    vq->callback(vq);
}

static void confirm_queue(struct virtqueue *vq)
{
    const struct virtqueue_watch before = vq->watch;

    if (!before.suspect)
        return;
    if (overdue_since(vq, &before) && vq->dev->dead == NULL)
        smp_call(CPU_MASK(vq->dev->transport->irq->cpu(vq)), complete, vq);
}

/* A CPU that did not get to run for a while, in a machine that shares it, still has its interrupts
 * before it: they are let through first. */
static void confirm(void *arg)
{
    struct virtio_device *dev = arg;

    WRITE_ONCE(dev->watchdog_busy, true);
    smp_sync(cpu_mask_all());
    for (unsigned i = 0; i < dev->queue_cnt; i++) {
        if (dev->queues[i] != NULL)
            confirm_queue(dev->queues[i]);
    }
    WRITE_ONCE(dev->watchdog_busy, false);
}

/*
 * A suspect is the worker's, on this CPU, while that is about it. One that it has not got round to
 * for another period is completed here: a thread that never yields may be what waits for it.
 */
static void look(struct virtqueue *vq)
{
    const struct virtqueue_watch before = vq->watch;

    if ((before.suspect && READ_ONCE(vq->dev->watchdog_busy)) || !overdue_since(vq, &before))
        return;
    if (before.suspect) {
        complete(vq);
        return;
    }
    vq->watch.suspect = true;
    work_queue(&vq->dev->watchdog_work);
}

/*
 * A device may have gone on without saying where it wants the next notification. Chains that it has
 * used, but whose interrupt is yet to come, count as left alone: that interrupt comes by itself
 * once enough of them are used. Without the queue's lock, so at worst a notification too many.
 */
static void look_for_stillness(struct virtqueue *vq)
{
    struct virtqueue_watch *watch = &vq->watch;
    uint64_t chain_cnt = READ_ONCE(vq->chain_cnt);
    uint16_t taken = 0;

    if (vq->broken != NULL)
        return;
    (void)virtqueue_overdue(vq, &taken);
    if ((uint16_t)chain_cnt == taken || chain_cnt != watch->chain_cnt || taken != watch->done) {
        watch->chain_cnt = chain_cnt;
        watch->done = taken;
        watch->still_ticks = 0;
        return;
    }
    if (watch->still_ticks >= STILL_TICKS * AGAIN_MAX || ++watch->still_ticks % STILL_TICKS != 0)
        return;
    if (vq->again_cnt++ == 0)
        log_warn("%s: queue %s: the device leaves chains alone; it is notified again", vq->dev_name,
                 vq->name);
    vq->notify(vq);
}

static bool interrupts_watched(struct virtio_device *dev)
{
    return dev->transport->irq->watched(dev);
}

static bool any_prompt(const struct virtio_device *dev)
{
    for (unsigned i = 0; i < dev->queue_cnt; i++)
        if (dev->queues[i] != NULL && dev->queues[i]->prompt)
            return true;
    return false;
}

static void tick(void *arg)
{
    struct virtio_device *dev = arg;
    const bool watched = interrupts_watched(dev);

    if (dev->dead != NULL)
        return;
    if (watched)
        dev->transport->irq->tick(dev);
    for (unsigned i = 0; i < dev->queue_cnt; i++) {
        struct virtqueue *vq = dev->queues[i];

        if (vq != NULL && vq->prompt)
            look_for_stillness(vq);
        if (watched && vq != NULL && vq->callback != NULL)
            look(vq);
    }
    timer_arm(&dev->watchdog, clock_ns() + PERIOD_NS);
}

void virtio_watchdog_start(struct virtio_device *dev)
{
    timer_setup(&dev->watchdog, tick, dev);
    work_setup(&dev->watchdog_work, confirm, dev);
    if (dev->irqs_set_up && dev->transport->irq->watched != NULL &&
        (interrupts_watched(dev) || any_prompt(dev)))
        timer_arm(&dev->watchdog, clock_ns() + PERIOD_NS);
}

void virtio_watchdog_stop(struct virtio_device *dev)
{
    timer_cancel(&dev->watchdog);
    work_cancel(&dev->watchdog_work);
}
