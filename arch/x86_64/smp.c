/* What CPUs ask of one another. */
#include "arch/smp.h"

void smp_start(unsigned limit, void (*main)(void))
{
    (void)limit;
    (void)main;
}

void smp_call(cpu_mask_t mask, void (*fn)(void *arg), void *arg)
{
    uint64_t state = cpu_irq_save();

    if ((mask & CPU_MASK(cpu_this()->id)) != 0)
        fn(arg);
    cpu_irq_restore(state);
}

void smp_sync(cpu_mask_t mask)
{
    (void)mask;
}

void smp_kick(unsigned cpu)
{
    (void)cpu;
}

void smp_stop_others(void)
{
}
