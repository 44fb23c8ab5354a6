/* The first stack frame of a new thread. */
#include "arch/context.h"

#define MXCSR_DEFAULT  0x1f80u
#define FPU_CW_DEFAULT 0x37fu

/* As context_switch() leaves it, lowest address first. */
struct switch_frame {
    uint32_t mxcsr;
    uint32_t fpu_cw;
    uint64_t r15, r14, r13, r12, rbx, rbp;
    uint64_t rip;
};
_Static_assert(sizeof(struct switch_frame) == 64, "context.S");

void context_start(void);

void context_init(struct arch_context *ctx, uintptr_t stack_top, void (*entry)(void *), void *arg)
{
    /* Behind the return into context_start() the stack is aligned as before a call; %rbp = 0 ends
     * backtraces. */
    struct switch_frame *frame = (struct switch_frame *)((stack_top & ~15ul) - sizeof(*frame));

    *frame = (struct switch_frame){
        .mxcsr = MXCSR_DEFAULT,
        .fpu_cw = FPU_CW_DEFAULT,
        .rbx = (uintptr_t)entry,
        .r12 = (uintptr_t)arg,
        .rip = (uintptr_t)context_start,
    };
    ctx->sp = (uintptr_t)frame;
}
