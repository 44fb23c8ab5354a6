/* AMD's IOMMU: there is no driver that has it translate, only one that sees to it that it does not.
 */
#include <errno.h>

#include "arch/io.h"
#include "arch/memory.h"
#include "iommu/amd_regs.h"
#include "iommu/iommu_private.h"

int amd_iommu_off(uint64_t pa)
{
    uint8_t *regs = mmio_map(pa, AMD_IOMMU_REGS_LEN);
    uint32_t control;

    if (regs == NULL)
        return -ENOMEM;
    control = mmio_read32(regs + AMD_IOMMU_CONTROL);
    if ((control & AMD_IOMMU_CONTROL_EN) != 0) {
        mmio_write32(regs + AMD_IOMMU_CONTROL, control & ~AMD_IOMMU_CONTROL_EN);
        control = mmio_read32(regs + AMD_IOMMU_CONTROL);
    }
    mmio_unmap(regs, AMD_IOMMU_REGS_LEN);
    return (control & AMD_IOMMU_CONTROL_EN) == 0 ? 0 : -EIO;
}
