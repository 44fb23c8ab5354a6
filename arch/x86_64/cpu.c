/* Each CPU's own: descriptor tables, stacks for exceptions that may not trust %rsp, control bits,
 * per-CPU block. */
#include "arch/cpu.h"

#include <errno.h>
#include <string.h>

#include "arch/memory.h"
#include "arch/x86_64/cpu_insn.h"
#include "arch/x86_64/cpu_private.h"
#include "arch/x86_64/idt.h"
#include "arch/x86_64/intr_cpu.h"
#include "arch/x86_64/paging.h"

#define GDT_CODE64 0x00af9b000000ffffull
#define GDT_DATA64 0x00cf93000000ffffull
#define GDT_TSS    0x0000890000000000ull /* present, available 64-bit TSS */

#define MXCSR_DEFAULT 0x1f80u

struct cpu_state {
    struct percpu cpu;
    struct tss tss;
    uint64_t gdt[5];
};

/* Exceptions of the boot CPU that may come with a broken stack pointer run here; the guard pages
 * are unmapped by memory_init(). The other CPUs' are in the stack area. */
static struct guarded_stack ist_stacks[IST_CNT]
    __attribute__((aligned(4096), section(".bss.ist_stacks")));
static struct cpu_state states[CPU_MAX];
static unsigned cpu_cnt = 1;

static void gdt_load(struct cpu_state *state)
{
    uint64_t tss = (uintptr_t)&state->tss;
    struct descriptor_pointer pointer = {sizeof(state->gdt) - 1, (uintptr_t)state->gdt};

    state->tss.iomap_base = sizeof(state->tss);
    state->gdt[SELECTOR_CODE / 8] = GDT_CODE64;
    state->gdt[SELECTOR_DATA / 8] = GDT_DATA64;
    state->gdt[SELECTOR_TSS / 8] =
        GDT_TSS | (sizeof(state->tss) - 1) | (tss & 0xffffff) << 16 | (tss >> 24 & 0xff) << 56;
    state->gdt[SELECTOR_TSS / 8 + 1] = tss >> 32;
    __asm__ volatile("lgdt %0\n\t"
                     "pushq %1\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1:\n\t"
                     "movl %2, %%ds\n\t"
                     "movl %2, %%es\n\t"
                     "movl %2, %%ss\n\t"
                     "movl %3, %%fs\n\t"
                     "movl %3, %%gs\n\t"
                     "ltr %w4"
                     :
                     : "m"(pointer), "i"(SELECTOR_CODE), "r"(SELECTOR_DATA), "r"(0),
                       "r"(SELECTOR_TSS)
                     : "rax", "memory");
}

static void control_bits_set(void)
{
    struct cpuid leaf7 = cpuid_checked(7, 0);
    uint64_t cr0 = cr0_read(), cr4 = cr4_read();
    uint32_t mxcsr = MXCSR_DEFAULT;

    cr0 &= ~(uint64_t)(CR0_EM | CR0_TS | CR0_CD | CR0_NW);
    cr0_write(cr0 | CR0_MP | CR0_NE | CR0_WP);
    cr4 |= CR4_OSFXSR | CR4_OSXMMEXCPT;
    if (leaf7.ebx & CPUID_7_EBX_SMEP)
        cr4 |= CR4_SMEP;
    if (leaf7.ebx & CPUID_7_EBX_SMAP)
        cr4 |= CR4_SMAP;
    if (leaf7.ecx & CPUID_7_ECX_UMIP)
        cr4 |= CR4_UMIP;
    cr4_write(cr4);
    __asm__ volatile("fninit; ldmxcsr %0; cld" ::"m"(mxcsr));
}

void cpu_init_this(unsigned id)
{
    struct cpu_state *state = &states[id];

    gdt_load(state);
    idt_load();
    control_bits_set();
    state->cpu.self = &state->cpu;
    state->cpu.id = id;
    state->cpu.hw_id = cpuid(1, 0).ebx >> 24;
    msr_write(MSR_GS_BASE, (uintptr_t)&state->cpu);
}

void cpu_init_boot(void)
{
    idt_init();
    for (unsigned i = 0; i < IST_CNT; i++)
        states[0].tss.ist[i] = (uintptr_t)ist_stacks[i].stack + sizeof(ist_stacks[i].stack);
    states[0].cpu.intr = intr_cpu_boot();
    cpu_init_this(0);
}

int cpu_prepare(unsigned id, uintptr_t *stack_top)
{
    struct cpu_state *state = &states[id];

    *stack_top = paging_stack_alloc(CPU_STACK_LEN);
    if (*stack_top == 0)
        return -ENOMEM;
    for (unsigned i = 0; i < IST_CNT; i++) {
        state->tss.ist[i] = paging_stack_alloc(EXCEPTION_STACK_LEN);
        if (state->tss.ist[i] == 0)
            return -ENOMEM;
    }
    state->cpu.intr = intr_cpu_create();
    return state->cpu.intr != NULL ? 0 : -ENOMEM;
}

struct percpu *cpu_by_id(unsigned cpu)
{
    return cpu < cpu_count() ? &states[cpu].cpu : NULL;
}

const char *cpu_stack_guard(uintptr_t va)
{
    for (unsigned i = 0; i < IST_CNT; i++)
        if (va - (uintptr_t)ist_stacks[i].guard < sizeof(ist_stacks[i].guard))
            return "guard page of exception stack";
    return NULL;
}

unsigned cpu_count(void)
{
    return __atomic_load_n(&cpu_cnt, __ATOMIC_ACQUIRE);
}

void cpu_set_count(unsigned cnt)
{
    __atomic_store_n(&cpu_cnt, cnt, __ATOMIC_RELEASE);
}

unsigned cpu_hw_id(unsigned cpu)
{
    return states[cpu].cpu.hw_id;
}

const char *cpu_model(void)
{
    static char model[49];
    char *start = model;

    if (cpuid(CPUID_LEAF_EXTENDED, 0).eax < CPUID_LEAF_BRAND + 2)
        return "unknown x86-64";
    for (uint32_t i = 0; i < 3; i++) {
        struct cpuid part = cpuid(CPUID_LEAF_BRAND + i, 0);

        memcpy(model + sizeof(part) * i, &part, sizeof(part));
    }
    while (*start == ' ')
        start++;
    return start;
}

const char *cpu_arch_name(void)
{
    return "x86_64";
}

_Noreturn void cpu_halt(void)
{
    for (;;)
        __asm__ volatile("cli; hlt" ::: "memory");
}
