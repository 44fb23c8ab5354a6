/* Page tables: walking, filling, and where their own pages come from. Private to arch/x86_64. */
#ifndef ARCH_X86_64_PAGING_H
#define ARCH_X86_64_PAGING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/spinlock.h"
#include "arch/x86_64/cpu_regs.h"

#define PAGE_LARGE_SIZE (2ul << 20)

/* Table pages that lie in the image; enough for machines of a few GiB. */
#define PAGING_POOL_CNT 48

/* Held by whoever changes entries, once there are several CPUs. Walks need no lock: tables stay. */
extern struct spinlock paging_lock;

/* Starts an empty set of tables. More pages may be given: [@extra_pa, @extra_pa + @extra_cnt
 * pages), zeroed. */
void paging_begin(uint64_t extra_pa, unsigned extra_cnt);

/* Switches to the new tables; only upper-half addresses work from here on. */
void paging_switch(void);

/* The tables of the address space, physical. */
uint64_t paging_root(void);

/* Tables like these, and with the first 2 MiB at their physical addresses: for a CPU that leaves
 * real mode there. */
uint64_t paging_start_root(void);

/* A zeroed page of the direct map, for good; its physical address, 0: none. */
uint64_t paging_page_alloc(void);

/* The top of a new stack in the stack area, for good; its pages need not be contiguous. 0: no
 * memory. */
uintptr_t paging_stack_alloc(size_t len);

/* The page below 1 MiB that other CPUs start on, mapped in the direct map; 0: none was free. */
uint64_t memory_start_page(void);

/* Later table pages come from @alloc, which gives a zeroed page's physical address or 0. */
void paging_set_source(uint64_t (*alloc)(void));

/*
 * The entry for @va at @level (1: 4 KiB pages, 2: 2 MiB pages), creating the tables above it if
 * @create. NULL when there is none, no memory, or a larger page in the way.
 */
uint64_t *paging_entry(uintptr_t va, unsigned level, bool create);

/* Maps [@va, @va + @len), with 2 MiB pages where they fit if @large. On error what was mapped
 * stays. */
int paging_map(uintptr_t va, uint64_t pa, uint64_t len, uint64_t flags, bool large);

/* Removes 4 KiB pages, from this CPU's TLB too; what is not mapped is passed over. */
void paging_unmap(uintptr_t va, uint64_t len);

/* Physical address behind @va, UINT64_MAX when it is not mapped. */
uint64_t paging_lookup(uintptr_t va);

/* Calls @fn for each page that holds one of the tables, and those on which CPUs start. */
void paging_for_each_table(void (*fn)(const uint64_t *table, uint64_t pa, void *arg), void *arg);

/* PTE_NX where the CPU has it, else 0. */
uint64_t paging_nx(void);

/* True if all of [@pa, @pa + @len) can be read through the direct map. */
bool memory_is_direct(uint64_t pa, size_t len);

/* True if @va is in a guard page below a stack. */
bool memory_is_guard(uintptr_t va);

/* Part of memory_describe() for the stack area; NULL outside. */
const char *stack_area_describe(uintptr_t va, bool *guard);

#endif
