/* Whether a function may be given addresses: what it says of an IOMMU, against what there is
 * (virtio 1.3, 6.1). */
#include "iommu/iommu.h"
#include "virtio/virtio_pci.h"

const char *virtio_pci_access_objection(struct virtio_device *dev, uint64_t offered)
{
    /* An IOMMU is not behind itself. */
    if (dev->device_id == VIRTIO_ID_IOMMU)
        return NULL;
    return iommu_objection((offered >> VIRTIO_F_ACCESS_PLATFORM & 1) != 0);
}
