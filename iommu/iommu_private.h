/* What the files of iommu/ share. */
#ifndef IOMMU_IOMMU_PRIVATE_H
#define IOMMU_IOMMU_PRIVATE_H

#include "iommu/iommu.h"
#include "iommu/vtd.h"

/* Translation by the @cnt units of @all, with nothing attached yet. NULL, or why not, with all of
 * them off. They must stay. Thread context. */
const char *vtd_domain_start(struct vtd_unit *all, unsigned cnt, const struct boot_info *info);

/* Address bits that are translated. */
unsigned vtd_domain_width(void);

/* Lets function @requester (bus, device, function) access memory. 0, -ENOMEM, -ETIMEDOUT. */
int vtd_domain_attach(uint16_t requester);
void vtd_domain_detach(uint16_t requester);

/* Ends translation by the AMD unit at @pa. 0, -ENOMEM, -EIO. Needs no clock. */
int amd_iommu_off(uint64_t pa);

/* Counts an access that was not let through. Any context. */
void iommu_count_fault(void);

#endif
