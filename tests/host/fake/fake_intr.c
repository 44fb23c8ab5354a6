/* arch/intr.h for host tests: a vector pool whose interrupts the test delivers. One CPU. */
#include "fake_intr.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "arch/cpu.h"
#include "arch/intr.h"

#define VECTOR_FIRST 0x30
#define VECTOR_MAX   0xf0

static struct {
    intr_handler_t fn;
    void *arg;
} vectors[VECTOR_MAX];
static unsigned used, limit;
static uint64_t spurious;
static bool in_handler;

void fake_intr_reset(unsigned vector_cnt)
{
    memset(vectors, 0, sizeof(vectors));
    used = 0;
    limit = vector_cnt;
    spurious = 0;
}

unsigned fake_intr_used(void)
{
    return used;
}

bool fake_intr_deliver(unsigned vector)
{
    if (vector >= VECTOR_MAX || !vectors[vector].fn) {
        spurious++;
        return false;
    }
    in_handler = true;
    vectors[vector].fn(vectors[vector].arg);
    in_handler = false;
    return true;
}

int intr_vector_alloc(unsigned cpu, intr_handler_t fn, void *arg)
{
    if (cpu != 0)
        abort();
    if (used == limit)
        return -ENOSPC;
    for (unsigned vector = VECTOR_FIRST; vector < VECTOR_MAX; vector++) {
        if (vectors[vector].fn)
            continue;
        vectors[vector].fn = fn;
        vectors[vector].arg = arg;
        used++;
        return (int)vector;
    }
    return -ENOSPC;
}

void intr_vector_free(unsigned cpu, unsigned vector)
{
    if (cpu != 0 || vector >= VECTOR_MAX || !vectors[vector].fn)
        abort();
    vectors[vector].fn = NULL;
    used--;
}

unsigned intr_vector_free_cnt(unsigned cpu)
{
    (void)cpu;
    return limit - used;
}

uint64_t intr_spurious_cnt(void)
{
    return spurious;
}

/* Deliberately not the real format: nothing above the local-APIC code may know it. */
void intr_msi_compose(unsigned cpu, unsigned vector, struct msi_message *msg)
{
    msg->address = 0x123450fee0000ull + cpu;
    msg->data = 0xabc00000u + vector;
}

bool intr_in_handler(void)
{
    return in_handler;
}

unsigned cpu_count(void)
{
    return 1;
}
