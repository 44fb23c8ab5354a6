/* The console command "virtio": devices, their queues, what was negotiated. */
#include <errno.h>

#include "kernel/console.h"
#include "kernel/log.h"
#include "kernel/report.h"
#include "virtio/virtio_impl.h"
#include "vring0/system.h"

static void print_queue(const struct virtqueue *vq)
{
    print("%-8s %-10s %6u %6u %12llu %12llu %12llu %6llu %8llu%s%s\n", vq->dev_name, vq->name,
          vq->size, vq->free_cnt, (unsigned long long)vq->chain_cnt,
          (unsigned long long)vq->notify_cnt, (unsigned long long)vq->interrupt_cnt,
          (unsigned long long)vq->lost_cnt, (unsigned long long)vq->bad_len_cnt,
          vq->broken != NULL ? "  broken: " : "", vq->broken != NULL ? vq->broken : "");
}

static void print_queue_header(void)
{
    print("%-8s %-10s %6s %6s %12s %12s %12s %6s %8s\n", "device", "queue", "size", "free",
          "chains", "notify", "interrupts", "lost", "bad len");
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

static int virtio_run(int argc, char **argv)
{
    struct virtio_device *dev;

    if (argc > 2)
        return console_fail(-EINVAL, "usage: virtio [NAME]");
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

CONSOLE_COMMAND(virtio, .name = "virtio", .usage = "virtio\nvirtio NAME",
                .summary = "virtio devices, their queues and features", .run = virtio_run);
