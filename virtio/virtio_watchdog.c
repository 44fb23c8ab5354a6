/* Interrupts that get lost on the way: used work that the device was to announce, and for a whole
 * period has not, is completed as if the interrupt had come. It is warned about once a queue. */
#include "arch/clock.h"
#include "kernel/log.h"
#include "virtio/virtio_impl.h"

#define PERIOD_NS 250000000ull

/* Twice in a row with nothing taken and no interrupt in between. */
static bool lost(struct virtqueue *vq)
{
    struct virtqueue_watch now = {.interrupt_cnt = vq->interrupt_cnt}, before = vq->watch;

    now.overdue = vq->broken == NULL && virtqueue_overdue(vq, &now.taken);
    vq->watch = now;
    return now.overdue && before.overdue && now.taken == before.taken &&
           now.interrupt_cnt == before.interrupt_cnt;
}

static void complete(struct virtqueue *vq)
{
    vq->watch.overdue = false;
    if (vq->lost_cnt++ == 0)
        log_warn("%s: queue %s: an interrupt was lost; its work is done all the same", vq->dev_name,
                 vq->name);
    vq->dev->transport->irq->lost(vq);
    vq->callback(vq);
}

static void tick(void *arg)
{
    struct virtio_device *dev = arg;

    if (dev->dead != NULL)
        return;
    dev->transport->irq->tick(dev);
    for (unsigned i = 0; i < dev->queue_cnt; i++) {
        struct virtqueue *vq = dev->queues[i];

        if (vq != NULL && vq->callback != NULL && lost(vq))
            complete(vq);
    }
    timer_arm(&dev->watchdog, clock_ns() + PERIOD_NS);
}

void virtio_watchdog_start(struct virtio_device *dev)
{
    timer_setup(&dev->watchdog, tick, dev);
    if (dev->irqs_set_up && dev->transport->irq->watched != NULL &&
        dev->transport->irq->watched(dev))
        timer_arm(&dev->watchdog, clock_ns() + PERIOD_NS);
}

void virtio_watchdog_stop(struct virtio_device *dev)
{
    timer_cancel(&dev->watchdog);
}
