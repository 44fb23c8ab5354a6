/* 64-bit entry for the UEFI loader, %rdi = identity-mapped struct boot_info, and the stack that the kernel starts on. */

#define BOOT_STACK_LEN 0x10000

    .section .text.boot, "ax"
    .globl start64
    .type start64, @function
start64:
    rdtsc
    shlq $32, %rdx
    orq %rdx, %rax
    movq %rax, boot_start_cycles(%rip)
    cli
    cld
    movq $boot_stack_top, %rsp
    xorl %ebp, %ebp
    movq $boot_main, %rax
    .size start64, . - start64

/* Calls %rax, which does not return, from a frame that ends backtraces. */
    .globl boot_call
    .type boot_call, @function
boot_call:
    call *%rax
    ud2
    .size boot_call, . - boot_call

    .section .bss.boot_stack, "aw", @nobits
    .globl boot_start_cycles, boot_stack_guard, boot_stack_bottom, boot_stack_top
    .balign 4096
boot_stack_guard: /* unmapped by memory_init() */
    .skip 4096
boot_stack_bottom:
    .skip BOOT_STACK_LEN
boot_stack_top:
    .type boot_start_cycles, @object
boot_start_cycles: /* time-stamp counter at the kernel's first instruction */
    .skip 8
    .size boot_start_cycles, 8

    .section .note.GNU-stack, "", @progbits
