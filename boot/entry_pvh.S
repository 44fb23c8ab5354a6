/* PVH entry: 32-bit protected mode without paging, %ebx = struct hvm_start_info. Switches to long mode with the first
 * 4 GiB mapped at 0 and the first GiB mapped at the image's base, and continues in pvh.c. */

#define IMAGE_BASE  0xffffffff80000000
#define PA(symbol)  (symbol - IMAGE_BASE)
#define PTE_TABLE   0x003 /* present, writable */
#define PTE_LARGE   0x083 /* and 2 MiB */
#define MSR_EFER    0xc0000080
#define EFER_LME    0x100
#define CR4_BITS    0x620      /* PAE, OSFXSR, OSXMMEXCPT: string functions may use vector registers */
#define CR0_SET     0x80000022 /* PG, NE, MP */
#define CR0_CLEAR   0x0000000c /* TS, EM */
#define CODE64      0x08
#define DATA64      0x10

    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 8, 18 /* XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz "Xen"
    .quad PA(pvh_start)

    .section .text.boot, "ax"
    .code32
    .globl pvh_start
    .type pvh_start, @function
pvh_start:
    rdtsc
    movl %eax, PA(boot_start_cycles)
    movl %edx, PA(boot_start_cycles) + 4
    cld

    /* One page directory for each of the first four GiB. */
    movl $PA(early_pd), %edi
    movl $PTE_LARGE, %eax
    movl $(4 * 512), %ecx
1:  movl %eax, (%edi)
    addl $0x200000, %eax
    addl $8, %edi
    decl %ecx
    jnz 1b

    movl $(PA(early_pd) + PTE_TABLE), %eax
    movl %eax, PA(early_pdpt_high) + 510 * 8
    movl %eax, PA(early_pdpt_low)
    addl $0x1000, %eax
    movl %eax, PA(early_pdpt_low) + 8
    addl $0x1000, %eax
    movl %eax, PA(early_pdpt_low) + 16
    addl $0x1000, %eax
    movl %eax, PA(early_pdpt_low) + 24
    movl $(PA(early_pdpt_low) + PTE_TABLE), PA(early_pml4)
    movl $(PA(early_pdpt_high) + PTE_TABLE), PA(early_pml4) + 511 * 8

    movl %cr4, %eax
    orl $CR4_BITS, %eax
    movl %eax, %cr4
    movl $PA(early_pml4), %eax
    movl %eax, %cr3
    movl $MSR_EFER, %ecx
    rdmsr
    orl $EFER_LME, %eax
    wrmsr
    movl %cr0, %eax
    andl $~CR0_CLEAR, %eax
    orl $CR0_SET, %eax
    movl %eax, %cr0
    lgdt PA(early_gdt_pointer)
    ljmp $CODE64, $PA(pvh_start64)

    .code64
pvh_start64:
    movl $DATA64, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movq $boot_stack_top, %rsp
    xorl %ebp, %ebp
    movl %ebx, %edi
    movq $pvh_main, %rax
    movq $boot_call, %rcx
    jmp *%rcx
    .size pvh_start, . - pvh_start

    .section .rodata.boot, "a"
    .balign 8
early_gdt:
    .quad 0
    .quad 0x00af9b000000ffff /* marked as accessed: the CPU never writes here */
    .quad 0x00cf93000000ffff
early_gdt_pointer:
    .word . - early_gdt - 1
    .long PA(early_gdt)

    .section .bss.boot_tables, "aw", @nobits
    .balign 4096
early_pml4:
    .skip 4096
early_pdpt_low:
    .skip 4096
early_pdpt_high:
    .skip 4096
early_pd:
    .skip 4 * 4096

    .section .note.GNU-stack, "", @progbits
