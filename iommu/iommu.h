/*
 * IOMMUs: what stands between devices and memory. Addresses given to devices are physical ones,
 * whatever the machine has. Where there is a unit that can be driven (VT-d), devices reach memory,
 * but not the kernel's code, constants and page tables, and only functions that have a driver do;
 * else units are off. Order: iommu_quiesce(), iommu_init(), then iommu_attach() for each function
 * before its driver is asked.
 */
#ifndef IOMMU_IOMMU_H
#define IOMMU_IOMMU_H

#include <stdbool.h>
#include <stdint.h>

#include "boot/boot_info.h"

enum iommu_state {
    IOMMU_NONE,    /* the machine has none */
    IOMMU_OFF,     /* none translates */
    IOMMU_ON,      /* one does, as we want it */
    IOMMU_BLOCKED, /* one is in the way, or may be */
};

struct iommu_info {
    enum iommu_state state;
    const char *kind; /* "vt-d", "amd", "virtio", "none" */
    unsigned unit_cnt;
    unsigned width;          /* address bits that are translated; 0: not on */
    const char *why;         /* not on; NULL when it is */
    unsigned long fault_cnt; /* accesses that were not let through and recorded */
};

/* Ends what firmware has had units do, before memory that holds their tables is given out. Between
 * pci_quiesce() and page_init(). */
void iommu_quiesce(void);

/* Has a unit translate if there is one and boot option "iommu" lets it. After irq_init(), before
 * drivers are asked; @info as page_init() got it. Thread context. */
void iommu_init(const struct boot_info *info);

/*
 * Lets function @requester (bus << 8 | device << 3 | function) access memory, where that needs
 * leave. 0, -ENOMEM, -ETIMEDOUT, -ENODEV it needs a unit that is not there (iommu=on, or another
 * segment). Thread context.
 */
int iommu_attach(uint16_t segment, uint16_t requester);

/* The reverse. The function must not access memory any more: faults are reported from here on. */
void iommu_detach(uint16_t segment, uint16_t requester);

/*
 * Why a device must not be used, or NULL. @behind: the device says that its accesses go the way of
 * all others on its bus, through an IOMMU if there is one; else that they are to physical
 * addresses past it.
 */
const char *iommu_objection(bool behind);

/* For the driver of a virtio-iommu: it lets all devices through (@why NULL), or does not. Says
 * nothing of another IOMMU, which stays on or in the way. */
void iommu_virtio_set(const char *why);

/* Prints "@iommu", if the machine has one; once, when drivers have been asked. */
void iommu_report(void);

/* Valid after iommu_init(). */
void iommu_get(struct iommu_info *info);

#endif
