/* The register of network devices, and what is the same for all of them: one user each, waiting,
 * link state. */
#include "drivers/netdev.h"

#include <errno.h>
#include <string.h>

#include "arch/clock.h"
#include "arch/cpu.h"
#include "kernel/log.h"

static struct list devices = LIST_INIT(devices);

void netdev_register(struct netdev *dev)
{
    wait_queue_init(&dev->rx_wait);
    list_append(&devices, &dev->link);
}

static unsigned gone_send(struct netdev *dev, struct netbuf *const *bufs, unsigned cnt)
{
    (void)dev;
    (void)bufs;
    (void)cnt;
    return 0;
}

static unsigned gone_receive(struct netdev *dev, struct netbuf **bufs, unsigned cnt)
{
    return gone_send(dev, bufs, cnt);
}

static bool gone_pending(struct netdev *dev)
{
    (void)dev;
    return false;
}

static void gone_refill(struct netdev *dev)
{
    dev->starved = false;
}

static const struct netdev_ops gone_ops = {
    .send = gone_send,
    .receive = gone_receive,
    .pending = gone_pending,
    .refill = gone_refill,
};

bool netdev_unregister(struct netdev *dev)
{
    uint64_t irq = cpu_irq_save();

    list_remove(&dev->link);
    dev->ops = &gone_ops;
    netdev_set_link(dev, false);
    cpu_irq_restore(irq);
    return !dev->opened;
}

struct netdev *netdev_find(const char *name)
{
    LIST_FOR_EACH(it, &devices) {
        struct netdev *dev = CONTAINER_OF(it, struct netdev, link);

        if (strcmp(dev->info.name, name) == 0)
            return dev;
    }
    return NULL;
}

struct netdev *netdev_get(unsigned index)
{
    LIST_FOR_EACH(it, &devices) {
        if (index-- == 0)
            return CONTAINER_OF(it, struct netdev, link);
    }
    return NULL;
}

const struct netdev_info *netdev_info(const struct netdev *dev)
{
    return &dev->info;
}

void netdev_stats(const struct netdev *dev, struct netdev_stats *stats)
{
    uint64_t irq = cpu_irq_save();

    *stats = dev->stats;
    cpu_irq_restore(irq);
}

bool netdev_link_up(const struct netdev *dev)
{
    return dev->link_up;
}

int netdev_open(struct netdev *dev, void (*rx)(void *arg), void (*link)(void *arg, bool up),
                void *arg)
{
    uint64_t irq = cpu_irq_save();
    int err = dev->opened ? -EBUSY : 0;

    if (err == 0) {
        dev->opened = true;
        dev->rx = rx;
        dev->link_changed = link;
        dev->user = arg;
        /* The interrupt for frames that wait already has come and gone. */
        if (rx != NULL && dev->ops->pending(dev))
            rx(arg);
    }
    cpu_irq_restore(irq);
    return err;
}

void netdev_close(struct netdev *dev)
{
    uint64_t irq = cpu_irq_save();

    dev->opened = false;
    dev->rx = NULL;
    dev->link_changed = NULL;
    cpu_irq_restore(irq);
}

unsigned netdev_send(struct netdev *dev, struct netbuf *const *bufs, unsigned cnt)
{
    uint64_t irq = cpu_irq_save();
    unsigned sent = dev->link_up ? dev->ops->send(dev, bufs, cnt) : 0;

    cpu_irq_restore(irq);
    return sent;
}

unsigned netdev_receive(struct netdev *dev, struct netbuf **bufs, unsigned cnt)
{
    uint64_t irq = cpu_irq_save();
    unsigned got = dev->ops->receive(dev, bufs, cnt);

    cpu_irq_restore(irq);
    return got;
}

int netdev_wait(struct netdev *dev, uint64_t timeout_ns)
{
    uint64_t now = clock_ns();
    uint64_t deadline = timeout_ns < WAIT_FOREVER - now ? now + timeout_ns : WAIT_FOREVER;

    return WAIT_UNTIL(&dev->rx_wait, deadline, dev->ops->pending(dev));
}

void netdev_rx_ready(struct netdev *dev)
{
    if (dev->rx != NULL)
        dev->rx(dev->user);
    wait_queue_wake_all(&dev->rx_wait);
}

void netdev_set_link(struct netdev *dev, bool up)
{
    if (dev->link_up == up)
        return;
    dev->link_up = up;
    at_line("event", "name=%s kind=link state=%s", dev->info.name, up ? "up" : "down");
    if (dev->link_changed != NULL)
        dev->link_changed(dev->user, up);
}
