/* The control register of AMD's IOMMU (AMD I/O Virtualization 3.08, 3.4). */
#ifndef IOMMU_AMD_REGS_H
#define IOMMU_AMD_REGS_H

#include <stdint.h>

#define AMD_IOMMU_REGS_LEN   0x1000u
#define AMD_IOMMU_CONTROL    0x18 /* 64 bits */
#define AMD_IOMMU_CONTROL_EN 0x1u

#endif
