/* The legacy transport: a header in I/O BAR0, queues by page number (virtio 1.3, 4.1.4.10
 * and 4.1.5.1.3). */
#include <errno.h>

#include "arch/io.h"
#include "msix/msix.h"
#include "virtio/virtio_pci.h"
#include "virtio/vring.h"

#define PFN_LIMIT (1ull << (32 + VIRTIO_PCI_QUEUE_ADDR_SHIFT))

static uint16_t reg(struct virtio_device *dev, unsigned off)
{
    return (uint16_t)(to_virtio_pci(dev)->io_base + off);
}

/* The one place that knows where device configuration begins: the vector registers push it back
 * while they exist. */
static uint16_t config_reg(struct virtio_device *dev, unsigned off)
{
    bool msix = msix_enabled(to_virtio_pci(dev)->pdev);

    return reg(dev, (msix ? VIRTIO_PCI_CONFIG_OFF_MSIX : VIRTIO_PCI_CONFIG_OFF_INTX) + off);
}

static uint8_t legacy_get_status(struct virtio_device *dev)
{
    return io_in8(reg(dev, VIRTIO_PCI_STATUS));
}

static void legacy_set_status(struct virtio_device *dev, uint8_t status)
{
    io_out8(reg(dev, VIRTIO_PCI_STATUS), status);
}

static uint64_t legacy_get_features(struct virtio_device *dev)
{
    return io_in32(reg(dev, VIRTIO_PCI_HOST_FEATURES));
}

static void legacy_set_features(struct virtio_device *dev, uint64_t features)
{
    io_out32(reg(dev, VIRTIO_PCI_GUEST_FEATURES), (uint32_t)features);
}

/* Byte by byte is what every legacy device takes at any offset and alignment. */
static void legacy_config_read(struct virtio_device *dev, unsigned off, void *buf, unsigned len)
{
    uint8_t *bytes = buf;

    for (unsigned i = 0; i < len; i++)
        bytes[i] = io_in8(config_reg(dev, off + i));
}

static void legacy_config_write(struct virtio_device *dev, unsigned off, const void *buf,
                                unsigned len)
{
    const uint8_t *bytes = buf;

    for (unsigned i = 0; i < len; i++)
        io_out8(config_reg(dev, off + i), bytes[i]);
}

static void select(struct virtio_device *dev, unsigned index)
{
    io_out16(reg(dev, VIRTIO_PCI_QUEUE_SEL), (uint16_t)index);
}

static int legacy_queue_size(struct virtio_device *dev, unsigned index)
{
    uint16_t size;

    select(dev, index);
    size = io_in16(reg(dev, VIRTIO_PCI_QUEUE_NUM));
    if (size != 0 && io_in32(reg(dev, VIRTIO_PCI_QUEUE_PFN)) != 0)
        return -ENOENT;
    return size;
}

static int legacy_queue_set(struct virtio_device *dev, struct virtqueue *vq)
{
    struct virtqueue_layout layout;
    uint32_t pfn;

    virtqueue_layout(vq, &layout);
    if (layout.desc_pa % VRING_ALIGN != 0 || layout.desc_pa + layout.len > PFN_LIMIT)
        return -ERANGE;
    pfn = (uint32_t)(layout.desc_pa >> VIRTIO_PCI_QUEUE_ADDR_SHIFT);
    select(dev, vq->index);
    io_out32(reg(dev, VIRTIO_PCI_QUEUE_PFN), pfn);
    if (io_in32(reg(dev, VIRTIO_PCI_QUEUE_PFN)) == pfn)
        return 0;
    io_out32(reg(dev, VIRTIO_PCI_QUEUE_PFN), 0);
    return -EIO;
}

static void legacy_queue_clear(struct virtio_device *dev, struct virtqueue *vq)
{
    select(dev, vq->index);
    io_out32(reg(dev, VIRTIO_PCI_QUEUE_PFN), 0);
}

static void legacy_notify(struct virtqueue *vq)
{
    io_out16(reg(vq->dev, VIRTIO_PCI_QUEUE_NOTIFY), vq->index);
}

/* Reading back also makes sure that the write has arrived. */
static uint16_t legacy_set_config_entry(struct virtio_device *dev, uint16_t entry)
{
    io_out16(reg(dev, VIRTIO_MSI_CONFIG_VECTOR), entry);
    return io_in16(reg(dev, VIRTIO_MSI_CONFIG_VECTOR));
}

static uint16_t legacy_set_queue_entry(struct virtio_device *dev, unsigned index, uint16_t entry)
{
    select(dev, index);
    io_out16(reg(dev, VIRTIO_MSI_QUEUE_VECTOR), entry);
    return io_in16(reg(dev, VIRTIO_MSI_QUEUE_VECTOR));
}

static uint8_t legacy_read_isr(struct virtio_device *dev)
{
    return io_in8(reg(dev, VIRTIO_PCI_ISR));
}

const struct virtio_transport_ops virtio_pci_legacy_ops = {
    .name = "legacy",
    .get_status = legacy_get_status,
    .set_status = legacy_set_status,
    .reset = virtio_pci_reset,
    .get_features = legacy_get_features,
    .set_features = legacy_set_features,
    .access_objection = virtio_pci_access_objection,
    .config_generation = NULL,
    .config_read = legacy_config_read,
    .config_write = legacy_config_write,
    .queue_size = legacy_queue_size,
    .queue_set = legacy_queue_set,
    .queue_clear = legacy_queue_clear,
    .notify = legacy_notify,
    .ring_limit_pa = PFN_LIMIT,
    .queue_size_fixed = true,
    .set_config_entry = legacy_set_config_entry,
    .set_queue_entry = legacy_set_queue_entry,
    .read_isr = legacy_read_isr,
    .irq = &virtio_pci_irq_ops,
};
