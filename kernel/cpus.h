/* Bringing the other CPUs into use. */
#ifndef KERNEL_CPUS_H
#define KERNEL_CPUS_H

/*
 * Starts the CPUs that the boot option "cpus" allows, of @listed that firmware knows, and puts them
 * to work: each has a reaper, a worker and a run queue from here on. Those that do not come up are
 * left out with a warning. Once, in thread context, after intr_init(), with interrupts on.
 */
void cpus_start(unsigned listed);

/* Starts their timers, when the clock has been measured and timers_init() called. */
void cpus_start_timers(void);

#endif
