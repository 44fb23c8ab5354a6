/* virtio-iommu: told to let all devices through, so that physical addresses are right for those
 * behind it. */
#include <stddef.h>

#include "drivers/virtio_iommu_spec.h"
#include "iommu/iommu.h"
#include "virtio/virtio.h"

#define BYPASS_OFF offsetof(struct virtio_iommu_config, bypass)

static const struct virtio_feature features[] = {
    {.bit = VIRTIO_IOMMU_F_BYPASS, .name = "VIRTIO_IOMMU_F_BYPASS"},
    {.bit = VIRTIO_IOMMU_F_BYPASS_CONFIG, .name = "VIRTIO_IOMMU_F_BYPASS_CONFIG"},
    {.name = NULL},
};

/* Devices are attached to no domain. Those pass if the configuration says so, which the driver may
 * write, or, of an older device, if the feature was agreed on (5.13.6.2). */
static bool let_through(struct virtio_device *dev)
{
    const uint8_t yes = 1;

    if (!virtio_has_feature(dev, VIRTIO_IOMMU_F_BYPASS_CONFIG))
        return virtio_has_feature(dev, VIRTIO_IOMMU_F_BYPASS);
    if (virtio_config_read8(dev, BYPASS_OFF) != yes)
        virtio_config_write8(dev, BYPASS_OFF, yes);
    return virtio_config_read8(dev, BYPASS_OFF) == yes;
}

static int iommu_probe(struct virtio_device *dev)
{
    iommu_virtio_set(let_through(dev) ? NULL : "the virtio-iommu does not let devices through");
    return 0;
}

static void iommu_start(struct virtio_device *dev)
{
    (void)dev;
}

static void iommu_remove(struct virtio_device *dev)
{
    (void)dev;
}

VIRTIO_DRIVER(iommu, .name = "virtio-iommu", .dev_prefix = "viommu", .device_id = VIRTIO_ID_IOMMU,
              .ringless = true, .features = features, .probe = iommu_probe, .start = iommu_start,
              .remove = iommu_remove);
