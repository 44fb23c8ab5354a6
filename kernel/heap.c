/* The break under malloc: grows upwards through the largest range of memory, page by page. */
#include "kernel/heap.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "arch/memory.h"
#include "arch/spinlock.h"
#include "kernel/page.h"

/* Physical addresses; pages up to claimed_pa, the break rounded up, are ours. */
static uint64_t start_pa, break_pa, claimed_pa, end_pa;
static struct spinlock lock; /* break_pa and claimed_pa */

void heap_init(void)
{
    page_largest_range(&start_pa, &end_pa);
    break_pa = claimed_pa = start_pa;
}

static uint64_t page_ceil(uint64_t pa)
{
    return (pa + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
}

/* Moves the break, with the lock held; false when memory is full. */
static bool move_break(size_t grow, size_t shrink)
{
    uint64_t old = break_pa, new_claimed;

    if (grow > end_pa - old || shrink > old - start_pa)
        return false;
    new_claimed = page_ceil(old + grow - shrink);
    if (new_claimed > claimed_pa) {
        if (page_claim(claimed_pa, (new_claimed - claimed_pa) >> PAGE_SHIFT) != 0)
            return false;
    } else if (new_claimed < claimed_pa) {
        page_free(new_claimed, (claimed_pa - new_claimed) >> PAGE_SHIFT);
    }
    claimed_pa = new_claimed;
    break_pa = old + grow - shrink;
    return true;
}

void *heap_sbrk(ptrdiff_t increment)
{
    size_t grow = increment > 0 ? (size_t)increment : 0;
    size_t shrink = increment < 0 ? -(size_t)increment : 0;
    uint64_t state = spin_lock(&lock), old = break_pa;
    bool moved = move_break(grow, shrink);

    spin_unlock(&lock, state);
    if (!moved)
        return NULL;
    /* newlib's calloc() takes memory straight from the break to be zero. */
    if (grow > 0)
        memset(phys_to_virt(old), 0, grow);
    return phys_to_virt(old);
}

size_t heap_len(void)
{
    return break_pa - start_pa;
}
