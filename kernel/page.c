/* Page allocator: one bit per usable page, set while the page is free. See page.h for who takes
 * from which end. */
#include "kernel/page.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "arch/cpu.h"
#include "arch/memory.h"
#include "arch/spinlock.h"
#include "kernel/panic.h"

#define WORD_BITS  64
/* Carving the image out of a range splits it. */
#define REGION_MAX (BOOT_MEM_MAX + 1)

/* One run of usable pages; page i of it has bit i % 64 of bits[i / 64]. */
struct region {
    uint64_t first; /* page frame number */
    size_t cnt;
    size_t top; /* no page at or above this index is free */
    uint64_t *bits;
};

static struct region regions[REGION_MAX]; /* by rising address */
static size_t region_cnt;
static struct page_stats counts;
static struct spinlock lock; /* bits, tops and counts */
static size_t (*reclaim)(size_t cnt);

static size_t words_of(size_t cnt)
{
    return (cnt + WORD_BITS - 1) / WORD_BITS;
}

/*
 * Index + 1 of the highest bit below @end whose value, xored with @flip, is set; 0 when there is
 * none. @flip 0 looks for free pages, ~0 for taken ones.
 */
static size_t highest_below(const uint64_t *bits, size_t end, uint64_t flip)
{
    size_t word = end / WORD_BITS;
    uint64_t value =
        end % WORD_BITS == 0 ? 0 : (bits[word] ^ flip) & (~0ull >> (WORD_BITS - end % WORD_BITS));

    while (value == 0) {
        if (word == 0)
            return 0;
        value = bits[--word] ^ flip;
    }
    return word * WORD_BITS + WORD_BITS - (size_t)__builtin_clzll(value);
}

/* Sets or clears bits [start, start + cnt). */
static void set_bits(uint64_t *bits, size_t start, size_t cnt, bool value)
{
    while (cnt > 0) {
        size_t bit = start % WORD_BITS;
        size_t step = cnt < WORD_BITS - bit ? cnt : WORD_BITS - bit;
        uint64_t mask = (step < WORD_BITS ? (1ull << step) - 1 : ~0ull) << bit;

        if (value)
            bits[start / WORD_BITS] |= mask;
        else
            bits[start / WORD_BITS] &= ~mask;
        start += step;
        cnt -= step;
    }
}

static bool all_free(const struct region *r, size_t start, size_t cnt)
{
    return highest_below(r->bits, start + cnt, ~0ull) <= start;
}

static bool all_taken(const struct region *r, size_t start, size_t cnt)
{
    return highest_below(r->bits, start + cnt, 0) <= start;
}

static void add_region(uint64_t start_pa, uint64_t end_pa)
{
    uint64_t first = (start_pa + PAGE_SIZE - 1) >> PAGE_SHIFT;
    uint64_t end = end_pa >> PAGE_SHIFT;
    struct region *last = region_cnt > 0 ? &regions[region_cnt - 1] : NULL;

    /* Physical page 0 is never handed out: address 0 means "none". */
    if (first == 0)
        first = 1;
    if (first >= end)
        return;
    if (last != NULL && last->first + last->cnt == first) {
        last->cnt += end - first;
        return;
    }
    regions[region_cnt++] = (struct region){.first = first, .cnt = end - first};
}

static void add_regions(const struct boot_info *info)
{
    uint64_t image_end = info->image_pa + info->image_len;

    for (uint32_t i = 0; i < info->mem_cnt && i < BOOT_MEM_MAX; i++) {
        const struct boot_mem_range *range = &info->mem[i];

        if (range->type != BOOT_MEM_USABLE)
            continue;
        if (range->start_pa < image_end && info->image_pa < range->end_pa) {
            add_region(range->start_pa, info->image_pa);
            add_region(image_end, range->end_pa);
        } else {
            add_region(range->start_pa, range->end_pa);
        }
    }
}

/* The bitmap's own pages come from the top of the highest region that holds it, which ends below
 * them then. */
static void place_bitmap(void)
{
    size_t words = 0, page_cnt, i = region_cnt;
    uint64_t *bits;

    for (size_t r = 0; r < region_cnt; r++)
        words += words_of(regions[r].cnt);
    page_cnt = (words * sizeof(uint64_t) + PAGE_SIZE - 1) >> PAGE_SHIFT;
    while (i > 0 && regions[i - 1].cnt <= page_cnt)
        i--;
    if (i == 0)
        panic("no memory for the page allocator: %zu ranges, %zu pages needed", region_cnt,
              page_cnt);
    regions[i - 1].cnt -= page_cnt;
    bits = phys_to_virt((regions[i - 1].first + regions[i - 1].cnt) << PAGE_SHIFT);
    memset(bits, 0, words * sizeof(uint64_t));
    for (size_t r = 0; r < region_cnt; r++) {
        regions[r].bits = bits;
        regions[r].top = regions[r].cnt;
        set_bits(bits, 0, regions[r].cnt, true);
        bits += words_of(regions[r].cnt);
        counts.total_cnt += regions[r].cnt;
    }
    counts.free_cnt = counts.low_water_cnt = counts.total_cnt;
}

static uint64_t alloc_table_page(void)
{
    return page_alloc(1, 1);
}

void page_init(const struct boot_info *info)
{
    region_cnt = 0;
    counts = (struct page_stats){0};
    add_regions(info);
    place_bitmap();
    memory_set_page_source(alloc_table_page);
}

/* Highest aligned run of @cnt free pages of @r below frame @limit; its index + 1, 0 when there is
 * none. */
