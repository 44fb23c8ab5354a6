/*
 * Several CPUs: starting them, and what one CPU asks of the others. A CPU that does not come up in
 * time is reported and left out; cpu_count() is the number of those in use. Whoever waits for
 * another CPU does so in thread context with interrupts on, so that two CPUs can wait for each
 * other.
 */
#ifndef ARCH_SMP_H
#define ARCH_SMP_H

#include "arch/cpu.h"

/*
 * Starts the other CPUs of firmware's table, @limit CPUs in all at most. Each new CPU calls @main
 * with interrupts off, on a stack of its own, and never returns from it. @warn is given a line for
 * each CPU that has to be left out. Once, in thread context, after intr_init() (ACPI 6.5, 5.2.12;
 * Intel SDM vol. 3A, 9.4).
 */
void smp_start(unsigned limit, void (*main)(void), void (*warn)(const char *text));

/* Runs @fn(@arg) on every CPU of @mask that is in use, in interrupt context with interrupts off,
 * and waits until all have run it. Thread context, interrupts on. */
void smp_call(cpu_mask_t mask, void (*fn)(void *arg), void *arg);

/*
 * Waits until every CPU of @mask has served the interrupts that had reached it before the call, and
 * has left the handlers that were running. What was made invisible to handlers before may be freed
 * after. Thread context, interrupts on.
 */
void smp_sync(cpu_mask_t mask);

/* Makes @cpu look at its run queue: ends its sleep. Any context. */
void smp_kick(unsigned cpu);

/*
 * Stops every other CPU for good, wherever it is, for the end of the run; bounded wait. When
 * several CPUs call it, it returns to one of them, and to that one again. Any context.
 */
void smp_stop_others(void);

#endif
