/* The break under malloc: grows upwards through the largest range of memory, page by page. */
#include "kernel/heap.h"

#include <stdint.h>
#include <string.h>

#include "arch/memory.h"
#include "kernel/page.h"

/* Physical addresses; pages up to claimed_pa, the break rounded up, are ours. */
static uint64_t start_pa, break_pa, claimed_pa, end_pa;

void heap_init(void)
{
    page_largest_range(&start_pa, &end_pa);
    break_pa = claimed_pa = start_pa;
}

static uint64_t page_ceil(uint64_t pa)
{
    return (pa + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
}

void *heap_sbrk(ptrdiff_t increment)
{
    uint64_t old = break_pa, new_claimed;
    size_t grow = increment > 0 ? (size_t)increment : 0;
    size_t shrink = increment < 0 ? -(size_t)increment : 0;

    if (grow > end_pa - old || shrink > old - start_pa)
        return NULL;
    new_claimed = page_ceil(old + grow - shrink);
    if (new_claimed > claimed_pa) {
        if (page_claim(claimed_pa, (new_claimed - claimed_pa) >> PAGE_SHIFT) != 0)
            return NULL;
    } else if (new_claimed < claimed_pa) {
        page_free(new_claimed, (claimed_pa - new_claimed) >> PAGE_SHIFT);
    }
    claimed_pa = new_claimed;
    break_pa = old + grow - shrink;
    /* newlib's calloc() takes memory straight from the break to be zero. */
    if (grow > 0)
        memset(phys_to_virt(old), 0, grow);
    return phys_to_virt(old);
}

size_t heap_len(void)
{
    return break_pa - start_pa;
}