static size_t find_run(struct region *r, size_t cnt, size_t align, uint64_t limit)
{
    size_t end = r->top;
    bool limited = false;

    if (limit <= r->first)
        return 0;
    if (limit - r->first < end) {
        end = limit - r->first;
        limited = true;
    }
    end = highest_below(r->bits, end, 0);
    if (!limited)
        r->top = end;
    while (end >= cnt) {
        size_t skew = (r->first + end - cnt) & (align - 1);
        size_t start, taken;

        if (end - cnt < skew)
            return 0;
        start = end - cnt - skew;
        taken = highest_below(r->bits, start + cnt, ~0ull);
        if (taken <= start)
            return start + 1;
        end = highest_below(r->bits, taken - 1, 0);
    }
    return 0;
}

static void take(struct region *r, size_t start, size_t cnt)
{
    set_bits(r->bits, start, cnt, false);
    counts.free_cnt -= cnt;
    if (counts.free_cnt < counts.low_water_cnt)
        counts.low_water_cnt = counts.free_cnt;
}

void page_set_reclaim(size_t (*fn)(size_t cnt))
{
    __atomic_store_n(&reclaim, fn, __ATOMIC_RELEASE);
}

static bool try_reclaim(size_t cnt)
{
    size_t (*fn)(size_t) = __atomic_load_n(&reclaim, __ATOMIC_ACQUIRE);

    return fn != NULL && fn(cnt) > 0;
}

static uint64_t take_below(size_t cnt, size_t align, uint64_t limit)
{
    uint64_t state = spin_lock(&lock), pa = 0;

    for (size_t i = region_cnt; i > 0 && pa == 0; i--) {
        struct region *r = &regions[i - 1];
        size_t found = find_run(r, cnt, align, limit);

        if (found != 0) {
            take(r, found - 1, cnt);
            pa = (r->first + found - 1) << PAGE_SHIFT;
        }
    }
    spin_unlock(&lock, state);
    return pa;
}

static uint64_t alloc_below(size_t cnt, size_t align, uint64_t limit_pa)
{
    uint64_t limit = limit_pa != 0 ? limit_pa >> PAGE_SHIFT : UINT64_MAX;
    uint64_t pa;

    ASSERT(cnt > 0 && align > 0 && (align & (align - 1)) == 0);
    do {
        pa = take_below(cnt, align, limit);
    } while (pa == 0 && try_reclaim(cnt));
    if (pa != 0)
        memset(phys_to_virt(pa), 0, cnt << PAGE_SHIFT);
    return pa;
}

uint64_t page_alloc(size_t cnt, size_t align)
{
    return alloc_below(cnt, align, 0);
}

/* The region that holds all of @cnt pages from @pa, NULL when none does. */
static struct region *region_of(uint64_t pa, size_t cnt)
{
    uint64_t first = pa >> PAGE_SHIFT;

    for (size_t i = 0; i < region_cnt; i++) {
        struct region *r = &regions[i];

        if (first >= r->first && first - r->first < r->cnt)
            return cnt <= r->cnt - (first - r->first) ? r : NULL;
    }
    return NULL;
}

static bool may_free(const struct region *r, uint64_t pa, size_t cnt)
{
    return r != NULL && pa % PAGE_SIZE == 0 && cnt > 0 &&
           all_taken(r, (pa >> PAGE_SHIFT) - r->first, cnt);
}

static void give_back(struct region *r, size_t start, size_t cnt)
{
    set_bits(r->bits, start, cnt, true);
    counts.free_cnt += cnt;
    if (r->top < start + cnt)
        r->top = start + cnt;
}

void page_free(uint64_t pa, size_t cnt)
{
    struct region *r = region_of(pa, cnt);
    uint64_t state = spin_lock(&lock);
    bool valid = may_free(r, pa, cnt);

    if (valid)
        give_back(r, (pa >> PAGE_SHIFT) - r->first, cnt);
    spin_unlock(&lock, state);
    if (!valid)
        panic("page_free: %zu pages at 0x%llx are not allocated", cnt, (unsigned long long)pa);
}

static bool take_exactly(struct region *r, size_t start, size_t cnt)
{
    uint64_t state = spin_lock(&lock);
    bool can = all_free(r, start, cnt);

    if (can)
        take(r, start, cnt);
    spin_unlock(&lock, state);
    return can;
}

int page_claim(uint64_t pa, size_t cnt)
{
    struct region *r = region_of(pa, cnt);
    bool taken;

    if (r == NULL || cnt == 0)
        return -EBUSY;
    do {
        taken = take_exactly(r, (pa >> PAGE_SHIFT) - r->first, cnt);
    } while (!taken && try_reclaim(cnt));
    return taken ? 0 : -EBUSY;
}

void page_largest_range(uint64_t *start_pa, uint64_t *end_pa)
{
    const struct region *largest = &regions[0];

    for (size_t i = 1; i < region_cnt; i++) {
        if (regions[i].cnt > largest->cnt)
            largest = &regions[i];
    }
    *start_pa = largest->first << PAGE_SHIFT;
    *end_pa = (largest->first + largest->cnt) << PAGE_SHIFT;
}

static size_t pages_of(size_t len)
{
    return (len + PAGE_SIZE - 1) >> PAGE_SHIFT;
}

void *dma_alloc(size_t len, uint64_t limit_pa, uint64_t *pa)
{
    if (len == 0 || len > SIZE_MAX - PAGE_SIZE)
        return NULL;
    *pa = alloc_below(pages_of(len), 1, limit_pa);
    return *pa != 0 ? phys_to_virt(*pa) : NULL;
}

void dma_free(void *va, size_t len)
{
    if (va != NULL)
        page_free(virt_to_phys(va), pages_of(len));
}

void page_stats(struct page_stats *stats)
{
    uint64_t state = spin_lock(&lock);

    *stats = counts;
    spin_unlock(&lock, state);
}
