/* The kernel that the loader carries: KIMG is the file's name. */
    .section .rodata, "a"
    .balign 16
    .globl kimg_start, kimg_end
    .hidden kimg_start, kimg_end
kimg_start:
    .incbin KIMG
kimg_end:
    .section .note.GNU-stack, "", @progbits
