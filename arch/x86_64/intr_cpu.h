/* Vector numbers, and the table by which dispatch finds a handler. Private to arch/x86_64. */
#ifndef ARCH_X86_64_INTR_CPU_H
#define ARCH_X86_64_INTR_CPU_H

#include <stdint.h>

#include "arch/intr.h"
#include "arch/spinlock.h"

/*
 * A CPU serves the vector with the highest upper four bits first. VECTOR_SYNC stands below all
 * device vectors: when it is served, the device interrupts that came before it have been.
 */
#define VECTOR_SYNC       0x20
#define VECTOR_POOL_FIRST 0x30
#define VECTOR_POOL_LAST  0xdf
#define VECTOR_PIC_BASE   0xe0 /* where the masked PIC's spurious interrupts end up, 16 vectors */
#define VECTOR_PIC_CNT    16
#define VECTOR_TIMER      0xf0
#define VECTOR_CALL       0xf1
#define VECTOR_KICK       0xf2
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
    uint64_t spurious_cnt;
};

/* The boot CPU's table, ready for dispatch. */
struct intr_cpu *intr_cpu_boot(void);

/* Another CPU's table, NULL when memory is short. */
struct intr_cpu *intr_cpu_create(void);

/* Points one of the vectors outside the pool at @fn, on @cpu. */
void intr_vector_set(unsigned cpu, unsigned vector, intr_handler_t fn, void *arg);

#endif
