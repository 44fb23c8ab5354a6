/* A virtio transport of host tests. */
#include "fake_virtio.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct fake_virtio fake_virtio;
static char trace[4096];

void fake_virtio_note(const char *fmt, ...)
{
    size_t len = strlen(trace);
    va_list args;

    if (len > 0 && len < sizeof(trace) - 1)
        trace[len++] = ' ';
    va_start(args, fmt);
    vsnprintf(trace + len, sizeof(trace) - len, fmt, args);
    va_end(args);
}

const char *fake_virtio_trace(void)
{
    return trace;
}

void fake_virtio_trace_clear(void)
{
    trace[0] = '\0';
}

void fake_virtio_reset(void)
{
    fake_virtio = (struct fake_virtio){
        .queue_size = {16, 16, 16, 0},
        .config_entry = VIRTIO_MSI_NO_VECTOR,
        .refuse_queue_entry = -1,
        .refuse_as = VIRTIO_MSI_NO_VECTOR,
        .refuse_cnt = UINT32_MAX,
        .refuse_queue_set = -1,
    };
    for (unsigned i = 0; i < FAKE_VIRTIO_QUEUES; i++)
        fake_virtio.queue_entry[i] = VIRTIO_MSI_NO_VECTOR;
    fake_virtio_trace_clear();
}

static uint8_t fake_get_status(struct virtio_device *dev)
{
    (void)dev;
    return fake_virtio.status;
}

static void fake_set_status(struct virtio_device *dev, uint8_t status)
{
    (void)dev;
    fake_virtio_note("status:%x", status);
    if (fake_virtio.refuse_features)
        status &= (uint8_t)~VIRTIO_CONFIG_S_FEATURES_OK;
    fake_virtio.status = status;
}

static int fake_reset(struct virtio_device *dev)
{
    (void)dev;
    fake_virtio_note("reset");
    if (fake_virtio.reset_hangs)
        return -ETIMEDOUT;
    fake_virtio.status = 0;
    return 0;
}

static uint64_t fake_get_features(struct virtio_device *dev)
{
    (void)dev;
    fake_virtio_note("offer");
    return fake_virtio.offered;
}

static void fake_set_features(struct virtio_device *dev, uint64_t features)
{
    (void)dev;
    fake_virtio_note("features");
    fake_virtio.accepted = features;
}

static void fake_config_read(struct virtio_device *dev, unsigned off, void *buf, unsigned len)
{
    (void)dev;
    if (fake_virtio.config_reads_change > 0) {
        fake_virtio.config_reads_change--;
        fake_virtio.config[off]++;
    }
    memcpy(buf, fake_virtio.config + off, len);
}

static void fake_config_write(struct virtio_device *dev, unsigned off, const void *buf,
                              unsigned len)
{
    (void)dev;
    memcpy(fake_virtio.config + off, buf, len);
}

static int fake_queue_size(struct virtio_device *dev, unsigned index)
{
    (void)dev;
    return index < FAKE_VIRTIO_QUEUES ? fake_virtio.queue_size[index] : 0;
}

static int fake_queue_set(struct virtio_device *dev, struct virtqueue *vq)
{
    (void)dev;
    fake_virtio_note("set:%u", vq->index);
    if (fake_virtio.refuse_queue_set == vq->index)
        return -EIO;
    fake_virtio.queue_live[vq->index] = true;
    return 0;
}

static void fake_queue_clear(struct virtio_device *dev, struct virtqueue *vq)
{
    (void)dev;
    fake_virtio_note("clear:%u", vq->index);
    fake_virtio.queue_live[vq->index] = false;
}

static void fake_notify(struct virtqueue *vq)
{
    fake_virtio_note("notify:%u", vq->index);
    fake_virtio.notifies++;
}

/* Whether an entry is refused now: each time, or as often as refuse_cnt says. */
static bool refused(bool chosen)
{
    if (!chosen || fake_virtio.refuse_cnt == 0)
        return false;
    fake_virtio.refuse_cnt--;
    return true;
}

static uint16_t fake_set_config_entry(struct virtio_device *dev, uint16_t entry)
{
    (void)dev;
    fake_virtio_note("config-entry:%d", (int16_t)entry);
    fake_virtio.config_entry =
        refused(fake_virtio.refuse_config_entry) ? fake_virtio.refuse_as : entry;
    return fake_virtio.config_entry;
}

static uint16_t fake_set_queue_entry(struct virtio_device *dev, unsigned index, uint16_t entry)
{
    (void)dev;
    fake_virtio_note("entry%u:%d", index, (int16_t)entry);
    if (refused(fake_virtio.refuse_queue_entry == (int)index))
        entry = fake_virtio.refuse_as;
    fake_virtio.queue_entry[index] = entry;
    return entry;
}

static uint8_t fake_read_isr(struct virtio_device *dev)
{
    uint8_t isr = fake_virtio.isr;

    (void)dev;
    fake_virtio.isr_reads++;
    fake_virtio.isr = fake_virtio.gone ? 0xff : 0;
    return isr;
}

struct virtio_transport_ops fake_virtio_ops = {
    .name = "fake",
    .get_status = fake_get_status,
    .set_status = fake_set_status,
    .reset = fake_reset,
    .get_features = fake_get_features,
    .set_features = fake_set_features,
    .config_read = fake_config_read,
    .config_write = fake_config_write,
    .queue_size = fake_queue_size,
    .queue_set = fake_queue_set,
    .queue_clear = fake_queue_clear,
    .notify = fake_notify,
    .queue_size_fixed = true,
    .set_config_entry = fake_set_config_entry,
    .set_queue_entry = fake_set_queue_entry,
    .read_isr = fake_read_isr,
};
