/* What arch/x86_64 knows of its CPUs beyond arch/cpu.h. */
#ifndef ARCH_X86_64_CPU_PRIVATE_H
#define ARCH_X86_64_CPU_PRIVATE_H

#include <stdint.h>

#include "arch/cpu.h"

#define EXCEPTION_STACK_LEN 8192

struct guarded_stack {
    uint8_t guard[4096];
    uint8_t stack[EXCEPTION_STACK_LEN];
};

/* NULL when there is no such CPU. */
struct percpu *cpu_by_id(unsigned cpu);

/* Name of the exception stack's guard page that holds @va, or NULL. */
const char *cpu_stack_guard(uintptr_t va);

#endif
