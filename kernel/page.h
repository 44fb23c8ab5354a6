/* Page allocator over the firmware memory map, and contiguous memory for devices. */
#ifndef KERNEL_PAGE_H
#define KERNEL_PAGE_H

#include <stddef.h>
#include <stdint.h>

#include "boot/boot_info.h"

/*
 * One bitmap over all usable memory. Pages are handed out from the top of memory downwards; the
 * heap's break grows upwards from the bottom of the largest range with page_claim(), so both meet
 * only when memory is full and every heap object is physically contiguous.
 */
void page_init(const struct boot_info *info);

/* @cnt contiguous zeroed pages, aligned to @align pages (power of two). Physical address, 0 when
 * none. Any context. */
uint64_t page_alloc(size_t cnt, size_t align);
void page_free(uint64_t pa, size_t cnt);

/* Takes exactly [@pa, @pa + @cnt pages). 0, -EBUSY when one of them is taken or no memory. Any
 * context. */
int page_claim(uint64_t pa, size_t cnt);

/*
 * @fn is called when there is no memory for @cnt pages, and may give some back that it can do
 * without; it returns how many, and is called again until it gives none. NULL: nobody. It runs in
 * the context of whoever needs the memory, without locks of the allocator.
 */
void page_set_reclaim(size_t (*fn)(size_t cnt));

/* Largest usable range, where the heap starts. */
void page_largest_range(uint64_t *start_pa, uint64_t *end_pa);

/*
 * Contiguous zeroed memory for a device: page aligned, rounded up to pages, below @limit_pa (0: no
 * limit). Returns its address and sets *@pa, or NULL. dma_free() takes the same @len. Thread
 * context.
 */
void *dma_alloc(size_t len, uint64_t limit_pa, uint64_t *pa);
void dma_free(void *va, size_t len);

struct page_stats {
    size_t total_cnt;
    size_t free_cnt;
    size_t low_water_cnt; /* smallest free_cnt seen */
};
void page_stats(struct page_stats *stats);

#endif
