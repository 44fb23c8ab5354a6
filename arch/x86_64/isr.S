/* Entry stubs of all 256 vectors, 16 bytes each. %rbp is pushed first, behind the interrupted %rip, so that backtraces
 * walk through an interrupt as through a call. */

/* Exceptions for which the CPU pushes an error code: 8, 10-14, 17, 21, 29, 30. */
#define ERROR_CODE_VECTORS 0x60227d00

    .text
    .balign 16
    .globl isr_stubs
    .type isr_stubs, @function
isr_stubs:
    .set vector, 0
    .rept 32
    .balign 16
    .if (ERROR_CODE_VECTORS >> vector) & 1
    xchgq %rbp, (%rsp) /* the error code moves into %rbp */
    .else
    pushq %rbp
    xorl %ebp, %ebp
    .endif
    pushq %rbp
    pushq $vector
    jmp exception_common
    .set vector, vector + 1
    .endr
    .rept 224
    .balign 16
    pushq %rbp
    pushq %rdi
    movl $vector, %edi
    jmp interrupt_common
    .set vector, vector + 1
    .endr
    .balign 16
    .size isr_stubs, . - isr_stubs

    .type exception_common, @function
exception_common:
    pushq %rax
    pushq %rbx
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    cld
    movq %rsp, %rdi
    leaq 16*8(%rsp), %rbp
    call fault_handle
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rbx
    popq %rax
    addq $16, %rsp
    popq %rbp
    iretq
    .size exception_common, . - exception_common

/* Handlers are compiled without vector registers: the caller-saved general ones are all that they may change. */
    .type interrupt_common, @function
interrupt_common:
    leaq 8(%rsp), %rbp
    pushq %rax
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    subq $8, %rsp
    cld
    call intr_dispatch
    addq $8, %rsp
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rax
    popq %rdi
    popq %rbp
    iretq
    .size interrupt_common, . - interrupt_common

    .section .note.GNU-stack, "", @progbits
