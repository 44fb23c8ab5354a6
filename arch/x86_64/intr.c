/* Interrupt vectors: each CPU's pool, dispatch from stub to handler, spurious interrupts. */
#include "arch/intr.h"

#include <errno.h>
#include <stddef.h>

#include "arch/barrier.h"
#include "arch/memory.h"
#include "arch/x86_64/clock_private.h"
#include "arch/x86_64/cpu_private.h"
#include "arch/x86_64/idt.h"
#include "arch/x86_64/intr_cpu.h"
#include "arch/x86_64/ioapic.h"
#include "arch/x86_64/lapic.h"
#include "arch/x86_64/lapic_regs.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/pic.h"
#include "arch/x86_64/smp_private.h"

#define POOL_CNT (VECTOR_POOL_LAST - VECTOR_POOL_FIRST + 1)

static struct intr_cpu boot_intr;
_Static_assert(sizeof(struct intr_cpu) <= PAGE_SIZE, "one page for each CPU");

static void count_spurious(void *arg)
{
    (void)arg;
    cpu_this()->intr->spurious_cnt++;
}

static struct intr_cpu *table_init(struct intr_cpu *intr)
{
    for (unsigned i = 0; i < sizeof(intr->slots) / sizeof(intr->slots[0]); i++)
        intr->slots[i].fn = count_spurious;
    intr->free_cnt = POOL_CNT;
    smp_vectors_set(intr);
    return intr;
}

struct intr_cpu *intr_cpu_boot(void)
{
    return table_init(&boot_intr);
}

struct intr_cpu *intr_cpu_create(void)
{
    uint64_t pa = paging_page_alloc();

    return pa != 0 ? table_init(phys_to_virt(pa)) : NULL;
}

static struct intr_slot *slot_of(struct intr_cpu *intr, unsigned vector)
{
    return &intr->slots[vector - VECTOR_TABLE_BASE];
}

/* What PIC or local APIC raise as spurious is not in service: there is nothing to end. */
static inline bool in_service(unsigned vector)
{
    return vector < VECTOR_PIC_BASE ||
           (vector >= VECTOR_PIC_BASE + VECTOR_PIC_CNT && vector != VECTOR_SPURIOUS);
}

void intr_dispatch(unsigned vector)
{
    struct percpu *cpu = cpu_this();
    struct intr_slot *slot = slot_of(cpu->intr, vector);
    intr_handler_t fn;

    cpu->irq_depth++;
    fn = READ_ONCE(slot->fn);
    fn(READ_ONCE(slot->arg));
    if (in_service(vector))
        lapic->eoi();
    cpu->irq_depth--;
}

void intr_vector_set(unsigned cpu, unsigned vector, intr_handler_t fn, void *arg)
{
    *slot_of(cpu_by_id(cpu)->intr, vector) = (struct intr_slot){fn, arg};
}

static bool block_is_free(struct intr_cpu *intr, unsigned at, unsigned cnt)
{
    if (at % cnt != 0 || at + cnt > VECTOR_POOL_LAST + 1)
        return false;
    for (unsigned i = 0; i < cnt; i++)
        if (slot_of(intr, at + i)->fn != count_spurious)
            return false;
    return true;
}

/* The first vector of a free block, from where the last search ended on; 0 when there is none. */
static unsigned block_find(struct intr_cpu *intr, unsigned cnt)
{
    if (intr->free_cnt < cnt)
        return 0;
    for (unsigned i = 0; i < POOL_CNT; i++) {
        const unsigned at = VECTOR_POOL_FIRST + (intr->next + i) % POOL_CNT;

        if (block_is_free(intr, at, cnt))
            return at;
    }
    return 0;
}

int intr_vector_alloc_block(unsigned cpu, unsigned cnt, intr_handler_t fn, void *const *args)
{
    struct percpu *target = cpu_by_id(cpu);
    struct intr_cpu *intr;
    uint64_t state;
    unsigned first;

    if (target == NULL)
        return -ENOSPC;
    intr = target->intr;
    state = spin_lock(&intr->lock);
    first = block_find(intr, cnt);
    if (first != 0) {
        /* Dispatch reads fn before arg: with the new fn it finds the new arg. */
        for (unsigned i = 0; i < cnt; i++) {
            WRITE_ONCE(slot_of(intr, first + i)->arg, args[i]);
            WRITE_ONCE(slot_of(intr, first + i)->fn, fn);
        }
        /* A vector just given back is used again last, so that late interrupts do not reach its
         * next owner. */
        intr->next = (first + cnt - VECTOR_POOL_FIRST) % POOL_CNT;
        intr->free_cnt -= cnt;
    }
    spin_unlock(&intr->lock, state);
    return first != 0 ? (int)first : -ENOSPC;
}

int intr_vector_alloc(unsigned cpu, intr_handler_t fn, void *arg)
{
    return intr_vector_alloc_block(cpu, 1, fn, &arg);
}

void intr_vector_free(unsigned cpu, unsigned vector)
{
    struct percpu *target = cpu_by_id(cpu);
    uint64_t state;

    if (target == NULL || vector < VECTOR_POOL_FIRST || vector > VECTOR_POOL_LAST)
        return;
    state = spin_lock(&target->intr->lock);
    /* The argument stays: a dispatch that has read the old function goes on to read it. */
    if (slot_of(target->intr, vector)->fn != count_spurious) {
        WRITE_ONCE(slot_of(target->intr, vector)->fn, count_spurious);
        target->intr->free_cnt++;
    }
    spin_unlock(&target->intr->lock, state);
}

unsigned intr_vector_free_cnt(unsigned cpu)
{
    struct percpu *target = cpu_by_id(cpu);

    return target != NULL ? target->intr->free_cnt : 0;
}

uint64_t intr_spurious_cnt(void)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < cpu_count(); i++)
        sum += READ_ONCE(cpu_by_id(i)->intr->spurious_cnt);
    return sum;
}

bool intr_in_handler(void)
{
    return cpu_this()->irq_depth > 0;
}

void intr_init(void)
{
    pic_mask_all();
    lapic_init();
    /* No device can name it: devices are polled, or interrupt other CPUs. */
    if (cpu_this()->hw_id > LAPIC_DEVICE_DEST_MAX)
        boot_intr.free_cnt = 0;
    ioapic_init();
    clock_timer_unit_begin();
}
