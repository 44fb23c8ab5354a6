/* What arch/x86_64 knows of its CPUs beyond arch/cpu.h. */
#ifndef ARCH_X86_64_CPU_PRIVATE_H
#define ARCH_X86_64_CPU_PRIVATE_H

#include <stdint.h>

#include "arch/cpu.h"

#define EXCEPTION_STACK_LEN 8192
#define CPU_STACK_LEN       32768 /* what the other CPUs start on */

struct guarded_stack {
    uint8_t guard[4096];
    uint8_t stack[EXCEPTION_STACK_LEN];
};

/* NULL when there is no such CPU. */
struct percpu *cpu_by_id(unsigned cpu);

/*
 * Gives CPU @id, which is to be started, its stacks and its interrupt table. *@stack_top is where
 * it starts. 0, -ENOMEM: what was taken stays with the CPU, which then is not to be started.
 */
int cpu_prepare(unsigned id, uintptr_t *stack_top);

/* Loads the descriptor tables and control bits of the calling CPU, which is @id from now on. */
void cpu_init_this(unsigned id);

/* CPUs 0 to @cnt - 1 are in use. */
void cpu_set_count(unsigned cnt);

/* Name of the exception stack's guard page that holds @va, or NULL. */
const char *cpu_stack_guard(uintptr_t va);

#endif
