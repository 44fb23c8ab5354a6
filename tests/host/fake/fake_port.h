/* Included before everything else (cflags: -include ...): port accesses of the tested source reach
 * the test's device. */
#ifndef FAKE_PORT_H
#define FAKE_PORT_H

#include "arch/io.h"

uint32_t fake_port_in(uint16_t port, unsigned width);
void fake_port_out(uint16_t port, unsigned width, uint32_t value);

#define io_in8(port)          ((uint8_t)fake_port_in(port, 1))
#define io_in16(port)         ((uint16_t)fake_port_in(port, 2))
#define io_in32(port)         fake_port_in(port, 4)
#define io_out8(port, value)  fake_port_out(port, 1, value)
#define io_out16(port, value) fake_port_out(port, 2, value)
#define io_out32(port, value) fake_port_out(port, 4, value)

#endif
