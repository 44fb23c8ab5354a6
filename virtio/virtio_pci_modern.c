/* The modern transport: common configuration, a notification address for each queue, ISR and device
 * configuration wherever the capabilities say (virtio 1.3, 4.1.4 and 4.1.5). */
#include <errno.h>
#include <string.h>

#include "arch/clock.h"
#include "arch/io.h"
#include "kernel/log.h"
#include "pci/pci.h"
#include "virtio/virtio_pci.h"

#define BIT(n)                 (1ull << (n))
#define QUEUE_RESET_TIMEOUT_US 100000u
#define QUEUE_RESET_POLL_US    10u

static struct virtio_pci_modern *modern_of(struct virtio_device *dev)
{
    return &to_virtio_pci(dev)->modern;
}

static uint32_t common_read(struct virtio_device *dev, unsigned reg, unsigned width)
{
    return virtio_pci_region_read(&modern_of(dev)->common, reg, width);
}

static void common_write(struct virtio_device *dev, unsigned reg, unsigned width, uint32_t value)
{
    virtio_pci_region_write(&modern_of(dev)->common, reg, width, value);
}

/* Registers are no wider than 32 bits (4.1.3.1). */
static void common_write64(struct virtio_device *dev, unsigned reg, uint64_t value)
{
    common_write(dev, reg, 4, (uint32_t)value);
    common_write(dev, reg + 4, 4, (uint32_t)(value >> 32));
}

static uint8_t modern_get_status(struct virtio_device *dev)
{
    return (uint8_t)common_read(dev, VIRTIO_PCI_COMMON_STATUS, 1);
}

static void modern_set_status(struct virtio_device *dev, uint8_t status)
{
    common_write(dev, VIRTIO_PCI_COMMON_STATUS, 1, status);
}

static uint64_t modern_get_features(struct virtio_device *dev)
{
    uint64_t features;

    common_write(dev, VIRTIO_PCI_COMMON_DFSELECT, 4, 0);
    features = common_read(dev, VIRTIO_PCI_COMMON_DF, 4);
    common_write(dev, VIRTIO_PCI_COMMON_DFSELECT, 4, 1);
    return features | (uint64_t)common_read(dev, VIRTIO_PCI_COMMON_DF, 4) << 32;
}

static void modern_set_features(struct virtio_device *dev, uint64_t features)
{
    common_write(dev, VIRTIO_PCI_COMMON_GFSELECT, 4, 0);
    common_write(dev, VIRTIO_PCI_COMMON_GF, 4, (uint32_t)features);
    common_write(dev, VIRTIO_PCI_COMMON_GFSELECT, 4, 1);
    common_write(dev, VIRTIO_PCI_COMMON_GF, 4, (uint32_t)(features >> 32));
}

/* Those whose registers the common configuration is long enough to have. */
static uint64_t modern_own_features(struct virtio_device *dev)
{
    uint32_t len = modern_of(dev)->common.len;
    uint64_t features = BIT(VIRTIO_F_NOTIFICATION_DATA) | BIT(VIRTIO_F_ACCESS_PLATFORM);

    /* Not to be agreed on without that capability (6.1). */
    if (to_virtio_pci(dev)->pdev->sriov != NULL)
        features |= BIT(VIRTIO_F_SR_IOV);
    if (len >= VIRTIO_PCI_COMMON_Q_NDATA + sizeof(uint16_t))
        features |= BIT(VIRTIO_F_NOTIF_CONFIG_DATA);
    if (len >= VIRTIO_PCI_COMMON_Q_RESET + sizeof(uint16_t))
        features |= BIT(VIRTIO_F_RING_RESET);
    return features;
}

static uint8_t modern_config_generation(struct virtio_device *dev)
{
    return (uint8_t)common_read(dev, VIRTIO_PCI_COMMON_CFGGENERATION, 1);
}

/* The device's fields are accessed by their own width, 64-bit ones as two of 32 (4.1.3.1). */
static unsigned field_width(unsigned off, unsigned len)
{
    if (len % 4 == 0 && off % 4 == 0)
        return 4;
    return len == 2 && off % 2 == 0 ? 2 : 1;
}

static uint32_t modern_config_len(struct virtio_device *dev)
{
    return modern_of(dev)->config.len;
}

