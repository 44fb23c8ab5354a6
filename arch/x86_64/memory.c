/* The kernel's address space: image with its protections, direct map of RAM, guard pages, mappings
 * on request. */
#include "arch/memory.h"

#include <errno.h>
#include <string.h>

#include "arch/x86_64/cpu_insn.h"
#include "arch/x86_64/cpu_private.h"
#include "arch/x86_64/fault_private.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/smp_private.h"

#define IDENTITY_END (4ull << 30) /* of the tables that the boot path left */
#define GIB_SHIFT    30
#define LARGE_SHIFT  21
#define START_END    (1ull << 20) /* CPUs start in real mode, below this */

/* Table pages kept for mappings made before the page allocator is there. */
#define TABLE_RESERVE_CNT 16

extern char _image_start[], _image_end[], _text_start[], _text_end[], _rodata_start[],
    _rodata_end[], _data_start[];
extern char boot_stack_guard[], boot_stack_bottom[], boot_stack_top[];

uint64_t memory_image_delta;
static uint64_t start_page_pa;

static uint64_t prot_flags(enum mem_prot prot)
{
    static const uint64_t flags[] = {
        [MEM_RO] = PTE_PRESENT,
        [MEM_RW] = PTE_PRESENT | PTE_WRITE,
        [MEM_DEVICE] = PTE_PRESENT | PTE_WRITE | PTE_PCD | PTE_PWT,
    };

    return flags[prot] | paging_nx();
}

static void must(int rc)
{
    if (rc < 0)
        fault_abort("no memory for page tables");
}

static void map_section(const char *start, const char *end, uint64_t flags)
{
    uint64_t len = ((uint64_t)(end - start) + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);

    must(paging_map((uintptr_t)start, virt_to_phys(start), len, flags, false));
}

static void map_image(void)
{
    map_section(_text_start, _text_end, PTE_PRESENT);
    map_section(_rodata_start, _rodata_end, prot_flags(MEM_RO));
    map_section(_data_start, _image_end, prot_flags(MEM_RW));
    for (uintptr_t va = (uintptr_t)_data_start; va < (uintptr_t)_image_end; va += PAGE_SIZE)
        if (memory_is_guard(va))
            paging_unmap(va, PAGE_SIZE);
}

static void map_direct(uint64_t start_pa, uint64_t end_pa, enum mem_prot prot)
{
    uint64_t limit = MEMORY_DIRECT_END - MEMORY_DIRECT_BASE;

    if (end_pa > limit)
        end_pa = limit;
    if (start_pa < end_pa)
        must(paging_map(MEMORY_DIRECT_BASE + start_pa, start_pa, end_pa - start_pa,
                        prot_flags(prot), true));
}

/* ACPI ranges need not be whole pages, so two may meet within one; usable ranges never share a
 * page. */
static void map_acpi(const struct boot_mem_range *range, uint64_t *mapped_end)
{
    uint64_t start = range->start_pa & ~(PAGE_SIZE - 1);
    uint64_t end = (range->end_pa + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);

    if (start < *mapped_end)
        start = *mapped_end;
    map_direct(start, end, MEM_RO);
    *mapped_end = end;
}

static void map_ranges(const struct boot_info *info)
{
    uint64_t image_end = info->image_pa + info->image_len, mapped_end = 0;

    for (uint32_t i = 0; i < info->mem_cnt; i++) {
        const struct boot_mem_range *range = &info->mem[i];

        if (range->type == BOOT_MEM_ACPI) {
            map_acpi(range, &mapped_end);
        } else if (range->type == BOOT_MEM_USABLE) {
            uint64_t before = range->end_pa < info->image_pa ? range->end_pa : info->image_pa;
            uint64_t after = range->start_pa > image_end ? range->start_pa : image_end;

            map_direct(range->start_pa, before, MEM_RW);
            map_direct(after, range->end_pa, MEM_RW);
        }
    }
}

/* Upper bound of the table pages that map_image() and map_ranges() take. */
static unsigned tables_needed(const struct boot_info *info)
{
    uint64_t last_gib = UINT64_MAX, last_edge = UINT64_MAX;
    uint64_t cnt = 1 + 3 + (info->image_len >> LARGE_SHIFT) + 2 + 2;

    for (uint32_t i = 0; i < info->mem_cnt; i++) {
        uint64_t edges[2] = {info->mem[i].start_pa, info->mem[i].end_pa};
        uint64_t first = edges[0] >> GIB_SHIFT, last = (edges[1] - 1) >> GIB_SHIFT;

        if (info->mem[i].type == BOOT_MEM_RESERVED)
            continue;
        cnt += last - first + (first != last_gib) + (last >> 9) - (first >> 9);
        last_gib = last;
        for (unsigned e = 0; e < 2; e++) {
            if ((edges[e] & (PAGE_LARGE_SIZE - 1)) == 0 || edges[e] >> LARGE_SHIFT == last_edge)
                continue;
            last_edge = edges[e] >> LARGE_SHIFT;
            cnt++;
        }
    }
    return (unsigned)cnt;
}

/* Takes @cnt pages from the end of the largest usable range that the boot path's tables map.
 * Zeroed; 0: none. */
