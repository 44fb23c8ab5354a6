/* Switching stacks: callee-saved registers and floating-point control words stay on the stack that is left. */

    .text
    .globl context_switch
    .type context_switch, @function
context_switch: /* %rdi = from, %rsi = to */
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    subq $8, %rsp
    stmxcsr (%rsp)
    fnstcw 4(%rsp)
    movq %rsp, (%rdi)
    movq (%rsi), %rsp
    ldmxcsr (%rsp)
    fldcw 4(%rsp)
    addq $8, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size context_switch, . - context_switch

/* Where a new context starts; context_init() left the entry in %rbx and its argument in %r12. */
    .globl context_start
    .type context_start, @function
context_start:
    movq %r12, %rdi
    call *%rbx
    ud2
    .size context_start, . - context_start

    .section .note.GNU-stack, "", @progbits
