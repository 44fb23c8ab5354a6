/* What arch/x86_64 asks of its other CPUs. Private to arch/x86_64. */
#ifndef ARCH_X86_64_SMP_PRIVATE_H
#define ARCH_X86_64_SMP_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/smp.h"

struct intr_cpu;

/* Points the vectors of requests between CPUs at their handlers. */
void smp_vectors_set(struct intr_cpu *intr);

/* Takes [@va, @va + @len) out of the other CPUs' TLBs. Where there are several CPUs: thread
 * context, interrupts on. */
void smp_flush(uintptr_t va, size_t len);

/* On a CPU that starts: answers what smp_clock_match() asks, if it does. */
void smp_clock_serve(void);

/*
 * Compares the clock of the CPU that serves with this one's and moves it if it differs; false when
 * that does not help.
 */
bool smp_clock_match(void);

/* In the handler of an NMI: does not return if it came to stop this CPU. */
void smp_stop_if_asked(void);

#endif
