/* The register of network devices, and what is the same for all of them: one user each, waiting,
 * link state and other events. */
#include "drivers/netdev.h"

#include <errno.h>
#include <string.h>

#include "arch/clock.h"
#include "arch/smp.h"
#include "kernel/log.h"

#define NUMBER_MAX 256 /* numbers that are given out again */

static struct list devices = LIST_INIT(devices);
static void (*observer)(struct netdev *dev, bool added);

static struct spinlock number_lock; /* of what follows */
static uint64_t numbers_taken[NUMBER_MAX / 64];
static unsigned numbers_beyond;

static void lost_work(void *arg);

unsigned netdev_number_take(void)
{
    uint64_t irq = spin_lock(&number_lock);
    unsigned number = 0;

    while (number < NUMBER_MAX && (numbers_taken[number / 64] >> number % 64 & 1) != 0)
        number++;
    if (number < NUMBER_MAX)
        numbers_taken[number / 64] |= 1ull << number % 64;
    else
        number += numbers_beyond++;
    spin_unlock(&number_lock, irq);
    return number;
}

void netdev_number_put(unsigned number)
{
    uint64_t irq = spin_lock(&number_lock);

    if (number < NUMBER_MAX)
        numbers_taken[number / 64] &= ~(1ull << number % 64);
    spin_unlock(&number_lock, irq);
}

void netdev_observe(void (*fn)(struct netdev *dev, bool added))
{
    observer = fn;
}

void netdev_init(struct netdev *dev)
{
    wait_queue_init(&dev->rx_wait);
    mutex_init(&dev->events);
    work_setup(&dev->lost_work, lost_work, dev);
}

void netdev_register(struct netdev *dev)
{
    dev->link_told = netdev_link_up(dev);
    list_append(&devices, &dev->link);
    if (observer != NULL)
        observer(dev, true);
}

bool netdev_unregister(struct netdev *dev)
{
    if (observer != NULL)
        observer(dev, false);
    list_remove(&dev->link);
    work_cancel(&dev->lost_work);
    lost_work(dev);
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

void netdev_pair_stats(struct netdev *dev, unsigned index, struct netdev_stats *stats)
{
    struct netdev_pair *pair = dev->pairs[index];
    uint64_t irq = spin_lock(&pair->lock);

    *stats = pair->stats;
    spin_unlock(&pair->lock, irq);
}

void netdev_stats(struct netdev *dev, struct netdev_stats *stats)
{
    struct netdev_stats one;

    memset(stats, 0, sizeof(*stats));
    for (unsigned i = 0; i < dev->info.pair_cnt; i++) {
        netdev_pair_stats(dev, i, &one);
        stats->rx_frames += one.rx_frames;
        stats->rx_bytes += one.rx_bytes;
        stats->rx_dropped += one.rx_dropped;
        stats->rx_errors += one.rx_errors;
        stats->tx_frames += one.tx_frames;
        stats->tx_bytes += one.tx_bytes;
        stats->tx_dropped += one.tx_dropped;
    }
}

bool netdev_link_up(const struct netdev *dev)
{
    return __atomic_load_n(&dev->link_up, __ATOMIC_RELAXED) &&
           !__atomic_load_n(&dev->lost, __ATOMIC_RELAXED);
}

/* ---- events ---- */

static void tell(struct netdev *dev, enum netdev_event event)
{
    if (dev->event != NULL)
        dev->event(dev->user, event);
    if (dev->watch != NULL)
        dev->watch(dev->watch_arg, event);
}

/* With the events lock: what is true by now, if it is news. */
static void tell_link(struct netdev *dev)
{
    bool up = netdev_link_up(dev);

    if (up == dev->link_told)
        return;
    dev->link_told = up;
    tell(dev, up ? NETDEV_LINK_UP : NETDEV_LINK_DOWN);
    /* Last: who reads this finds the link in use. */
    at_line("event", "name=%s kind=link state=%s", dev->info.name, up ? "up" : "down");
}

void netdev_set_link(struct netdev *dev, bool up)
{
    mutex_lock(&dev->events);
    __atomic_store_n(&dev->link_up, up, __ATOMIC_RELAXED);
    tell_link(dev);
    mutex_unlock(&dev->events);
}

void netdev_announce(struct netdev *dev)
{
    mutex_lock(&dev->events);
    at_line("event", "name=%s kind=announce", dev->info.name);
    tell(dev, NETDEV_ANNOUNCE);
    mutex_unlock(&dev->events);
}

static void lost_work(void *arg)
{
    struct netdev *dev = arg;

    mutex_lock(&dev->events);
    tell_link(dev);
    mutex_unlock(&dev->events);
}

void netdev_lost(struct netdev *dev)
{
    __atomic_store_n(&dev->lost, true, __ATOMIC_RELAXED);
    work_queue(&dev->lost_work);
}

/* ---- users ---- */

int netdev_open(struct netdev *dev, void (*rx)(void *arg), netdev_event_fn event, void *arg)
{
    uint64_t irq;
    int err = 0;

    mutex_lock(&dev->events);
    if (dev->opened) {
        err = -EBUSY;
    } else {
        dev->opened = true;
        dev->user = arg;
        dev->event = event;
        __atomic_store_n(&dev->rx, rx, __ATOMIC_SEQ_CST);
    }
    mutex_unlock(&dev->events);
    /* The interrupt for frames that wait already may have come and gone. */
    irq = cpu_irq_save();
    if (err == 0 && rx != NULL && dev->ops->pending(dev))
        rx(arg);
    cpu_irq_restore(irq);
    return err;
}

void netdev_close(struct netdev *dev)
{
    mutex_lock(&dev->events);
    __atomic_store_n(&dev->rx, NULL, __ATOMIC_SEQ_CST);
    dev->event = NULL;
    smp_sync(cpu_mask_all()); /* a handler that saw rx is through with it */
    dev->opened = false;
    mutex_unlock(&dev->events);
}

int netdev_watch(struct netdev *dev, netdev_event_fn fn, void *arg)
{
    int err = 0;

    mutex_lock(&dev->events);
    if (fn != NULL && dev->watch != NULL) {
        err = -EBUSY;
    } else {
        dev->watch = fn;
        dev->watch_arg = arg;
    }
    mutex_unlock(&dev->events);
    return err;
}

/* ---- frames ---- */

int netdev_send(struct netdev *dev, struct netbuf *const *bufs, unsigned cnt)
{
    if (__builtin_expect(!netdev_link_up(dev), 0))
        return -ENETDOWN;
    return (int)dev->ops->send(dev, bufs, cnt);
}

unsigned netdev_receive(struct netdev *dev, struct netbuf **bufs, unsigned cnt)
{
    return dev->ops->receive(dev, bufs, cnt);
}

int netdev_wait(struct netdev *dev, uint64_t timeout_ns)
{
    uint64_t now = clock_ns();
    uint64_t deadline = timeout_ns < WAIT_FOREVER - now ? now + timeout_ns : WAIT_FOREVER;

    return WAIT_UNTIL(&dev->rx_wait, deadline, dev->ops->pending(dev));
}

void netdev_rx_ready(struct netdev *dev)
{
    void (*rx)(void *arg) = __atomic_load_n(&dev->rx, __ATOMIC_SEQ_CST);

    if (rx != NULL)
        rx(dev->user);
    wait_queue_wake_all(&dev->rx_wait);
}
