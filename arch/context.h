/* Switching between cooperative threads. */
#ifndef ARCH_CONTEXT_H
#define ARCH_CONTEXT_H

#include <stdint.h>

/* Saved stack pointer; all other callee-saved state is on that stack. */
struct arch_context {
    uintptr_t sp;
};

/* Prepares @ctx so that the first switch to it calls @entry(@arg) on the stack ending at
 * @stack_top. */
void context_init(struct arch_context *ctx, uintptr_t stack_top, void (*entry)(void *), void *arg);

/* Saves the caller in @from and resumes @to. Interrupts must be off; FP registers are caller-saved
 * here. */
void context_switch(struct arch_context *from, struct arch_context *to);

/* Prints return addresses with function names, newest first, starting at the caller. Bounded. */
void backtrace_print(void);

#endif
