/* Included before everything else (cflags: -include ...): accesses of the tested source to
 * registers in memory and behind ports reach the test's device. */
#ifndef FAKE_REG_H
#define FAKE_REG_H

#include "arch/io.h"
#include "fake_port.h"

uint32_t fake_reg_read(const volatile void *reg, unsigned width);
void fake_reg_write(volatile void *reg, unsigned width, uint32_t value);

#define mmio_read8(reg)          ((uint8_t)fake_reg_read(reg, 1))
#define mmio_read16(reg)         ((uint16_t)fake_reg_read(reg, 2))
#define mmio_read32(reg)         fake_reg_read(reg, 4)
#define mmio_write8(reg, value)  fake_reg_write(reg, 1, value)
#define mmio_write16(reg, value) fake_reg_write(reg, 2, value)
#define mmio_write32(reg, value) fake_reg_write(reg, 4, value)

#endif
