/* Vector numbers, and the table by which dispatch finds a handler. Private to arch/x86_64. */
#ifndef ARCH_X86_64_INTR_CPU_H
#define ARCH_X86_64_INTR_CPU_H

#include <stdint.h>

#include "arch/intr.h"
#include "arch/spinlock.h"

#define VECTOR_PIC_BASE   0x20 /* where the masked PIC's spurious interrupts end up, 16 vectors */
#define VECTOR_POOL_FIRST 0x30
#define VECTOR_POOL_LAST  0xef
#define VECTOR_TIMER      0xf0
#define VECTOR_SPURIOUS   0xff
#define VECTOR_TABLE_BASE 0x20

struct intr_slot {
    intr_handler_t fn;
    void *arg;
};

struct intr_cpu {
    struct intr_slot slots[256 - VECTOR_TABLE_BASE];
    struct spinlock lock; /* the pool; dispatch reads the slots without it */
    unsigned free_cnt;
    unsigned next; /* where the search for a free vector goes on */
};

/* The boot CPU's table, ready for dispatch. */
struct intr_cpu *intr_cpu_boot(void);

/* Points one of the vectors above the pool at @fn, on @cpu. */
void intr_vector_set(unsigned cpu, unsigned vector, intr_handler_t fn, void *arg);

#endif
