/* Checks of the PCI transport: capabilities, registers as they read now, vectors (virtio 1.3, 4.1).
 */
#include "arch/io.h"
#include "msix/msix.h"
#include "pci/pci.h"
#include "virtio/virtio_check.h"
#include "virtio/virtio_pci.h"

#define CAP_WALK_MAX 48
#define MAP_MAX      4096u

static bool is_modern(const struct virtio_device *dev)
{
    return dev->transport == &virtio_pci_modern_ops;
}

#define NEEDS_MODERN VIRTIO_CHECK_SKIP_IF(!is_modern(dev), "driven by the legacy interface")
#define NEEDS_LEGACY VIRTIO_CHECK_SKIP_IF(is_modern(dev), "driven by the modern interface")

/* A register of queue @index as it reads now. */
static uint32_t queue_reg(struct virtio_device *dev, unsigned index, unsigned reg, unsigned width)
{
    const struct virtio_pci_region *common = &to_virtio_pci(dev)->modern.common;

    virtio_pci_region_write(common, VIRTIO_PCI_COMMON_Q_SELECT, 2, index);
    return virtio_pci_region_read(common, reg, width);
}

static enum virtio_verdict check_ids(struct virtio_device *dev, const char **why)
{
    const struct pci_device *pdev = to_virtio_pci(dev)->pdev;
    unsigned id = pdev->device_id;

    VIRTIO_CHECK_EXPECT(pdev->vendor_id == VIRTIO_PCI_VENDOR_ID &&
                            id >= VIRTIO_PCI_DEVICE_ID_LEGACY &&
                            id <= VIRTIO_PCI_DEVICE_ID_MODERN_TO,
                        "not an id of virtio");
    VIRTIO_CHECK_EXPECT(id < VIRTIO_PCI_DEVICE_ID_MODERN ||
                            id - VIRTIO_PCI_DEVICE_ID_MODERN == dev->device_id,
                        "driven as another type than its id says");
    return VIRTIO_CHECK_PASS;
}

/* Or not open at all, as a structure is that the device does not have. */
static bool region_in_bar(const struct virtio_pci *vp, const struct virtio_pci_region *region)
{
    const struct pci_bar *bar = &vp->pdev->bars[region->bar < PCI_BAR_CNT ? region->bar : 0];

    if (region->access == NULL)
        return true;
    return region->bar < PCI_BAR_CNT && bar->kind != PCI_BAR_NONE && region->bar_off <= bar->len &&
           region->len <= bar->len - region->bar_off;
}

static enum virtio_verdict check_bars(struct virtio_device *dev, const char **why)
{
    const struct virtio_pci *vp = to_virtio_pci(dev);

    NEEDS_MODERN;
    VIRTIO_CHECK_EXPECT(region_in_bar(vp, &vp->modern.common) &&
                            region_in_bar(vp, &vp->modern.isr) &&
                            region_in_bar(vp, &vp->modern.config),
                        "registers outside a BAR");
    return VIRTIO_CHECK_PASS;
}

/* The first capability for common configuration in a BAR that is there. */
static unsigned first_common(const struct pci_device *pdev)
{
    unsigned cap = 0;

    for (unsigned i = 0; i < CAP_WALK_MAX; i++) {
        uint8_t bar;

        cap = pci_cap_find(pdev, PCI_CAP_ID_VNDR, cap);
        if (cap == 0)
            return 0;
        bar = pci_read8(pdev, cap + VIRTIO_PCI_CAP_BAR);
        if (pci_read8(pdev, cap + VIRTIO_PCI_CAP_CFG_TYPE) == VIRTIO_PCI_CAP_COMMON_CFG &&
            bar < PCI_BAR_CNT && pdev->bars[bar].kind != PCI_BAR_NONE && pdev->bars[bar].base != 0)
            return cap;
    }
    return 0;
}

static enum virtio_verdict check_first(struct virtio_device *dev, const char **why)
{
    const struct virtio_pci *vp = to_virtio_pci(dev);
    const struct virtio_pci_region *common = &vp->modern.common;
    unsigned cap;

    NEEDS_MODERN;
    cap = first_common(vp->pdev);
    VIRTIO_CHECK_SKIP_IF(cap == 0, "reached by the access window alone");
    VIRTIO_CHECK_EXPECT(pci_read8(vp->pdev, cap + VIRTIO_PCI_CAP_BAR) == common->bar &&
                            pci_read32(vp->pdev, cap + VIRTIO_PCI_CAP_OFFSET) == common->bar_off,
                        "not the first common configuration");
    return VIRTIO_CHECK_PASS;
}

