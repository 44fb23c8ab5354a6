/* Second-level tables: identity mapping with permissions, large pages split where they differ. */
#include "iommu/vtd_table.h"

#include <errno.h>

#include "arch/memory.h"

#define LEVEL_BITS  9
#define ENTRY_CNT   512
#define LARGE_LEVEL 2
#define LARGE_SIZE  (1ull << (PAGE_SHIFT + LEVEL_BITS))
#define PERM_MASK   (VTD_SL_READ | VTD_SL_WRITE)
/* An entry above the leaves takes nothing away. */
#define TABLE_BITS  PERM_MASK

static unsigned index_of(uint64_t pa, unsigned level)
{
    return (unsigned)(pa >> (PAGE_SHIFT + LEVEL_BITS * (level - 1))) & (ENTRY_CNT - 1);
}

static uint64_t *table_at(uint64_t entry)
{
    return phys_to_virt(entry & VTD_SL_PA_MASK);
}

static void write_entry(const struct vtd_table *table, uint64_t *entry, uint64_t value)
{
    *entry = value;
    table->changed(entry, sizeof(*entry));
}

int vtd_table_init(struct vtd_table *table)
{
    table->root_pa = table->page_alloc();
    return table->root_pa != 0 ? 0 : -ENOMEM;
}

/* A table below @entry, which lies at @level: an empty one, or what the large page there allowed.
 * It is complete before it is seen. */
static int descend(const struct vtd_table *table, uint64_t *entry)
{
    uint64_t old = *entry, pa, *below;

    if ((old & PERM_MASK) != 0 && (old & VTD_SL_LARGE) == 0)
        return 0;
    pa = table->page_alloc();
    if (pa == 0)
        return -ENOMEM;
    below = table_at(pa);
    for (unsigned i = 0; (old & VTD_SL_LARGE) != 0 && i < ENTRY_CNT; i++)
        below[i] = ((old & VTD_SL_PA_MASK) + i * PAGE_SIZE) | (old & PERM_MASK);
    table->changed(below, PAGE_SIZE);
    write_entry(table, entry, pa | TABLE_BITS);
    return 0;
}

/* Whether all of the large page at @entry can be said by that entry alone. */
static bool fits_large(const struct vtd_table *table, uint64_t entry, uint64_t pa, uint64_t end_pa)
{
    bool leaf = (entry & PERM_MASK) == 0 || (entry & VTD_SL_LARGE) != 0;

    return table->large && leaf && pa % LARGE_SIZE == 0 && end_pa - pa >= LARGE_SIZE;
}

/* Sets what one leaf says from @pa on; *@len is how much that was. */
static int set_leaf(const struct vtd_table *table, uint64_t pa, uint64_t end_pa, uint64_t perm,
                    uint64_t *len)
{
    uint64_t *entries = table_at(table->root_pa);

    for (unsigned level = table->levels; level > 1; level--) {
        uint64_t *entry = &entries[index_of(pa, level)];
        int err;

        if (level == LARGE_LEVEL && fits_large(table, *entry, pa, end_pa)) {
            write_entry(table, entry, perm != 0 ? pa | perm | VTD_SL_LARGE : 0);
            *len = LARGE_SIZE;
            return 0;
        }
        err = descend(table, entry);
        if (err != 0)
            return err;
        entries = table_at(*entry);
    }
    write_entry(table, &entries[index_of(pa, 1)], perm != 0 ? pa | perm : 0);
    *len = PAGE_SIZE;
    return 0;
}

int vtd_table_set(struct vtd_table *table, uint64_t start_pa, uint64_t end_pa, uint64_t perm)
{
    uint64_t len;

    if (start_pa > end_pa || (start_pa | end_pa) % PAGE_SIZE != 0 ||
        end_pa > 1ull << (PAGE_SHIFT + LEVEL_BITS * table->levels))
        return -ERANGE;
    for (uint64_t pa = start_pa; pa < end_pa; pa += len) {
        int err = set_leaf(table, pa, end_pa, perm, &len);

        if (err != 0)
            return err;
    }
    return 0;
}

uint64_t vtd_table_get(const struct vtd_table *table, uint64_t pa)
{
    const uint64_t *entries = table_at(table->root_pa);

    if (pa >> (PAGE_SHIFT + LEVEL_BITS * table->levels) != 0)
        return 0;
    for (unsigned level = table->levels; level > 1; level--) {
        uint64_t entry = entries[index_of(pa, level)];

        if ((entry & PERM_MASK) == 0 || (entry & VTD_SL_LARGE) != 0)
            return entry & PERM_MASK;
        entries = table_at(entry);
    }
    return entries[index_of(pa, 1)] & PERM_MASK;
}
