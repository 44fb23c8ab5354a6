/* Interrupt vectors: each CPU's pool, dispatch from stub to handler, spurious interrupts. */
#include "arch/intr.h"

#include <errno.h>

#include "arch/x86_64/clock_private.h"
#include "arch/x86_64/cpu_private.h"
#include "arch/x86_64/idt.h"
#include "arch/x86_64/intr_cpu.h"
#include "arch/x86_64/ioapic.h"
#include "arch/x86_64/lapic.h"
#include "arch/x86_64/pic.h"

#define POOL_CNT (VECTOR_POOL_LAST - VECTOR_POOL_FIRST + 1)

static struct intr_cpu boot_intr;
static uint64_t spurious_cnt;

static void count_spurious(void *arg)
{
    (void)arg;
    spurious_cnt++;
}

struct intr_cpu *intr_cpu_boot(void)
{
    for (unsigned i = 0; i < sizeof(boot_intr.slots) / sizeof(boot_intr.slots[0]); i++)
        boot_intr.slots[i].fn = count_spurious;
    boot_intr.free_cnt = POOL_CNT;
    return &boot_intr;
}

static struct intr_slot *slot_of(struct intr_cpu *intr, unsigned vector)
{
    return &intr->slots[vector - VECTOR_TABLE_BASE];
}

void intr_dispatch(unsigned vector)
{
    struct percpu *cpu = cpu_this();
    struct intr_slot *slot = slot_of(cpu->intr, vector);

    cpu->irq_depth++;
    slot->fn(slot->arg);
    /* What PIC or local APIC raise as spurious is not in service: there is nothing to end. */
    if (vector >= VECTOR_POOL_FIRST && vector != VECTOR_SPURIOUS)
        lapic->eoi();
    cpu->irq_depth--;
}

void intr_vector_set(unsigned cpu, unsigned vector, intr_handler_t fn, void *arg)
{
    *slot_of(cpu_by_id(cpu)->intr, vector) = (struct intr_slot){fn, arg};
}

int intr_vector_alloc(unsigned cpu, intr_handler_t fn, void *arg)
{
    struct percpu *target = cpu_by_id(cpu);
    uint64_t state = cpu_irq_save();
    int vector = -ENOSPC;

    for (unsigned i = 0; target != NULL && i < POOL_CNT; i++) {
        unsigned at = (target->intr->next + i) % POOL_CNT;
        struct intr_slot *slot = slot_of(target->intr, VECTOR_POOL_FIRST + at);

        if (slot->fn != count_spurious)
            continue;
        /* A vector just given back is used again last, so that late interrupts do not reach its
         * next owner. */
        target->intr->next = (at + 1) % POOL_CNT;
        target->intr->free_cnt--;
        slot->arg = arg;
        slot->fn = fn;
        vector = (int)(VECTOR_POOL_FIRST + at);
        break;
    }
    cpu_irq_restore(state);
    return vector;
}

void intr_vector_free(unsigned cpu, unsigned vector)
{
    struct percpu *target = cpu_by_id(cpu);
    uint64_t state = cpu_irq_save();

    if (target != NULL && vector >= VECTOR_POOL_FIRST && vector <= VECTOR_POOL_LAST &&
        slot_of(target->intr, vector)->fn != count_spurious) {
        *slot_of(target->intr, vector) = (struct intr_slot){count_spurious, NULL};
        target->intr->free_cnt++;
    }
    cpu_irq_restore(state);
}

unsigned intr_vector_free_cnt(unsigned cpu)
{
    struct percpu *target = cpu_by_id(cpu);

    return target != NULL ? target->intr->free_cnt : 0;
}

uint64_t intr_spurious_cnt(void)
{
    return spurious_cnt;
}

bool intr_in_handler(void)
{
    return cpu_this()->irq_depth > 0;
}

void intr_init(void)
{
    pic_mask_all();
    lapic_init();
    ioapic_init();
    clock_timer_unit_begin();
}
