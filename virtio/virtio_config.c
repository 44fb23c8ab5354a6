/* Device configuration, read consistently: a generation loop where the device counts changes, else
 * until two reads agree (virtio 1.3, 2.5). */
#include <errno.h>
#include <string.h>

#include "kernel/log.h"
#include "virtio/virtio.h"

#define TRIES     32
#define FIELD_MAX 64

uint8_t virtio_config_read8(struct virtio_device *dev, unsigned off)
{
    uint8_t value;

    dev->transport->config_read(dev, off, &value, sizeof(value));
    return value;
}

uint16_t virtio_config_read16(struct virtio_device *dev, unsigned off)
{
    uint16_t value;

    dev->transport->config_read(dev, off, &value, sizeof(value));
    return value;
}

uint32_t virtio_config_read32(struct virtio_device *dev, unsigned off)
{
    uint32_t value;

    dev->transport->config_read(dev, off, &value, sizeof(value));
    return value;
}

static bool read_by_generation(struct virtio_device *dev, unsigned off, void *buf, unsigned len)
{
    for (unsigned i = 0; i < TRIES; i++) {
        uint8_t before = dev->transport->config_generation(dev);

        dev->transport->config_read(dev, off, buf, len);
        if (dev->transport->config_generation(dev) == before)
            return true;
    }
    return false;
}

static bool read_until_equal(struct virtio_device *dev, unsigned off, void *buf, unsigned len)
{
    uint8_t last[FIELD_MAX];

    dev->transport->config_read(dev, off, last, len);
    for (unsigned i = 0; i < TRIES; i++) {
        dev->transport->config_read(dev, off, buf, len);
        if (memcmp(buf, last, len) == 0)
            return true;
        memcpy(last, buf, len);
    }
    return false;
}

int virtio_config_read_bytes(struct virtio_device *dev, unsigned off, void *buf, unsigned len)
{
    static struct log_limit limit;
    bool settled;

    if (len > FIELD_MAX)
        return -EINVAL;
    settled = dev->transport->config_generation != NULL ? read_by_generation(dev, off, buf, len)
                                                        : read_until_equal(dev, off, buf, len);
    if (settled)
        return 0;
    log_limited(&limit, LOG_WARN, "%s %s: configuration at %u never settles", dev->name,
                dev->bus_name, off);
    return -EIO;
}

int virtio_config_read64(struct virtio_device *dev, unsigned off, uint64_t *value)
{
    return virtio_config_read_bytes(dev, off, value, sizeof(*value));
}

void virtio_config_write8(struct virtio_device *dev, unsigned off, uint8_t value)
{
    dev->transport->config_write(dev, off, &value, sizeof(value));
}

void virtio_config_write32(struct virtio_device *dev, unsigned off, uint32_t value)
{
    dev->transport->config_write(dev, off, &value, sizeof(value));
}
