/* The region under newlib's malloc: a break that grows through physically contiguous pages. */
#ifndef KERNEL_HEAP_H
#define KERNEL_HEAP_H

#include <stddef.h>

void heap_init(void);

/* Moves the break by @increment bytes; old break, or NULL when memory is full. Thread context. */
void *heap_sbrk(ptrdiff_t increment);

/* Bytes between the heap's start and its break. */
size_t heap_len(void);

#endif
