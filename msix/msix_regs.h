/* MSI-X table and pending-bit array in device memory (PCI 3.0, 6.8.2.6 to 6.8.2.10). */
#ifndef MSIX_MSIX_REGS_H
#define MSIX_MSIX_REGS_H

#include <stdint.h>

struct msix_table_entry {
    uint32_t address_low;
    uint32_t address_high;
    uint32_t data;
    uint32_t control;
};
_Static_assert(sizeof(struct msix_table_entry) == 16, "fixed by the specification");

#define MSIX_CONTROL_MASKED 0x00000001u

/* Pending bits: one per entry, in units of 64. */
#define MSIX_PBA_LEN(entries) (((entries) + 63ul) / 64 * 8)

#endif
