/* What devices may reach through VT-d: all units share one root table, and all functions that have
 * a driver one map of memory, in which addresses are physical addresses. */
#include <errno.h>

#include "arch/barrier.h"
#include "arch/memory.h"
#include "arch/spinlock.h"
#include "iommu/iommu_private.h"
#include "iommu/vtd_table.h"
#include "kernel/page.h"

#define DOMAIN_ID 1

/* Pages that no device reaches, for tables of units and CPUs: taken as a block, and a new one begun
 * while there is enough left to take that one away from devices. */
#define BLOCK_CNT   64
#define BLOCK_ALIGN 512 /* a large page */
#define SPARE_CNT   4

#define GIB_SHIFT   30
#define LARGE_SHIFT 21

static struct vtd_unit *units;
static unsigned unit_cnt;
static struct vtd_table map;
static bool started, coherent;
static uint64_t roots_pa;
static uint64_t block_pa;
static size_t block_left;
static struct spinlock lock; /* all tables, the block, and the units' invalidation */

static void changed(const void *entry, uint64_t len)
{
    if (!coherent)
        memory_clean(entry, len);
}

static uint64_t take_page(void)
{
    if (block_left == 0)
        return 0;
    block_left--;
    return block_pa + block_left * PAGE_SIZE;
}

static int flush(void)
{
    int err = 0;

    for (unsigned i = 0; i < unit_cnt && err == 0; i++)
        err = vtd_flush(&units[i]);
    return err;
}

/* A block does not cross a large page, so taking it away takes one table at most. */
static void refill(void)
{
    uint64_t pa;

    if (block_left > SPARE_CNT)
        return;
    pa = page_alloc(BLOCK_CNT, BLOCK_CNT);
    if (pa == 0)
        return;
    if (started && (vtd_table_set(&map, pa, pa + BLOCK_CNT * PAGE_SIZE, 0) != 0 || flush() != 0)) {
        page_free(pa, BLOCK_CNT);
        return;
    }
    block_pa = pa;
    block_left = BLOCK_CNT;
}

/* For the CPUs' page tables. Called with these locked. */
static uint64_t protected_page(void)
{
    uint64_t state = spin_lock(&lock), pa;

    refill();
    pa = take_page();
    spin_unlock(&lock, state);
    return pa;
}

/* Where memory that devices are given ends. */
static uint64_t memory_end(const struct boot_info *info)
{
    uint64_t end = 0;

    for (uint32_t i = 0; i < info->mem_cnt; i++) {
        if (info->mem[i].type == BOOT_MEM_USABLE && info->mem[i].end_pa > end)
            end = info->mem[i].end_pa;
    }
    return end;
}

/* What all units have in common: as few levels as will do. NULL, or what is missing. */
static const char *choose_format(uint64_t end_pa)
{
    unsigned widths = UINT32_MAX, bits = 64;

    map.large = true;
    coherent = true;
    for (unsigned i = 0; i < unit_cnt; i++) {
        widths &= VTD_CAP_SAGAW(units[i].cap);
        if (VTD_CAP_MGAW(units[i].cap) < bits)
            bits = VTD_CAP_MGAW(units[i].cap);
        map.large &= (units[i].cap & VTD_CAP_SLLPS_2M) != 0;
        coherent &= (units[i].ecap & VTD_ECAP_C) != 0;
    }
    for (map.levels = 3; map.levels <= 4; map.levels++) {
        unsigned width = VTD_WIDTH(map.levels) < bits ? VTD_WIDTH(map.levels) : bits;

        if ((widths >> (map.levels - 2) & 1) != 0 && end_pa <= 1ull << width)
            return NULL;
    }
    return (widths & 6) == 0 ? "it does not translate" : "memory reaches beyond its addresses";
}

/* Upper bound of the pages that the tables take: for each range of memory those within it, and one
 * of each level where it begins and ends; some for what is protected, roots and contexts. */
static size_t tables_needed(const struct boot_info *info)
{
    size_t cnt = 16 + BLOCK_CNT;

    for (uint32_t i = 0; i < info->mem_cnt; i++) {
        uint64_t len = info->mem[i].end_pa - info->mem[i].start_pa;

        if (info->mem[i].type != BOOT_MEM_USABLE)
            continue;
        cnt += 2ul * map.levels + (len >> GIB_SHIFT);
        if (!map.large)
            cnt += len >> LARGE_SHIFT;
    }
    return cnt;
}

