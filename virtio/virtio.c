/* The life of a virtio device, written once for every transport and driver: start, end, and being
 * given up. */
#include "virtio/virtio.h"

#include <errno.h>
#include <string.h>

#include "kernel/format.h"
#include "kernel/log.h"
#include "kernel/panic.h"
#include "virtio/virtio_impl.h"

extern const struct virtio_driver __start_virtio_drivers[], __stop_virtio_drivers[];

#define PREFIX_MAX 8 /* kinds of devices that can be numbered */

static struct list devices = LIST_INIT(devices);

void virtio_for_each(void (*fn)(struct virtio_device *dev, void *arg), void *arg)
{
    LIST_FOR_EACH(it, &devices)
        fn(CONTAINER_OF(it, struct virtio_device, link), arg);
}

struct virtio_device *virtio_find(const char *name)
{
    LIST_FOR_EACH(it, &devices) {
        struct virtio_device *dev = CONTAINER_OF(it, struct virtio_device, link);

        if (strcmp(dev->name, name) == 0)
            return dev;
    }
    return NULL;
}

static const struct virtio_driver *find_driver(uint32_t device_id)
{
    for (const struct virtio_driver *d = __start_virtio_drivers; d < __stop_virtio_drivers; d++) {
        if (d->device_id == device_id)
            return d;
    }
    return NULL;
}

/* Devices are numbered whether or not they come up, so that a broken one does not rename the
 * others. */
static unsigned count_device(const char *prefix)
{
    static struct {
        const char *prefix;
        unsigned next;
    } numbers[PREFIX_MAX];
    unsigned i = 0;

    while (i < PREFIX_MAX - 1 && numbers[i].prefix != NULL &&
           strcmp(numbers[i].prefix, prefix) != 0)
        i++;
    numbers[i].prefix = prefix;
    return numbers[i].next++;
}

static void name_device(struct virtio_device *dev)
{
    const struct virtio_driver *driver = dev->driver;

    dev->number =
        driver->number_take != NULL ? driver->number_take() : count_device(driver->dev_prefix);
    format(dev->name, sizeof(dev->name), "%s%u", driver->dev_prefix, dev->number);
}

static void add_status(struct virtio_device *dev, uint8_t bits)
{
    dev->transport->set_status(dev, dev->transport->get_status(dev) | bits);
}

/* Rings of a reset device are dead, so nothing is written to memory after the machine was told to
 * stop. */
static void reset_all(void)
{
    LIST_FOR_EACH(it, &devices) {
        struct virtio_device *dev = CONTAINER_OF(it, struct virtio_device, link);

        dev->transport->reset(dev);
    }
}

static void register_exit_hook(void)
{
    static bool registered;

    if (!registered && system_on_exit(reset_all) == 0)
        registered = true;
}

/* Reset to DRIVER with features agreed on (3.1.1, steps 1 to 6). */
static int begin(struct virtio_device *dev)
{
    int err = dev->transport->reset(dev);

    if (err != 0) {
        log_error("%s %s: reset does not end", dev->name, dev->bus_name);
        return err;
    }
    add_status(dev, VIRTIO_CONFIG_S_ACKNOWLEDGE);
    add_status(dev, VIRTIO_CONFIG_S_DRIVER);
    err = virtio_features_negotiate(dev);
    if (err != 0 || !virtio_has_feature(dev, VIRTIO_F_VERSION_1))
        return err;
    add_status(dev, VIRTIO_CONFIG_S_FEATURES_OK);
    if ((dev->transport->get_status(dev) & VIRTIO_CONFIG_S_FEATURES_OK) == 0) {
        dev->ring_failed = "device refuses the features";
        log_error("%s %s: device refuses features %#llx", dev->name, dev->bus_name,
                  (unsigned long long)dev->features);
        return -ENOTSUP;
    }
    return 0;
}

static int check_config(struct virtio_device *dev)
{
    uint32_t have;

    if (dev->driver->config_min == 0 || dev->transport->config_len == NULL)
        return 0;
    have = dev->transport->config_len(dev);
    if (have >= dev->driver->config_min)
        return 0;
    log_error("%s %s: device has %u bytes of configuration, %s needs %u", dev->name, dev->bus_name,
              have, dev->driver->name, dev->driver->config_min);
    return -ENXIO;
}

