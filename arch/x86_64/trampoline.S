/* Where other CPUs start: from real mode to long mode in one page below 1 MiB, then into the kernel, where only the CPU
 * that is meant goes on. Offsets into struct trampoline_args and the token's states are those of trampoline.h. */

#define ARGS(field) (trampoline_args - trampoline_start + (field))
#define FAR32       0
#define FAR64       8
#define GDT_POINTER 18
#define CR0         24
#define CR3         28
#define CR4         32
#define EFER        36
#define ENTRY       40

#define DATA32        0x10
#define CR0_PE        0x1
#define MSR_EFER      0xc0000080
#define TOKEN_OFFERED 1
#define TOKEN_CLAIMED 2

    .section .rodata.trampoline, "a"
    .globl trampoline_start, trampoline_32, trampoline_64, trampoline_args, trampoline_gdt, trampoline_end
    .balign 16
    .code16
trampoline_start:
    cli
    cld
    movw %cs, %ax
    movw %ax, %ds
    movzwl %ax, %ebx
    shll $4, %ebx /* where this page is */
    lgdtl ARGS(GDT_POINTER)
    movl %cr0, %eax
    orl $CR0_PE, %eax
    movl %eax, %cr0
    ljmpl *ARGS(FAR32)

    .code32
trampoline_32:
    movl $DATA32, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl ARGS(CR4)(%ebx), %eax
    movl %eax, %cr4
    movl ARGS(CR3)(%ebx), %eax
    movl %eax, %cr3
    movl $MSR_EFER, %ecx
    movl ARGS(EFER)(%ebx), %eax
    xorl %edx, %edx
    wrmsr
    movl ARGS(CR0)(%ebx), %eax
    movl %eax, %cr0
    ljmpl *ARGS(FAR64)(%ebx)

    .code64
trampoline_64:
    movq ARGS(ENTRY)(%rbx), %rax
    jmp *%rax

    .balign 8
trampoline_args:
    .skip 48
trampoline_gdt: /* all marked as accessed: the CPU does not write here */
    .quad 0
    .quad 0x00cf9b000000ffff
    .quad 0x00cf93000000ffff
    .quad 0x00af9b000000ffff
trampoline_end:

/* No stack yet: a CPU that comes too late must not touch what another one has been given meanwhile. */
    .text
    .globl smp_ap_entry
    .type smp_ap_entry, @function
smp_ap_entry:
    xorl %eax, %eax
    cpuid
    cmpl $0xb, %eax
    jb 1f
    movl $0xb, %eax
    xorl %ecx, %ecx
    cpuid
    movl %edx, %esi
    testl %ebx, %ebx
    jnz 2f
1:  movl $1, %eax
    cpuid
    shrl $24, %ebx
    movl %ebx, %esi
2:  movl $TOKEN_OFFERED, %eax
    shlq $32, %rax
    orq %rsi, %rax
    movl $TOKEN_CLAIMED, %ecx
    shlq $32, %rcx
    orq %rsi, %rcx
    lock cmpxchgq %rcx, smp_token(%rip)
    jne 3f
    movq smp_ap_stack(%rip), %rsp
    movq smp_ap_root(%rip), %rax
    movq %rax, %cr3
    xorl %ebp, %ebp
    call smp_ap_main
3:  cli
    hlt
    jmp 3b
    .size smp_ap_entry, . - smp_ap_entry

    .section .note.GNU-stack, "", @progbits
