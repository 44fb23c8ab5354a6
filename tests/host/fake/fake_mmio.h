/* Included before everything else (cflags: -include ...): register writes of the tested source can
 * be intercepted. */
#ifndef FAKE_MMIO_H
#define FAKE_MMIO_H

#include "arch/io.h"

void fake_mmio_write32(volatile void *reg, uint32_t value);
#define mmio_write32(reg, value) fake_mmio_write32(reg, value)

#endif
