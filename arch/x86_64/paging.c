/* Page tables: walking, filling, and where their own pages come from. */
#include "arch/x86_64/paging.h"

#include <errno.h>

#include "arch/memory.h"
#include "arch/x86_64/cpu_insn.h"

#define LEVEL_BITS    9
#define ENTRY_CNT     512
#define LARGE_PA_MASK (PTE_PA_MASK & ~(PAGE_LARGE_SIZE - 1))

extern char _image_start[], _image_end[];

static uint64_t pool[PAGING_POOL_CNT][ENTRY_CNT] __attribute__((aligned(4096)));
static unsigned pool_used;
static uint64_t extra_next_pa, extra_end_pa;
static uint64_t (*page_source)(void);
static uint64_t root_pa;
static unsigned level_top = 4;
static bool live;
struct spinlock paging_lock;

/* What another CPU runs on while it leaves real mode; one for each level down to 2 MiB pages. */
static uint64_t start_tables[4][ENTRY_CNT] __attribute__((aligned(4096)));

static uint64_t *table_at(uint64_t pa)
{
    if (pa - virt_to_phys(_image_start) < (uint64_t)(_image_end - _image_start))
        return (uint64_t *)(uintptr_t)(pa + memory_image_delta);
    /* Until the switch, low memory is mapped at its physical address. */
    return live ? phys_to_virt(pa) : (uint64_t *)(uintptr_t)pa;
}

static uint64_t table_alloc(void)
{
    if (pool_used < PAGING_POOL_CNT)
        return virt_to_phys(pool[pool_used++]);
    if (extra_next_pa < extra_end_pa) {
        extra_next_pa += PAGE_SIZE;
        return extra_next_pa - PAGE_SIZE;
    }
    return page_source != NULL ? page_source() : 0;
}

uint64_t paging_page_alloc(void)
{
    return page_source != NULL ? page_source() : 0;
}

void paging_begin(uint64_t extra_pa, unsigned extra_cnt)
{
    extra_next_pa = extra_pa;
    extra_end_pa = extra_pa + extra_cnt * PAGE_SIZE;
    /* Five levels, where firmware has turned them on: they cannot be left without leaving long
     * mode. */
    if (cr4_read() & CR4_LA57)
        level_top = 5;
    root_pa = table_alloc();
}

void paging_switch(void)
{
    cr3_write(root_pa);
    live = true;
}

uint64_t paging_root(void)
{
    return root_pa;
}

uint64_t paging_start_root(void)
{
    const uint64_t *root = table_at(root_pa);
    unsigned last = level_top - 2;

    for (unsigned i = ENTRY_CNT / 2; i < ENTRY_CNT; i++)
        start_tables[0][i] = root[i];
    for (unsigned i = 0; i < last; i++)
        start_tables[i][0] = virt_to_phys(start_tables[i + 1]) | PTE_PRESENT | PTE_WRITE;
    start_tables[last][0] = PTE_PRESENT | PTE_WRITE | PTE_LARGE;
    return virt_to_phys(start_tables[0]);
}

void paging_set_source(uint64_t (*alloc)(void))
{
    page_source = alloc;
}

typedef void (*table_fn_t)(const uint64_t *table, uint64_t pa, void *arg);

static void visit_tables(uint64_t pa, unsigned level, table_fn_t fn, void *arg)
{
    const uint64_t *table = table_at(pa);

    fn(table, pa, arg);
    for (unsigned i = 0; level > 1 && i < ENTRY_CNT; i++)
        if ((table[i] & (PTE_PRESENT | PTE_LARGE)) == PTE_PRESENT)
            visit_tables(table[i] & PTE_PA_MASK, level - 1, fn, arg);
}

void paging_for_each_table(void (*fn)(const uint64_t *table, uint64_t pa, void *arg), void *arg)
{
    visit_tables(root_pa, level_top, fn, arg);
    for (unsigned i = 0; i < sizeof(start_tables) / sizeof(start_tables[0]); i++)
        fn(start_tables[i], virt_to_phys(start_tables[i]), arg);
}

uint64_t paging_nx(void)
{
    static uint64_t nx;
    static bool known;

    if (!known) {
        nx = cpuid_checked(0x80000001, 0).edx & CPUID_80000001_EDX_NX ? PTE_NX : 0;
        known = true;
    }
    return nx;
}

static unsigned entry_idx(uintptr_t va, unsigned level)
{
    return va >> (PAGE_SHIFT + LEVEL_BITS * (level - 1)) & (ENTRY_CNT - 1);
}

uint64_t *paging_entry(uintptr_t va, unsigned level, bool create)
{
    uint64_t *table = table_at(root_pa);

    for (unsigned at = level_top; at > level; at--) {
        uint64_t *entry = &table[entry_idx(va, at)];

        if (!(*entry & PTE_PRESENT)) {
            uint64_t pa = create ? table_alloc() : 0;

            if (pa == 0)
                return NULL;
            *entry = pa | PTE_PRESENT | PTE_WRITE;
        } else if (*entry & PTE_LARGE) {
            return NULL;
        }
        table = table_at(*entry & PTE_PA_MASK);
    }
    return &table[entry_idx(va, level)];
}

int paging_map(uintptr_t va, uint64_t pa, uint64_t len, uint64_t flags, bool large)
{
    while (len > 0) {
        bool fits = large && ((va | pa) & (PAGE_LARGE_SIZE - 1)) == 0 && len >= PAGE_LARGE_SIZE;
        uint64_t step = fits ? PAGE_LARGE_SIZE : PAGE_SIZE;
        uint64_t bits = fits ? flags | PTE_LARGE : flags;
        uint64_t *entry = paging_entry(va, fits ? 2 : 1, true);

        if (entry == NULL)
            return -ENOMEM;
        do {
            if (*entry & PTE_PRESENT)
                return -EEXIST;
            *entry++ = pa | bits;
            va += step;
            pa += step;
            len -= step;
        } while (len >= step && ((uintptr_t)entry & (PAGE_SIZE - 1)) != 0);
    }
    return 0;
}

void paging_unmap(uintptr_t va, uint64_t len)
{
    for (uint64_t off = 0; off < len; off += PAGE_SIZE) {
        uint64_t *entry = paging_entry(va + off, 1, false);

        if (entry == NULL || !(*entry & PTE_PRESENT))
            continue;
        *entry = 0;
        tlb_flush_page(va + off);
    }
}

uint64_t paging_lookup(uintptr_t va)
{
    uint64_t *entry = live ? paging_entry(va, 2, false) : NULL;

    if (entry == NULL || !(*entry & PTE_PRESENT))
        return UINT64_MAX;
    if (*entry & PTE_LARGE)
        return (*entry & LARGE_PA_MASK) | (va & (PAGE_LARGE_SIZE - 1));
    entry = paging_entry(va, 1, false);
    if (entry == NULL || !(*entry & PTE_PRESENT))
        return UINT64_MAX;
    return (*entry & PTE_PA_MASK) | (va & (PAGE_SIZE - 1));
}
