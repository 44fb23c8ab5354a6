/* Interrupt flag, idle and per-CPU block of x86; the block is found through GS. */
#ifndef ARCH_IMPL_CPU_H
#define ARCH_IMPL_CPU_H

#include <stdbool.h>
#include <stdint.h>

#define CPU_RFLAGS_IF 0x200ull

/* Host tests have no interrupts and one CPU. */
#if __STDC_HOSTED__

__attribute__((weak)) struct percpu cpu_host_block;

static inline struct percpu *cpu_this(void)
{
    return &cpu_host_block;
}

static inline uint64_t cpu_irq_save(void)
{
    return 0;
}

static inline void cpu_irq_enable(void)
{
}

static inline void cpu_irq_disable(void)
{
}

static inline void cpu_irq_restore(uint64_t state)
{
    (void)state;
}

static inline bool cpu_irq_enabled(void)
{
    return false;
}

static inline void cpu_wait_irq(void)
{
}

#else

static inline struct percpu *cpu_this(void)
{
    struct percpu *self;

    __asm__("movq %%gs:0, %0" : "=r"(self));
    return self;
}

static inline uint64_t cpu_irq_save(void)
{
    uint64_t flags;

    __asm__ volatile("pushfq; popq %0; cli" : "=r"(flags)::"memory");
    return flags & CPU_RFLAGS_IF;
}

static inline void cpu_irq_enable(void)
{
    __asm__ volatile("sti" ::: "memory");
}

static inline void cpu_irq_disable(void)
{
    __asm__ volatile("cli" ::: "memory");
}

static inline void cpu_irq_restore(uint64_t state)
{
    if (state & CPU_RFLAGS_IF)
        cpu_irq_enable();
    else
        cpu_irq_disable();
}

static inline bool cpu_irq_enabled(void)
{
    uint64_t flags;

    __asm__ volatile("pushfq; popq %0" : "=r"(flags)::"memory");
    return flags & CPU_RFLAGS_IF;
}

/* An interrupt is not taken before the instruction behind sti: none can slip in between. */
static inline void cpu_wait_irq(void)
{
    __asm__ volatile("sti; hlt" ::: "memory");
}

#endif

static inline void cpu_relax(void)
{
    __asm__ volatile("pause" ::: "memory");
}

#define CPU_MARK_INSTRUCTION(id) \
    __asm__ volatile(".byte 0x0f, 0x1f, 0x80, " #id ", 0x00, 0x4b, 0x4d" ::: "memory")

static inline __attribute__((always_inline)) void cpu_mark(unsigned id)
{
    switch (id) {
    case 1:
        CPU_MARK_INSTRUCTION(1);
        break;
    case 2:
        CPU_MARK_INSTRUCTION(2);
        break;
    case 3:
        CPU_MARK_INSTRUCTION(3);
        break;
    case 4:
        CPU_MARK_INSTRUCTION(4);
        break;
    default:
        break;
    }
}

#endif
