/*
 * Puts firmware's memory ranges into boot_info in its order. Shared by the kernel and the UEFI
 * loader, which is a separate program: hence in a header.
 */
#ifndef BOOT_MEMMAP_H
#define BOOT_MEMMAP_H

#include "boot/boot_info.h"

#define MEMMAP_PAGE_SIZE 4096ull

static inline void memmap_remove_at(struct boot_info *info, uint32_t idx)
{
    info->mem_cnt--;
    for (; idx < info->mem_cnt; idx++)
        info->mem[idx] = info->mem[idx + 1];
}

/* The table is full: USABLE and ACPI ranges matter more than RESERVED ones, which only tell what to
 * leave alone. */
static inline int memmap_make_room(struct boot_info *info)
{
    for (uint32_t i = 0; i < info->mem_cnt; i++) {
        if (info->mem[i].type == BOOT_MEM_RESERVED) {
            memmap_remove_at(info, i);
            return 1;
        }
    }
    return 0;
}

static inline void memmap_insert(struct boot_info *info, uint64_t start, uint64_t end,
                                 uint32_t type)
{
    uint32_t at = 0;

    if (start >= end)
        return;
    if (info->mem_cnt == BOOT_MEM_MAX && (type == BOOT_MEM_RESERVED || !memmap_make_room(info)))
        return;
    while (at < info->mem_cnt && info->mem[at].start_pa < start)
        at++;
    if (at > 0 && info->mem[at - 1].type == type && info->mem[at - 1].end_pa == start) {
        info->mem[at - 1].end_pa = end;
        if (at < info->mem_cnt && info->mem[at].type == type && info->mem[at].start_pa == end) {
            info->mem[at - 1].end_pa = info->mem[at].end_pa;
            memmap_remove_at(info, at);
        }
        return;
    }
    if (at < info->mem_cnt && info->mem[at].type == type && info->mem[at].start_pa == end) {
        info->mem[at].start_pa = start;
        return;
    }
    for (uint32_t i = info->mem_cnt; i > at; i--)
        info->mem[i] = info->mem[i - 1];
    info->mem[at] = (struct boot_mem_range){.start_pa = start, .end_pa = end, .type = type};
    info->mem_cnt++;
}

/* Adds [@start, @end). Where it overlaps what is there, the later call wins: add USABLE first,
 * RESERVED last. */
static inline void memmap_add(struct boot_info *info, uint64_t start, uint64_t end, uint32_t type)
{
    for (uint32_t i = 0; i < info->mem_cnt;) {
        struct boot_mem_range old = info->mem[i];

        if (start >= end || old.end_pa <= start || old.start_pa >= end) {
            i++;
            continue;
        }
        memmap_remove_at(info, i);
        memmap_insert(info, old.start_pa, old.start_pa < start ? start : old.start_pa, old.type);
        memmap_insert(info, old.end_pa > end ? end : old.end_pa, old.end_pa, old.type);
        i = 0;
    }
    memmap_insert(info, start, end, type);
}

/* Cuts USABLE ranges to whole pages and takes page 0 out, so that 0 can mean "no page". */
static inline void memmap_finish(struct boot_info *info)
{
    for (uint32_t i = 0; i < info->mem_cnt;) {
        struct boot_mem_range *range = &info->mem[i];

        if (range->type == BOOT_MEM_USABLE) {
            range->start_pa = (range->start_pa + MEMMAP_PAGE_SIZE - 1) & ~(MEMMAP_PAGE_SIZE - 1);
            range->end_pa &= ~(MEMMAP_PAGE_SIZE - 1);
            if (range->start_pa == 0)
                range->start_pa = MEMMAP_PAGE_SIZE;
        }
        if (range->start_pa >= range->end_pa)
            memmap_remove_at(info, i);
        else
            i++;
    }
}

#endif
