/* The legacy 8259 interrupt controllers: out of the way. */
#include "arch/x86_64/pic.h"

#include "arch/io.h"
#include "arch/x86_64/intr_cpu.h"

#define PIC1_COMMAND 0x20
#define PIC1_DATA    0x21
#define PIC2_COMMAND 0xa0
#define PIC2_DATA    0xa1

#define PIC_ICW1_INIT_ICW4 0x11
#define PIC_ICW3_CASCADE   0x04 /* the second one is on input 2 of the first */
#define PIC_ICW3_ID        0x02
#define PIC_ICW4_8086      0x01

void pic_mask_all(void)
{
    io_out8(PIC1_COMMAND, PIC_ICW1_INIT_ICW4);
    io_out8(PIC2_COMMAND, PIC_ICW1_INIT_ICW4);
    io_out8(PIC1_DATA, VECTOR_PIC_BASE);
    io_out8(PIC2_DATA, VECTOR_PIC_BASE + 8);
    io_out8(PIC1_DATA, PIC_ICW3_CASCADE);
    io_out8(PIC2_DATA, PIC_ICW3_ID);
    io_out8(PIC1_DATA, PIC_ICW4_8086);
    io_out8(PIC2_DATA, PIC_ICW4_8086);
    io_out8(PIC1_DATA, 0xff);
    io_out8(PIC2_DATA, 0xff);
}
