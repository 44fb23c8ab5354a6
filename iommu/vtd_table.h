/* Second-level tables in which addresses are physical addresses: who may read and write what. */
#ifndef IOMMU_VTD_TABLE_H
#define IOMMU_VTD_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "iommu/vtd_regs.h"

struct vtd_table {
    uint64_t root_pa;
    unsigned levels;                                  /* 3 or 4: 39 or 48 address bits */
    bool large;                                       /* the units know pages of 2 MiB */
    uint64_t (*page_alloc)(void);                     /* a zeroed page's physical address, or 0 */
    void (*changed)(const void *entry, uint64_t len); /* for units that look past caches */
};

/* Starts an empty table. 0, -ENOMEM. */
int vtd_table_init(struct vtd_table *table);

/*
 * Lets devices access [@start_pa, @end_pa), whole pages, as @perm (VTD_SL_READ, VTD_SL_WRITE, or 0)
 * says, whatever was said before. 0; -ENOMEM with part of it done; -ERANGE, with nothing done, for
 * what the table cannot express.
 */
int vtd_table_set(struct vtd_table *table, uint64_t start_pa, uint64_t end_pa, uint64_t perm);

/* VTD_SL_* of the page at @pa. */
uint64_t vtd_table_get(const struct vtd_table *table, uint64_t pa);

#endif
