/* One VT-d remapping unit: its registers, and what is done with them. */
#ifndef IOMMU_VTD_H
#define IOMMU_VTD_H

#include <stdbool.h>
#include <stdint.h>

#include "iommu/vtd_regs.h"

struct vtd_unit {
    uint8_t *regs;
    unsigned regs_len;
    uint64_t cap, ecap;
    unsigned irq; /* of its faults; 0: none */
    char name[8]; /* "iommu0" */
};

/* Maps the registers at @pa and reads what the unit can do. 0, -ENOMEM, -ENODEV nobody answers. */
int vtd_open(struct vtd_unit *unit, uint64_t pa);

/* Ends translation, and remapping of interrupts, that firmware may have left on. 0, -ETIMEDOUT.
 * Needs no clock. */
int vtd_off(struct vtd_unit *unit);

/* Begins translation with the root table at @root_pa. 0, -ETIMEDOUT with it off. */
int vtd_on(struct vtd_unit *unit, uint64_t root_pa);

/* Has the unit forget what it knows of tables. 0, -ETIMEDOUT. Any context. */
int vtd_flush(struct vtd_unit *unit);

/* Reports faults from now on, by interrupt. 0, or negative errno. Thread context. */
int vtd_faults_start(struct vtd_unit *unit);

#endif
