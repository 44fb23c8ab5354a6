/* arch/intr.h and arch/smp.h for host tests: vector pools whose interrupts the test delivers, and
 * CPUs that wait for one another by calling a hook. */
#include "fake_intr.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "arch/cpu.h"
#include "arch/intr.h"
#include "arch/smp.h"

#define VECTOR_FIRST 0x30
#define VECTOR_MAX   0xf0

struct slot {
    intr_handler_t fn;
    void *arg;
};

static struct {
    struct slot slots[VECTOR_MAX];
    unsigned used;
} cpus[CPU_MAX];
static unsigned cpu_cnt, limit;
static uint64_t spurious;
static bool in_handler;

void (*fake_smp_sync_hook)(cpu_mask_t mask);
struct fake_gsi fake_gsis[FAKE_GSI_MAX];
struct fake_isa fake_isas[16];
struct msi_message fake_msi_base;

void fake_intr_reset(unsigned vector_cnt)
{
    fake_intr_reset_cpus(1, vector_cnt);
}

void fake_intr_reset_cpus(unsigned cnt, unsigned vector_cnt)
{
    memset(cpus, 0, sizeof(cpus));
    memset(fake_gsis, 0, sizeof(fake_gsis));
    for (unsigned i = 0; i < 16; i++)
        fake_isas[i] = (struct fake_isa){i, INTR_EDGE_HIGH};
    fake_msi_base = (struct msi_message){0x123450fee0000ull, 0xabc00000u};
    cpu_cnt = cnt;
    limit = vector_cnt;
    spurious = 0;
    fake_smp_sync_hook = NULL;
    cpu_this()->id = 0;
}

unsigned fake_intr_used(void)
{
    unsigned used = 0;

    for (unsigned cpu = 0; cpu < cpu_cnt; cpu++)
        used += cpus[cpu].used;
    return used;
}

unsigned fake_intr_used_on(unsigned cpu)
{
    return cpus[cpu].used;
}

bool fake_intr_deliver(unsigned vector)
{
    return fake_intr_deliver_on(0, vector);
}

bool fake_intr_deliver_on(unsigned cpu, unsigned vector)
{
    const unsigned old_cpu = cpu_this()->id;
    const bool was_in_handler = in_handler;
    struct slot *slot;

    if (cpu >= cpu_cnt || vector >= VECTOR_MAX || !cpus[cpu].slots[vector].fn) {
        spurious++;
        return false;
    }
    slot = &cpus[cpu].slots[vector];
    cpu_this()->id = cpu;
    in_handler = true;
    slot->fn(slot->arg);
    in_handler = was_in_handler;
    cpu_this()->id = old_cpu;
    return true;
}

static bool block_is_free(unsigned cpu, unsigned vector, unsigned cnt)
{
    if (vector % cnt != 0 || vector + cnt > VECTOR_MAX)
        return false;
    for (unsigned i = 0; i < cnt; i++)
        if (cpus[cpu].slots[vector + i].fn)
            return false;
    return true;
}

int intr_vector_alloc_block(unsigned cpu, unsigned cnt, intr_handler_t fn, void *const *args)
{
    if (cpu >= cpu_cnt)
        abort();
    if (limit - cpus[cpu].used < cnt)
        return -ENOSPC;
    for (unsigned vector = VECTOR_FIRST; vector < VECTOR_MAX; vector++) {
        if (!block_is_free(cpu, vector, cnt))
            continue;
        for (unsigned i = 0; i < cnt; i++)
            cpus[cpu].slots[vector + i] = (struct slot){fn, args[i]};
        cpus[cpu].used += cnt;
        return (int)vector;
    }
    return -ENOSPC;
}

int intr_vector_alloc(unsigned cpu, intr_handler_t fn, void *arg)
{
    return intr_vector_alloc_block(cpu, 1, fn, &arg);
}

void intr_vector_free(unsigned cpu, unsigned vector)
{
    if (cpu >= cpu_cnt || vector >= VECTOR_MAX || !cpus[cpu].slots[vector].fn)
        abort();
    cpus[cpu].slots[vector].fn = NULL;
    cpus[cpu].used--;
}

unsigned intr_vector_free_cnt(unsigned cpu)
{
    return limit - cpus[cpu].used;
}

uint64_t intr_spurious_cnt(void)
{
    return spurious;
}

/* Deliberately not the real format: nothing above the local-APIC code may know it. */
void intr_msi_compose(unsigned cpu, unsigned vector, struct msi_message *msg)
{
    msg->address = fake_msi_base.address + cpu;
    msg->data = fake_msi_base.data + vector;
}

int intr_gsi_route(unsigned gsi, unsigned cpu, unsigned vector, enum intr_trigger trigger)
{
    if (gsi >= FAKE_GSI_MAX)
        return -ENODEV;
    fake_gsis[gsi] = (struct fake_gsi){.cpu = cpu, .vector = vector, .trigger = trigger};
    return 0;
}

unsigned intr_isa_gsi(unsigned isa_irq, enum intr_trigger *trigger)
{
    *trigger = fake_isas[isa_irq].trigger;
    return fake_isas[isa_irq].gsi;
}

void intr_gsi_mask(unsigned gsi)
{
    if (gsi < FAKE_GSI_MAX)
        fake_gsis[gsi].unmasked = false;
}

void intr_gsi_unmask(unsigned gsi)
{
    fake_gsis[gsi].unmasked = true;
}

bool intr_in_handler(void)
{
    return in_handler;
}

unsigned cpu_count(void)
{
    return cpu_cnt > 0 ? cpu_cnt : 1;
}

void smp_sync(cpu_mask_t mask)
{
    if (in_handler)
        abort();
    if (fake_smp_sync_hook)
        fake_smp_sync_hook(mask);
}

void smp_call(cpu_mask_t mask, void (*fn)(void *arg), void *arg)
{
    const unsigned old_cpu = cpu_this()->id;

    for (unsigned cpu = 0; cpu < cpu_count(); cpu++) {
        if (!(mask & CPU_MASK(cpu)))
            continue;
        cpu_this()->id = cpu;
        fn(arg);
    }
    cpu_this()->id = old_cpu;
}