static bool in_config(struct virtio_device *dev, unsigned off, unsigned len)
{
    static struct log_limit limit;
    uint32_t have = modern_config_len(dev);

    if (off <= have && len <= have - off)
        return true;
    log_limited(&limit, LOG_WARN, "%s %s: configuration has %u bytes, none at %u", dev->name,
                dev->bus_name, have, off);
    return false;
}

/* What is not there reads as zero. */
static void modern_config_read(struct virtio_device *dev, unsigned off, void *buf, unsigned len)
{
    unsigned width = field_width(off, len);

    memset(buf, 0, len);
    if (!in_config(dev, off, len))
        return;
    for (unsigned i = 0; i < len; i += width) {
        uint32_t value = virtio_pci_region_read(&modern_of(dev)->config, off + i, width);

        memcpy((uint8_t *)buf + i, &value, width);
    }
}

static void modern_config_write(struct virtio_device *dev, unsigned off, const void *buf,
                                unsigned len)
{
    unsigned width = field_width(off, len);

    if (!in_config(dev, off, len))
        return;
    for (unsigned i = 0; i < len; i += width) {
        uint32_t value = 0;

        memcpy(&value, (const uint8_t *)buf + i, width);
        virtio_pci_region_write(&modern_of(dev)->config, off + i, width, value);
    }
}

static void select(struct virtio_device *dev, unsigned index)
{
    common_write(dev, VIRTIO_PCI_COMMON_Q_SELECT, 2, index);
}

static int modern_queue_size(struct virtio_device *dev, unsigned index)
{
    uint16_t size;

    if (index >= common_read(dev, VIRTIO_PCI_COMMON_NUMQ, 2))
        return 0;
    select(dev, index);
    size = (uint16_t)common_read(dev, VIRTIO_PCI_COMMON_Q_SIZE, 2);
    if (size != 0 && common_read(dev, VIRTIO_PCI_COMMON_Q_ENABLE, 2) != 0)
        return -ENOENT;
    return size;
}

static void notify_plain(struct virtqueue *vq)
{
    mmio_write16(vq->transport_data, vq->index);
}

/* For every kind of address and value (4.1.5.2). */
static void modern_notify(struct virtqueue *vq)
{
    const struct virtio_pci_modern *modern = modern_of(vq->dev);
    const struct virtio_pci_region *doorbell = &modern->doorbells[vq->index];
    uint32_t value = modern->notify_ids[vq->index];

    if (!virtio_has_feature(vq->dev, VIRTIO_F_NOTIFICATION_DATA))
        virtio_pci_region_write(doorbell, 0, 2, value);
    else
        virtio_pci_region_write(doorbell, 0, 4, (uint32_t)virtqueue_position(vq) << 16 | value);
}

/* Where and how to notify of the selected queue. 0, -ERANGE. */
static int open_doorbell(struct virtio_device *dev, struct virtqueue *vq)
{
    struct virtio_pci_modern *modern = modern_of(dev);
    struct virtio_pci_region *doorbell = &modern->doorbells[vq->index];
    struct virtio_pci_place place = modern->notify;
    bool with_data = virtio_has_feature(dev, VIRTIO_F_NOTIFICATION_DATA);
    bool own_id = virtio_has_feature(dev, VIRTIO_F_NOTIF_CONFIG_DATA);
    uint32_t width = with_data ? sizeof(uint32_t) : sizeof(uint16_t);
    uint32_t index = common_read(dev, VIRTIO_PCI_COMMON_Q_NOFF, 2);
    uint64_t off = (uint64_t)index * modern->notify_multiplier;
    bool inside = off <= place.len && width <= place.len - off;

    place.off += off;
    place.len = width;
    if (!inside || place.off % width != 0 ||
        virtio_pci_region_open(to_virtio_pci(dev), &place, doorbell)) {
        log_error("%s %s: notifications of queue %u are out of reach: number %u, %u bytes each",
                  dev->name, dev->bus_name, vq->index, index, modern->notify_multiplier);
        return -ERANGE;
    }
    modern->notify_ids[vq->index] =
        own_id ? (uint16_t)common_read(dev, VIRTIO_PCI_COMMON_Q_NDATA, 2) : vq->index;
    vq->transport_data = doorbell->va;
    vq->notify = doorbell->va != NULL && !with_data && !own_id ? notify_plain : modern_notify;
    return 0;
}