static enum virtio_verdict check_lengths(struct virtio_device *dev, const char **why)
{
    const struct virtio_pci_modern *modern = &to_virtio_pci(dev)->modern;

    NEEDS_MODERN;
    VIRTIO_CHECK_EXPECT(modern->common.len >= VIRTIO_PCI_COMMON_LEN_MIN, "registers cut short");
    VIRTIO_CHECK_EXPECT(modern->common.len <= MAP_MAX && modern->isr.len <= MAP_MAX &&
                            modern->config.len <= MAP_MAX,
                        "more mapped than is used");
    return VIRTIO_CHECK_PASS;
}

static enum virtio_verdict check_queue_sizes(struct virtio_device *dev, const char **why)
{
    NEEDS_MODERN;
    for (unsigned i = 0; i < dev->queue_cnt; i++)
        VIRTIO_CHECK_EXPECT(dev->queues[i] == NULL || queue_reg(dev, i, VIRTIO_PCI_COMMON_Q_SIZE,
                                                                2) == dev->queues[i]->size,
                            "the device has another size of a queue");
    return VIRTIO_CHECK_PASS;
}

static enum virtio_verdict check_enabled(struct virtio_device *dev, const char **why)
{
    NEEDS_MODERN;
    for (unsigned i = 0; i < dev->queue_cnt; i++)
        VIRTIO_CHECK_EXPECT(dev->queues[i] == NULL ||
                                queue_reg(dev, i, VIRTIO_PCI_COMMON_Q_ENABLE, 2) == 1,
                            "a queue in use is not enabled");
    return VIRTIO_CHECK_PASS;
}

static enum virtio_verdict check_legacy_header(struct virtio_device *dev, const char **why)
{
    const struct virtio_pci *vp = to_virtio_pci(dev);
    const struct pci_bar *bar = &vp->pdev->bars[0];

    NEEDS_LEGACY;
    VIRTIO_CHECK_EXPECT(bar->kind == PCI_BAR_IO && bar->base == vp->io_base,
                        "registers are not those of I/O BAR 0");
    return VIRTIO_CHECK_PASS;
}

static enum virtio_verdict check_legacy_features(struct virtio_device *dev, const char **why)
{
    NEEDS_LEGACY;
    VIRTIO_CHECK_EXPECT(dev->features <= UINT32_MAX, "a feature accepted beyond bit 31");
    return VIRTIO_CHECK_PASS;
}

static enum virtio_verdict check_interface(struct virtio_device *dev, const char **why)
{
    const struct pci_device *pdev = to_virtio_pci(dev)->pdev;

    VIRTIO_CHECK_EXPECT(is_modern(dev) || pdev->device_id < VIRTIO_PCI_DEVICE_ID_MODERN,
                        "a modern device driven by the legacy interface");
    VIRTIO_CHECK_EXPECT(!is_modern(dev) || pci_cap_find(pdev, PCI_CAP_ID_VNDR, 0) != 0,
                        "driven as a modern device without a capability");
    return VIRTIO_CHECK_PASS;
}

static enum virtio_verdict check_table(struct virtio_device *dev, const char **why)
{
    const struct pci_device *pdev = to_virtio_pci(dev)->pdev;

    VIRTIO_CHECK_SKIP_IF(!msix_enabled(pdev), "MSI-X is not in use");
    VIRTIO_CHECK_EXPECT(dev->vectors_used >= 1 && dev->vectors_used <= pci_msix_cnt(pdev),
                        "more entries in use than the table has");
    return VIRTIO_CHECK_PASS;
}

/* The entry that the device has for queue @index, and for configuration changes. */
static uint16_t queue_entry(struct virtio_device *dev, unsigned index)
{
    uint16_t io = to_virtio_pci(dev)->io_base;

    if (is_modern(dev))
        return (uint16_t)queue_reg(dev, index, VIRTIO_PCI_COMMON_Q_MSIX, 2);
    io_out16((uint16_t)(io + VIRTIO_PCI_QUEUE_SEL), (uint16_t)index);
    return io_in16((uint16_t)(io + VIRTIO_MSI_QUEUE_VECTOR));
}