/* Before start() is over the driver may not be ready for any of this; go() has it run then. */
static void config_work(void *arg)
{
    struct virtio_device *dev = arg;

    if (!__atomic_load_n(&dev->started, __ATOMIC_SEQ_CST))
        return;
    if (__atomic_load_n(&dev->gone, __ATOMIC_SEQ_CST))
        virtio_device_kill(dev, "removed");
    if (dev->dead == NULL && dev->driver->config_changed != NULL)
        dev->driver->config_changed(dev);
}

/*
 * From DRIVER_OK on the device may interrupt, so the driver must be seen to be ready before. What
 * changed since probe() read the configuration was announced to nobody: the driver looks again.
 */
static void go(struct virtio_device *dev)
{
    dev->driver_ok = true;
    add_status(dev, VIRTIO_CONFIG_S_DRIVER_OK);
    dev->driver->start(dev);
    __atomic_store_n(&dev->started, true, __ATOMIC_SEQ_CST);
    work_queue(&dev->config_work);
    virtio_watchdog_start(dev);
}

/* Up to a driver with its queues, or back to reset. Ring formats are a feature, so another one
 * means doing all of this again. */
static int bring_up(struct virtio_device *dev)
{
    int err = begin(dev);

    if (err == 0)
        err = check_config(dev);
    if (err != 0)
        return err;
    err = dev->driver->probe(dev);
    if (err == 0)
        return 0;
    dev->transport->reset(dev);
    virtio_queues_delete(dev);
    work_cancel(&dev->config_work);
    return err;
}

int virtio_device_add(struct virtio_device *dev)
{
    int err;

    dev->driver = find_driver(dev->device_id);
    if (dev->driver == NULL) {
        log_info("virtio %s: no driver for device type %u", dev->bus_name, dev->device_id);
        return -ENODEV;
    }
    name_device(dev);
    work_setup(&dev->config_work, config_work, dev);
    register_exit_hook();
    err = bring_up(dev);
    if (err != 0 && virtio_ring_step_down(dev))
        err = bring_up(dev);
    if (err != 0)
        goto fail;
    list_append(&devices, &dev->link);
    go(dev);
    return 0;

fail:
    add_status(dev, VIRTIO_CONFIG_S_FAILED);
    return err;
}

void virtio_device_remove(struct virtio_device *dev)
{
    virtio_watchdog_stop(dev);
    dev->driver_ok = false;
    __atomic_store_n(&dev->started, false, __ATOMIC_SEQ_CST);
    dev->transport->reset(dev);
    list_remove(&dev->link);
    /* First one that runs, since silence moves the configuration; then one that was queued since.
     */
    work_cancel(&dev->config_work);
    virtio_queues_silence(dev);
    work_cancel(&dev->config_work);
    dev->driver->remove(dev);
    virtio_queues_delete(dev);
    if (dev->driver->number_put != NULL)
        dev->driver->number_put(dev->number);
}

void virtio_device_kill(struct virtio_device *dev, const char *reason)
{
    char quoted[128];
    const char *alive = NULL;

    if (!__atomic_compare_exchange_n(&dev->dead, &alive, reason, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST))
        return;
    at_line("event", "name=%s kind=dead reason=%s", dev->name,
            at_quote(quoted, sizeof(quoted), reason));
    if (dev->transport->reset(dev) != 0)
        log_error("%s %s: reset does not end, its access to memory is off", dev->name,
                  dev->bus_name);
    for (unsigned i = 0; i < dev->queue_cnt; i++) {
        if (dev->queues[i] != NULL)
            virtqueue_stop(dev->queues[i], reason);
    }
    if (dev->driver->killed != NULL)
        dev->driver->killed(dev);
}

bool virtio_config_interrupt(struct virtio_device *dev)
{
    if (!dev->driver_ok)
        return false;
    work_queue(&dev->config_work);
    return true;
}

void virtio_device_gone(struct virtio_device *dev)
{
    if (dev->dead == NULL && !__atomic_exchange_n(&dev->gone, true, __ATOMIC_SEQ_CST))
        work_queue(&dev->config_work);
}
