/* Registers of QEMU's educational device in its BAR 0 (QEMU, docs/specs/edu). */
#ifndef MSIX_EDU_REGS_H
#define MSIX_EDU_REGS_H

#include <stdint.h>

#define EDU_VENDOR_ID 0x1234
#define EDU_DEVICE_ID 0x11e8

#define EDU_ID               0x00 /* 0xRRrr00ed: major and minor revision */
#define EDU_ID_MASK          0x0000ffffu
#define EDU_ID_VALUE         0x000000edu
#define EDU_LIVENESS         0x04 /* reads as the inverse of what was written */
#define EDU_FACTORIAL        0x08
#define EDU_STATUS           0x20
#define EDU_STATUS_COMPUTING 0x01u
#define EDU_STATUS_IRQ       0x80u /* interrupt when the factorial is there */
#define EDU_IRQ_STATUS       0x24  /* reasons of interrupts, until acknowledged */
#define EDU_IRQ_RAISE        0x60
#define EDU_IRQ_ACK          0x64
#define EDU_IRQ_FACTORIAL    0x00000001u
#define EDU_DMA_SRC          0x80 /* 64 bits, as the next two */
#define EDU_DMA_DST          0x88
#define EDU_DMA_CNT          0x90
#define EDU_DMA_CMD          0x98
#define EDU_DMA_CMD_START    0x1u
#define EDU_DMA_CMD_TO_RAM   0x2u
#define EDU_DMA_CMD_IRQ      0x4u
#define EDU_DMA_BUFFER       0x40000u /* of the device itself, by the name that it has for DMA */
#define EDU_DMA_BUFFER_LEN   4096u
#define EDU_DMA_END          (1ull << 28) /* of the memory that it reaches, as it comes */
#define EDU_REGS_LEN         0x1000

_Static_assert(EDU_DMA_CMD < EDU_REGS_LEN, "one page holds the registers that are used");

#endif
