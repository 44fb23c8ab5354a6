/* The page tables under which the kernel starts: the first 4 GiB and the jump's own code at their
 * physical address, and the image where it is linked. The kernel replaces them in memory_init(). */
#include "boot/efi/loader.h"

#define TABLE_CNT     20
#define ENTRY_PRESENT 0x3ull /* and writable */
#define ENTRY_LARGE   0x83ull
#define ENTRY_PA_MASK 0x000ffffffffff000ull
#define LEVEL_LARGE   2
#define CR4_LA57      (1u << 12)

struct table_pool {
    UINT64 next_pa;
    UINTN left;
};

/* Reserved rather than loader's data: the kernel must not hand them out while it still runs under
 * these tables. */
UINT64 low_pages(UINTN cnt)
{
    EFI_PHYSICAL_ADDRESS at = LOADER_LOW_END - 1;

    if (EFI_ERROR(BS->AllocatePages(AllocateMaxAddress, EfiReservedMemoryType, cnt, &at)))
        return 0;
    ZeroMem((void *)at, cnt * LOADER_PAGE_SIZE);
    return at;
}

static UINT64 pool_take(struct table_pool *pool)
{
    if (pool->left == 0)
        return 0;
    pool->left--;
    pool->next_pa += LOADER_PAGE_SIZE;
    return pool->next_pa - LOADER_PAGE_SIZE;
}

/* The kernel goes on with as many levels as firmware uses. */
static UINTN top_level(void)
{
    UINT64 cr4;

    __asm__ volatile("movq %%cr4, %0" : "=r"(cr4));
    return cr4 & CR4_LA57 ? 5 : 4;
}

static BOOLEAN map_large(struct table_pool *pool, UINT64 root_pa, UINT64 va, UINT64 pa)
{
    UINT64 *table = (UINT64 *)root_pa, *entry;

    for (UINTN level = top_level(); level > LEVEL_LARGE; level--) {
        entry = &table[va >> (12 + 9 * (level - 1)) & 511];
        if (*entry == 0) {
            UINT64 next = pool_take(pool);

            if (next == 0)
                return FALSE;
            *entry = next | ENTRY_PRESENT;
        }
        table = (UINT64 *)(*entry & ENTRY_PA_MASK);
    }
    table[va >> 21 & 511] = pa | ENTRY_LARGE;
    return TRUE;
}

static BOOLEAN map_range(struct table_pool *pool, UINT64 root_pa, UINT64 va, UINT64 pa, UINT64 len)
{
    for (UINT64 off = 0; off < len; off += LOADER_LARGE_SIZE)
        if (!map_large(pool, root_pa, va + off, pa + off))
            return FALSE;
    return TRUE;
}

EFI_STATUS tables_build(const struct loaded_kernel *kernel, UINT64 code_pa, UINT64 *root_pa)
{
    struct table_pool pool = {low_pages(TABLE_CNT), TABLE_CNT};
    UINT64 code_start = code_pa & ~(LOADER_LARGE_SIZE - 1);

    if (pool.next_pa == 0) {
        Print(L"vring0: no memory below 4 GiB for page tables\n");
        return EFI_OUT_OF_RESOURCES;
    }
    *root_pa = pool_take(&pool);
    /* Some firmware loads programs above 4 GiB; the code behind the switch may reach into the next
     * 2 MiB. */
    if (!map_range(&pool, *root_pa, 0, 0, LOADER_LOW_END) ||
        !map_range(&pool, *root_pa, code_start, code_start, 2 * LOADER_LARGE_SIZE) ||
        !map_range(&pool, *root_pa, kernel->image_va, kernel->image_pa, kernel->image_len))
        return EFI_OUT_OF_RESOURCES;
    return EFI_SUCCESS;
}