static void protect(const void *va, uint64_t start_pa, size_t len, bool readable, void *err)
{
    uint64_t end_pa = start_pa + len;

    (void)va;
    /* What is not memory for devices anyway need not be taken away from them. */
    for (uint64_t pa = start_pa; pa < end_pa && *(int *)err == 0; pa += PAGE_SIZE) {
        if (vtd_table_get(&map, pa) != 0)
            *(int *)err = vtd_table_set(&map, pa, pa + PAGE_SIZE, readable ? VTD_SL_READ : 0);
    }
}

/* Tables with all of memory, less what is not for devices. 0, -ENOMEM. */
static int build(const struct boot_info *info)
{
    size_t cnt = tables_needed(info);
    int err = -ENOMEM;

    block_pa = page_alloc(cnt, cnt <= BLOCK_ALIGN ? BLOCK_ALIGN : 1);
    if (block_pa == 0)
        return err;
    block_left = cnt;
    map.page_alloc = take_page;
    map.changed = changed;
    roots_pa = take_page();
    err = vtd_table_init(&map);
    for (uint32_t i = 0; i < info->mem_cnt && err == 0; i++) {
        if (info->mem[i].type == BOOT_MEM_USABLE)
            err = vtd_table_set(&map, info->mem[i].start_pa, info->mem[i].end_pa,
                                VTD_SL_READ | VTD_SL_WRITE);
    }
    if (err == 0)
        err = vtd_table_set(&map, block_pa, block_pa + cnt * PAGE_SIZE, 0);
    if (err != 0) {
        page_free(block_pa, cnt);
        return err;
    }
    memory_set_page_source(protected_page);
    memory_for_each_protected(protect, &err);
    return err;
}

const char *vtd_domain_start(struct vtd_unit *all, unsigned cnt, const struct boot_info *info)
{
    const char *missing;

    units = all;
    unit_cnt = cnt;
    missing = choose_format(memory_end(info));
    if (missing != NULL)
        return missing;
    if (build(info) != 0)
        return "no memory for its tables";
    for (unsigned i = 0; i < cnt; i++) {
        if (vtd_on(&units[i], roots_pa) != 0) {
            for (unsigned n = 0; n <= i; n++)
                vtd_off(&units[n]);
            return "it does not begin to translate";
        }
    }
    started = true;
    return NULL;
}

unsigned vtd_domain_width(void)
{
    return VTD_WIDTH(map.levels);
}

/* The context entry of @requester; its bus gets a table if @create. NULL: none, or no memory. */
static struct vtd_entry *context_of(uint16_t requester, bool create)
{
    struct vtd_entry *root = (struct vtd_entry *)phys_to_virt(roots_pa) + (requester >> 8);
    struct vtd_entry *contexts;

    if ((root->lo & VTD_ENTRY_PRESENT) == 0) {
        uint64_t pa = create ? take_page() : 0;

        if (pa == 0)
            return NULL;
        changed(phys_to_virt(pa), PAGE_SIZE);
        root->lo = pa | VTD_ENTRY_PRESENT;
        changed(root, sizeof(*root));
    }
    contexts = phys_to_virt(root->lo & VTD_SL_PA_MASK);
    return &contexts[requester & 0xff];
}

/* The half that says "present" comes last, and goes first. */
static int set_context(uint16_t requester, bool present)
{
    struct vtd_entry *entry;

    refill();
    entry = context_of(requester, present);
    if (entry == NULL)
        return present ? -ENOMEM : 0;
    entry->hi = VTD_CONTEXT_AW(map.levels) | VTD_CONTEXT_DID(DOMAIN_ID);
    dma_wmb();
    entry->lo = present ? map.root_pa | VTD_ENTRY_PRESENT : 0;
    changed(entry, sizeof(*entry));
    return flush();
}

int vtd_domain_attach(uint16_t requester)
{
    uint64_t state = spin_lock(&lock);
    int err = set_context(requester, true);

    spin_unlock(&lock, state);
    return err;
}

void vtd_domain_detach(uint16_t requester)
{
    uint64_t state = spin_lock(&lock);

    set_context(requester, false);
    spin_unlock(&lock, state);
}
