/* What the devices have become: "@device" lines and the "devices" report. */
#include "kernel/format.h"
#include "kernel/log.h"
#include "kernel/report.h"
#include "virtio/virtio_impl.h"

#define QUEUES_TEXT_MAX   512
#define DESCRIBE_TEXT_MAX 160

void virtio_describe(struct virtio_device *dev, char *buf, size_t size)
{
    buf[0] = '\0';
    if (dev->driver->describe != NULL)
        dev->driver->describe(dev, buf, size);
}

const char *virtio_ring_name(const struct virtio_device *dev)
{
    for (unsigned i = 0; i < dev->queue_cnt; i++) {
        if (dev->queues[i] != NULL)
            return dev->queues[i]->ops->name;
    }
    return "none";
}

/* "rx0:256 tx0:256"; queues that do not fit are left out. */
static void queues_text(const struct virtio_device *dev, char *buf, size_t size)
{
    size_t len = 0;

    buf[0] = '\0';
    for (unsigned i = 0; i < dev->queue_cnt; i++) {
        const struct virtqueue *vq = dev->queues[i];
        size_t before = len;

        if (vq == NULL)
            continue;
        len += (size_t)format(buf + len, size - len, "%s%s:%u", len > 0 ? " " : "", vq->name,
                              vq->size);
        if (len >= size) {
            buf[before] = '\0';
            return;
        }
    }
}

static void report_line(struct virtio_device *dev, void *arg)
{
    char queues[QUEUES_TEXT_MAX], quoted[QUEUES_TEXT_MAX + 2], describe[DESCRIBE_TEXT_MAX];

    (void)arg;
    queues_text(dev, queues, sizeof(queues));
    virtio_describe(dev, describe, sizeof(describe));
    at_line("device",
            "name=%s addr=%s transport=%s ring=%s irq=%s vectors=%u/%u queues=%s "
            "features=%#llx declined=%#llx%s",
            dev->name, dev->bus_name, dev->transport->name, virtio_ring_name(dev),
            dev->irq_mode != NULL ? dev->irq_mode : "none", dev->vectors_used,
            dev->vectors_available, at_quote(quoted, sizeof(quoted), queues),
            (unsigned long long)dev->features, (unsigned long long)(dev->offered & ~dev->features),
            describe);
}

struct sink {
    report_emit_t emit;
    void *arg;
    unsigned cnt;
};

static void device_text(struct virtio_device *dev, void *arg)
{
    struct sink *sink = arg;
    char queues[QUEUES_TEXT_MAX], describe[DESCRIBE_TEXT_MAX];

    queues_text(dev, queues, sizeof(queues));
    virtio_describe(dev, describe, sizeof(describe));
    report_printf(sink->emit, sink->arg, "%-8s %-12s %-12s %-10s %-6s %-10s %2u/%-2u   %s %s%s%s\n",
                  dev->name, dev->bus_name, dev->driver->name, dev->transport->name,
                  virtio_ring_name(dev), dev->irq_mode != NULL ? dev->irq_mode : "none",
                  dev->vectors_used, dev->vectors_available, queues, describe,
                  dev->dead != NULL ? " dead: " : "", dev->dead != NULL ? dev->dead : "");
}

static void queue_json(const struct virtqueue *vq, const struct sink *sink, const char *separator)
{
    report_printf(sink->emit, sink->arg,
                  "%s{\"name\":\"%s\",\"size\":%u,\"free\":%u,\"chains\":%llu,"
                  "\"notifications\":%llu,\"interrupts\":%llu,\"lost\":%llu,\"again\":%llu,"
                  "\"broken\":",
                  separator, vq->name, vq->size, vq->free_cnt, (unsigned long long)vq->chain_cnt,
                  (unsigned long long)vq->notify_cnt, (unsigned long long)vq->interrupt_cnt,
                  (unsigned long long)vq->lost_cnt, (unsigned long long)vq->again_cnt);
    report_json_string(sink->emit, sink->arg, vq->broken);
    sink->emit(sink->arg, "}", 1);
}

static void device_json(struct virtio_device *dev, void *arg)
{
    struct sink *sink = arg;
    char describe[DESCRIBE_TEXT_MAX];
    const char *separator = "";

    virtio_describe(dev, describe, sizeof(describe));
    report_printf(sink->emit, sink->arg,
                  "%s{\"name\":\"%s\",\"addr\":\"%s\",\"driver\":\"%s\",\"transport\":\"%s\","
                  "\"ring\":\"%s\",\"irq\":\"%s\",\"vectors_used\":%u,\"vectors_available\":%u,"
                  "\"features\":\"%#llx\",\"declined\":\"%#llx\",\"about\":",
                  sink->cnt++ > 0 ? "," : "", dev->name, dev->bus_name, dev->driver->name,
                  dev->transport->name, virtio_ring_name(dev),
                  dev->irq_mode != NULL ? dev->irq_mode : "none", dev->vectors_used,
                  dev->vectors_available, (unsigned long long)dev->features,
                  (unsigned long long)(dev->offered & ~dev->features));
    report_json_string(sink->emit, sink->arg, describe[0] == ' ' ? describe + 1 : describe);
    report_printf(sink->emit, sink->arg, ",\"dead\":");
    report_json_string(sink->emit, sink->arg, dev->dead);
    report_printf(sink->emit, sink->arg, ",\"queues\":[");
    for (unsigned i = 0; i < dev->queue_cnt; i++) {
        if (dev->queues[i] == NULL)
            continue;
        queue_json(dev->queues[i], sink, separator);
        separator = ",";
    }
    report_printf(sink->emit, sink->arg, "]}");
}

static void report_devices(int json, report_emit_t emit, void *arg)
{
    struct sink sink = {.emit = emit, .arg = arg};

    if (json) {
        emit(arg, "[", 1);
        virtio_for_each(device_json, &sink);
        emit(arg, "]", 1);
        return;
    }
    report_printf(emit, arg, "%-8s %-12s %-12s %-10s %-6s %-10s %-7s %s\n", "device", "address",
                  "driver", "transport", "ring", "irq", "vectors", "queues");
    virtio_for_each(device_text, &sink);
}

static bool reported;

void virtio_report_late(struct virtio_device *dev)
{
    if (reported)
        report_line(dev, NULL);
}

void virtio_report(void)
{
    virtio_for_each(report_line, NULL);
    reported = true;
    if (system_report_register("devices", report_devices) != 0)
        log_error("virtio: the devices report cannot be registered");
}
