/* The code on which other CPUs start in real mode, copied below 1 MiB, and what it is told. Private
 * to arch/x86_64. */
#ifndef ARCH_X86_64_TRAMPOLINE_H
#define ARCH_X86_64_TRAMPOLINE_H

#include <stdint.h>

/* Behind the code, at trampoline_args. */
struct trampoline_args {
    uint32_t far32_offset, far32_selector;
    uint32_t far64_offset, far64_selector;
    uint16_t reserved, gdt_limit;
    uint32_t gdt_base;
    uint32_t cr0, cr3, cr4, efer;
    uint64_t entry;
};
_Static_assert(sizeof(struct trampoline_args) == 48, "trampoline.S");

extern const uint8_t trampoline_start[], trampoline_32[], trampoline_64[], trampoline_args[],
    trampoline_gdt[], trampoline_end[];

#define TRAMPOLINE_GDT_LEN    32
#define TRAMPOLINE_SELECTOR32 0x08
#define TRAMPOLINE_SELECTOR64 0x18

/* Upper half of smp_token, whose lower half is the local APIC id of the CPU that is meant. */
#define TOKEN_OFFERED 1ull
#define TOKEN_CLAIMED 2ull
#define TOKEN_UP      3ull

/* Read by smp_ap_entry. */
extern uint64_t smp_token, smp_ap_stack, smp_ap_root;

/* Where the trampoline leads, in long mode with trampoline_args.cr3. */
extern const uint8_t smp_ap_entry[];

/* Where a CPU that has claimed the token goes on. */
_Noreturn void smp_ap_main(void);

#endif
