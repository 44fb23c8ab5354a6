/* Port and memory-mapped register access by width: the only volatile register casts in the tree. */
#ifndef ARCH_IO_H
#define ARCH_IO_H

#include <stdint.h>

/*
 * Inline, from the architecture's folder:
 *   uint8_t/16/32  io_in8/16/32(uint16_t port);   void io_out8/16/32(uint16_t port, value)
 *   uint8_t..64    mmio_read8/16/32/64(const volatile void *);  void mmio_write8/16/32/64(volatile
 * void *, value)
 */
#include "arch_impl/io.h"

#endif
