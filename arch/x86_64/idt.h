/* The interrupt descriptor table, shared by all CPUs, and the frames its stubs build. */
#ifndef ARCH_X86_64_IDT_H
#define ARCH_X86_64_IDT_H

#include <stdint.h>

/* As isr.S pushes it for an exception. */
struct trap_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rdx, rcx, rbx, rax;
    uint64_t vector, error;
    uint64_t rbp; /* with rip behind it: a frame as any function's, for backtraces */
    uint64_t rip, cs, rflags, rsp, ss;
};
_Static_assert(sizeof(struct trap_frame) == 176, "isr.S");

/* Fills the table; once. */
void idt_init(void);

/* Makes it the calling CPU's. */
void idt_load(void);

/* Called by the stubs. */
void fault_handle(struct trap_frame *frame);
void intr_dispatch(unsigned vector);

#endif