static uint64_t carve(struct boot_info *info, uint64_t cnt)
{
    struct boot_mem_range *best = NULL;
    uint64_t image_end = info->image_pa + info->image_len, best_len = cnt * PAGE_SIZE;

    for (uint32_t i = 0; i < info->mem_cnt; i++) {
        struct boot_mem_range *range = &info->mem[i];
        uint64_t start = range->start_pa;

        if (range->type != BOOT_MEM_USABLE || range->end_pa > IDENTITY_END)
            continue;
        if (start < image_end && range->end_pa >= image_end)
            start = image_end;
        if (range->end_pa - start > best_len) {
            best = range;
            best_len = range->end_pa - start;
        }
    }
    if (best == NULL)
        return 0;
    best->end_pa -= cnt * PAGE_SIZE;
    memset((void *)(uintptr_t)best->end_pa, 0, cnt * PAGE_SIZE);
    return best->end_pa;
}

/* Takes the page on which the other CPUs start out of the memory map: the last below 640 KiB or so.
 */
static void reserve_start_page(struct boot_info *info)
{
    for (uint32_t i = 0; i < info->mem_cnt; i++) {
        struct boot_mem_range *range = &info->mem[i];

        if (range->type != BOOT_MEM_USABLE || range->start_pa + PAGE_SIZE > START_END ||
            range->end_pa - range->start_pa <= PAGE_SIZE)
            continue;
        if (range->end_pa <= START_END) {
            range->end_pa -= PAGE_SIZE;
            start_page_pa = range->end_pa;
        } else {
            start_page_pa = range->start_pa;
            range->start_pa += PAGE_SIZE;
        }
    }
}

void memory_init(struct boot_info *info)
{
    unsigned needed = tables_needed(info), extra_cnt = 0;
    uint64_t extra_pa = 0;

    reserve_start_page(info);
    if (paging_nx() != 0)
        msr_write(MSR_EFER, msr_read(MSR_EFER) | EFER_NXE);
    if (needed + TABLE_RESERVE_CNT > PAGING_POOL_CNT) {
        extra_cnt = needed + TABLE_RESERVE_CNT - PAGING_POOL_CNT + 2;
        extra_pa = carve(info, extra_cnt);
        if (extra_pa == 0)
            extra_cnt = 0;
    }
    paging_begin(extra_pa, extra_cnt);
    map_image();
    map_ranges(info);
    map_direct(start_page_pa, start_page_pa + (start_page_pa != 0 ? PAGE_SIZE : 0), MEM_RW);
    map_direct(extra_pa, extra_pa + extra_cnt * PAGE_SIZE, MEM_RW);
    paging_switch();
}

uint64_t memory_start_page(void)
{
    return start_page_pa;
}

void memory_set_page_source(uint64_t (*alloc)(void))
{
    paging_set_source(alloc);
}

int memory_map(uintptr_t va, uint64_t pa, size_t len, enum mem_prot prot)
{
    uint64_t offset = pa & (PAGE_SIZE - 1), state;
    size_t done = 0;
    int rc = 0;

    len = (len + offset + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    va -= offset;
    pa -= offset;
    state = spin_lock(&paging_lock);
    for (; done < len && rc == 0; done += rc == 0 ? PAGE_SIZE : 0)
        rc = paging_map(va + done, pa + done, PAGE_SIZE, prot_flags(prot), false);
    if (rc < 0)
        paging_unmap(va, done);
    spin_unlock(&paging_lock, state);
    /* CPUs look ahead: one may know a mapping that nobody has used. */
    if (rc < 0)
        smp_flush(va, done);
    return rc;
}

void memory_unmap(uintptr_t va, size_t len)
{
    uintptr_t offset = va & (PAGE_SIZE - 1);
    uint64_t state;

    len = (len + offset + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    state = spin_lock(&paging_lock);
    paging_unmap(va - offset, len);
    spin_unlock(&paging_lock, state);
    smp_flush(va - offset, len);
}

uint64_t memory_walk(uintptr_t va)
{
    uint64_t pa;

    if (va >= MEMORY_IMAGE_BASE)
        return va - memory_image_delta;
    pa = paging_lookup(va);
    if (pa == UINT64_MAX)
        fault_abort("physical address of unmapped memory asked for");
    return pa;
}

bool memory_is_direct(uint64_t pa, size_t len)
{
    uint64_t limit = MEMORY_DIRECT_END - MEMORY_DIRECT_BASE;

    if (pa >= limit || len > limit - pa)
        return false;
    for (uint64_t at = pa & ~(PAGE_SIZE - 1); at < pa + len; at += PAGE_SIZE)
        if (paging_lookup(MEMORY_DIRECT_BASE + at) == UINT64_MAX)
            return false;
    return true;
}

void memory_boot_stack(uintptr_t *va, size_t *len)
{
    *va = (uintptr_t)boot_stack_bottom;
    *len = (size_t)(boot_stack_top - boot_stack_bottom);
}

static bool in_boot_guard(uintptr_t va)
{
    return va - (uintptr_t)boot_stack_guard < PAGE_SIZE;
}

bool memory_is_guard(uintptr_t va)
{
    bool guard = false;

    return in_boot_guard(va) || cpu_stack_guard(va) != NULL ||
           (stack_area_describe(va, &guard) != NULL && guard);
}

const char *memory_describe(uintptr_t va)
{
    const char *name = cpu_stack_guard(va);
    bool guard;

    if (name != NULL)
        return name;
    if (in_boot_guard(va))
        return "guard page of boot stack";
    if (va < PAGE_SIZE)
        return "page 0";
    if (va >= (uintptr_t)_text_start && va < (uintptr_t)_text_end)
        return "kernel code";
    if (va >= (uintptr_t)_rodata_start && va < (uintptr_t)_rodata_end)
        return "kernel read-only data";
    return stack_area_describe(va, &guard);
}
