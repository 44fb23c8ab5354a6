/* The console command "virtio": devices, their queues, what was negotiated. */
#include <errno.h>
#include <string.h>

#include "irq/irq_cmd.h"
#include "kernel/console.h"
#include "kernel/log.h"
#include "kernel/report.h"
#include "virtio/virtio_impl.h"
#include "vring0/system.h"

static void print_queue(const struct virtqueue *vq)
{
    print("%-8s %-10s %6u %6u %12llu %12llu %12llu %6llu %6llu %8llu%s%s\n", vq->dev_name, vq->name,
          vq->size, vq->free_cnt, (unsigned long long)vq->chain_cnt,
          (unsigned long long)vq->notify_cnt, (unsigned long long)vq->interrupt_cnt,
          (unsigned long long)vq->lost_cnt, (unsigned long long)vq->again_cnt,
          (unsigned long long)vq->bad_len_cnt, vq->broken != NULL ? "  broken: " : "",
          vq->broken != NULL ? vq->broken : "");
}

static void print_queue_header(void)
{
    print("%-8s %-10s %6s %6s %12s %12s %12s %6s %6s %8s\n", "device", "queue", "size", "free",
          "chains", "notify", "interrupts", "lost", "again", "bad len");
}

static void print_queues(struct virtio_device *dev, void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < dev->queue_cnt; i++) {
        if (dev->queues[i] != NULL)
            print_queue(dev->queues[i]);
    }
}

static void print_features(const struct virtio_device *dev)
{
    for (unsigned bit = 0; bit < 64; bit++) {
        const char *name = virtio_feature_name(dev, bit);

        if (((dev->offered >> bit) & 1) == 0)
            continue;
        print("  %2u  %-9s %s\n", bit, virtio_has_feature(dev, bit) ? "accepted" : "declined",
              name != NULL ? name : "(not known to the driver)");
    }
}

static void print_device(struct virtio_device *dev)
{
    char describe[160];

    virtio_describe(dev, describe, sizeof(describe));
    print("%s at %s: %s, %s transport, %s ring, interrupts %s (%u of %u vectors), status %#x%s\n",
          dev->name, dev->bus_name, dev->driver->name, dev->transport->name, virtio_ring_name(dev),
          dev->irq_mode != NULL ? dev->irq_mode : "none", dev->vectors_used, dev->vectors_available,
          dev->transport->get_status(dev), describe);
    if (dev->dead != NULL)
        print("dead: %s\n", dev->dead);
    print("features offered:\n");
    print_features(dev);
    print_queue_header();
    print_queues(dev, NULL);
}

static struct virtqueue *find_queue(const struct virtio_device *dev, const char *name)
{
    for (unsigned i = 0; i < dev->queue_cnt; i++) {
        if (dev->queues[i] != NULL && strcmp(dev->queues[i]->name, name) == 0)
            return dev->queues[i];
    }
    return NULL;
}

static int set_affinity(const char *name, const char *queue, const char *cpus)
{
    struct virtio_device *dev = virtio_find(name);
    struct virtqueue *vq = dev != NULL ? find_queue(dev, queue) : NULL;
    cpu_mask_t mask;
    int err;

    if (vq == NULL)
        return console_fail(-ENOENT, "no queue %s of a virtio device %s", queue, name);
    if (vq->callback == NULL)
        return console_fail(-EINVAL, "queue %s has no interrupt", queue);
    err = irq_cmd_cpus(cpus, &mask);
    if (err != 0)
        return err;
    err = virtio_queue_set_affinity(vq, mask);
    if (err != 0)
        return console_fail(err, "%s: its interrupts cannot go to CPUs %s", queue, cpus);
    return 0;
}

static int virtio_run(int argc, char **argv)
{
    struct virtio_device *dev;

    if (argc == 5 && strcmp(argv[1], "affinity") == 0)
        return set_affinity(argv[2], argv[3], argv[4]);
    if (argc > 2)
        return console_fail(-EINVAL, "usage: virtio [NAME] | virtio affinity NAME QUEUE CPUS");
    if (argc == 2) {
        dev = virtio_find(argv[1]);
        if (dev == NULL)
            return console_fail(-ENOENT, "no virtio device %s", argv[1]);
        print_device(dev);
        return 0;
    }
    system_report("devices", 0, report_emit_print, NULL);
    print("\n");
    print_queue_header();
    virtio_for_each(print_queues, NULL);
    return 0;
}

CONSOLE_COMMAND(virtio, .name = "virtio",
                .usage = "virtio\nvirtio NAME\nvirtio affinity NAME QUEUE CPUS",
                .summary = "virtio devices, their queues and features", .run = virtio_run);