static uint16_t config_entry(struct virtio_device *dev)
{
    const struct virtio_pci *vp = to_virtio_pci(dev);

    if (is_modern(dev))
        return (uint16_t)virtio_pci_region_read(&vp->modern.common, VIRTIO_PCI_COMMON_MSIX, 2);
    return io_in16((uint16_t)(vp->io_base + VIRTIO_MSI_CONFIG_VECTOR));
}

static enum virtio_verdict check_entries(struct virtio_device *dev, const char **why)
{
    const struct pci_device *pdev = to_virtio_pci(dev)->pdev;
    unsigned cnt = pci_msix_cnt(pdev);

    VIRTIO_CHECK_SKIP_IF(!msix_enabled(pdev), "MSI-X is not in use");
    VIRTIO_CHECK_EXPECT(config_entry(dev) < cnt, "configuration changes beyond the table");
    for (unsigned i = 0; i < dev->queue_cnt; i++) {
        uint16_t entry = dev->queues[i] != NULL ? queue_entry(dev, i) : 0;

        VIRTIO_CHECK_EXPECT(entry < cnt || entry == VIRTIO_MSI_NO_VECTOR,
                            "an interrupt of a queue beyond the table");
    }
    return VIRTIO_CHECK_PASS;
}

static enum virtio_verdict check_read_back(struct virtio_device *dev, const char **why)
{
    const struct virtio_pci *vp = to_virtio_pci(dev);

    VIRTIO_CHECK_SKIP_IF(!msix_enabled(vp->pdev), "MSI-X is not in use");
    VIRTIO_CHECK_EXPECT(config_entry(dev) == 0, "configuration changes are not at entry 0");
    for (unsigned i = 0; i < dev->queue_cnt; i++)
        VIRTIO_CHECK_EXPECT(dev->queues[i] == NULL || queue_entry(dev, i) == vp->queue_entries[i],
                            "a queue's entry is not the one that was bound");
    return VIRTIO_CHECK_PASS;
}

static enum virtio_verdict check_page_numbers(struct virtio_device *dev, const char **why)
{
    uint16_t io = to_virtio_pci(dev)->io_base;

    NEEDS_LEGACY;
    for (unsigned i = 0; i < dev->queue_cnt; i++) {
        struct virtqueue_layout layout;

        if (dev->queues[i] == NULL)
            continue;
        virtqueue_layout(dev->queues[i], &layout);
        io_out16((uint16_t)(io + VIRTIO_PCI_QUEUE_SEL), (uint16_t)i);
        VIRTIO_CHECK_EXPECT(io_in32((uint16_t)(io + VIRTIO_PCI_QUEUE_PFN)) ==
                                layout.desc_pa >> VIRTIO_PCI_QUEUE_ADDR_SHIFT,
                            "the device has a ring elsewhere");
    }
    return VIRTIO_CHECK_PASS;
}

static enum virtio_verdict check_notifications(struct virtio_device *dev, const char **why)
{
    const struct virtio_pci_modern *modern = &to_virtio_pci(dev)->modern;
    unsigned width = virtio_has_feature(dev, VIRTIO_F_NOTIFICATION_DATA) ? 4 : 2;

    NEEDS_MODERN;
    for (unsigned i = 0; i < dev->queue_cnt; i++) {
        VIRTIO_CHECK_EXPECT(dev->queues[i] == NULL || modern->doorbells[i].len == width,
                            "notifications of another width than agreed on");
        VIRTIO_CHECK_EXPECT(dev->queues[i] == NULL || modern->notify_ids[i] == i ||
                                virtio_has_feature(dev, VIRTIO_F_NOTIF_CONFIG_DATA),
                            "notifications of a queue name another one");
    }
    return VIRTIO_CHECK_PASS;
}

const struct virtio_check virtio_pci_checks[] = {
    {57, "4.1.2.2", check_ids},
    {59, "4.1.4.1", check_bars},
    {60, "4.1.4.1", check_first},
    {61, "4.1.4.1", check_lengths},
    {64, "4.1.4.3.2", check_queue_sizes},
    {65, "4.1.4.3.2", check_enabled},
    {71, "4.1.4.10", check_legacy_header},
    {72, "4.1.4.10", check_legacy_features},
    {73, "4.1.5.1.1.1", check_interface},
    {74, "4.1.5.1.2.2", check_table},
    {75, "4.1.5.1.2.2", check_entries},
    {76, "4.1.5.1.2.2", check_read_back},
    {77, "4.1.5.1.3", check_page_numbers},
    {78, "4.1.5.2.1", check_notifications},
    {0},
};

VIRTIO_CHECKS(pci, .checks = virtio_pci_checks);