static int modern_queue_set(struct virtio_device *dev, struct virtqueue *vq)
{
    struct virtqueue_layout layout;
    int err;

    select(dev, vq->index);
    err = open_doorbell(dev, vq);
    if (err != 0)
        return err;
    common_write(dev, VIRTIO_PCI_COMMON_Q_SIZE, 2, vq->size);
    if (common_read(dev, VIRTIO_PCI_COMMON_Q_SIZE, 2) != vq->size) {
        virtio_pci_region_close(&modern_of(dev)->doorbells[vq->index]);
        return -EIO;
    }
    virtqueue_layout(vq, &layout);
    common_write64(dev, VIRTIO_PCI_COMMON_Q_DESC, layout.desc_pa);
    common_write64(dev, VIRTIO_PCI_COMMON_Q_AVAIL, layout.avail_pa);
    common_write64(dev, VIRTIO_PCI_COMMON_Q_USED, layout.used_pa);
    return 0;
}

static int modern_queue_enable(struct virtio_device *dev, struct virtqueue *vq)
{
    select(dev, vq->index);
    common_write(dev, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
    if (common_read(dev, VIRTIO_PCI_COMMON_Q_ENABLE, 2) == 1)
        return 0;
    log_error("%s %s: queue %u (%s) cannot be enabled", dev->name, dev->bus_name, vq->index,
              vq->name);
    return -EIO;
}

/* Of the selected queue: true when the device has let go of it. */
static bool reset_queue(struct virtio_device *dev)
{
    if (!virtio_has_feature(dev, VIRTIO_F_RING_RESET))
        return false;
    common_write(dev, VIRTIO_PCI_COMMON_Q_RESET, 2, 1);
    for (unsigned us = 0; us < QUEUE_RESET_TIMEOUT_US; us += QUEUE_RESET_POLL_US) {
        if (common_read(dev, VIRTIO_PCI_COMMON_Q_RESET, 2) == 0)
            return common_read(dev, VIRTIO_PCI_COMMON_Q_ENABLE, 2) == 0;
        clock_delay_us(QUEUE_RESET_POLL_US);
    }
    return false;
}

/* Enabled queues are those of a device that was not reset. There is no disabling one, so where it
 * cannot be reset either, the device's access to memory ends instead (4.1.4.3.2). */
static void modern_queue_clear(struct virtio_device *dev, struct virtqueue *vq)
{
    select(dev, vq->index);
    if (common_read(dev, VIRTIO_PCI_COMMON_Q_ENABLE, 2) != 0 && !reset_queue(dev))
        pci_command_clear(to_virtio_pci(dev)->pdev, PCI_COMMAND_MASTER);
    virtio_pci_region_close(&modern_of(dev)->doorbells[vq->index]);
}

/* Reading back also makes sure that the write has arrived. */
static uint16_t modern_set_config_entry(struct virtio_device *dev, uint16_t entry)
{
    common_write(dev, VIRTIO_PCI_COMMON_MSIX, 2, entry);
    return (uint16_t)common_read(dev, VIRTIO_PCI_COMMON_MSIX, 2);
}

static uint16_t modern_set_queue_entry(struct virtio_device *dev, unsigned index, uint16_t entry)
{
    select(dev, index);
    common_write(dev, VIRTIO_PCI_COMMON_Q_MSIX, 2, entry);
    return (uint16_t)common_read(dev, VIRTIO_PCI_COMMON_Q_MSIX, 2);
}

static uint8_t modern_read_isr(struct virtio_device *dev)
{
    return (uint8_t)virtio_pci_region_read(&modern_of(dev)->isr, 0, 1);
}

const struct virtio_transport_ops virtio_pci_modern_ops = {
    .name = "modern",
    .get_status = modern_get_status,
    .set_status = modern_set_status,
    .reset = virtio_pci_reset,
    .get_features = modern_get_features,
    .set_features = modern_set_features,
    .own_features = modern_own_features,
    .features_required = BIT(VIRTIO_F_VERSION_1),
    .access_objection = virtio_pci_access_objection,
    .config_generation = modern_config_generation,
    .config_len = modern_config_len,
    .config_read = modern_config_read,
    .config_write = modern_config_write,
    .queue_size = modern_queue_size,
    .queue_set = modern_queue_set,
    .queue_enable = modern_queue_enable,
    .queue_clear = modern_queue_clear,
    .notify = modern_notify,
    .set_config_entry = modern_set_config_entry,
    .set_queue_entry = modern_set_queue_entry,
    .read_isr = modern_read_isr,
    .irq = &virtio_pci_irq_ops,
};
