/* Virtio 1.3 IOMMU device (5.13): features and configuration layout. */
#ifndef DRIVERS_VIRTIO_IOMMU_SPEC_H
#define DRIVERS_VIRTIO_IOMMU_SPEC_H

#include <stdint.h>

#define VIRTIO_IOMMU_F_INPUT_RANGE   0
#define VIRTIO_IOMMU_F_DOMAIN_RANGE  1
#define VIRTIO_IOMMU_F_MAP_UNMAP     2
#define VIRTIO_IOMMU_F_BYPASS        3
#define VIRTIO_IOMMU_F_PROBE         4
#define VIRTIO_IOMMU_F_MMIO          5
#define VIRTIO_IOMMU_F_BYPASS_CONFIG 6

struct virtio_iommu_config {
    uint64_t page_size_mask;
    uint64_t input_start, input_end;
    uint32_t domain_start, domain_end;
    uint32_t probe_size;
    uint8_t bypass;
    uint8_t reserved[3];
};
_Static_assert(sizeof(struct virtio_iommu_config) == 40, "IOMMU configuration");

#endif
