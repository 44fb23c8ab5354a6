/* Two windows of address space: device registers, and thread stacks with guard pages. */
#include <stdbool.h>

#include "arch/memory.h"
#include "arch/x86_64/cpu_insn.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/smp_private.h"

/*
 * Device registers at physical address P are mapped at DEVICE_BASE + P, so that mappings of the
 * same page meet by themselves. Bits of the page-table entry that the CPU ignores count how many
 * mappings share it.
 */
#define DEVICE_BASE  0xffffa00000000000ull
#define DEVICE_LEN   (1ull << 46)
#define DEVICE_FLAGS (PTE_PRESENT | PTE_WRITE | PTE_PCD | PTE_PWT)
#define REFS_SHIFT   52
#define REFS_ONE     (1ull << REFS_SHIFT)
#define REFS_MAX     1023u /* bits 52 to 61; 59 and up are ignored while CR4.PKE is off */

#define STACK_BASE     0xffffe00000000000ull
#define STACK_SLOT_LEN 0x10000ul
#define STACK_SLOT_CNT 4096u

enum stack_slot {
    SLOT_FREE,
    SLOT_FIRST,
    SLOT_MORE
};

static uint8_t stack_slots[STACK_SLOT_CNT]; /* under paging_lock */

static unsigned refs_of(uint64_t entry)
{
    return (unsigned)(entry >> REFS_SHIFT) & REFS_MAX;
}

/* The leaf entry that maps or is to map @pa; @large says which size it has. NULL: no memory. */
static uint64_t *device_leaf(uint64_t pa, uint64_t end_pa, bool create, bool *large)
{
    uintptr_t va = DEVICE_BASE + pa;
    uint64_t *entry = paging_entry(va, 2, create);

    *large = false;
    if (entry == NULL)
        return NULL;
    if (*entry & PTE_PRESENT)
        *large = *entry & PTE_LARGE;
    else
        *large = create && (pa & (PAGE_LARGE_SIZE - 1)) == 0 && end_pa - pa >= PAGE_LARGE_SIZE;
    return *large ? entry : paging_entry(va, 1, create);
}

static uint64_t leaf_end(uint64_t pa, bool large)
{
    uint64_t size = large ? PAGE_LARGE_SIZE : PAGE_SIZE;

    return (pa & ~(size - 1)) + size;
}

static void device_release(uint64_t pa, uint64_t end_pa)
{
    while (pa < end_pa) {
        bool large;
        uint64_t *entry = device_leaf(pa, end_pa, false, &large);

        if (entry != NULL && (*entry & PTE_PRESENT)) {
            *entry -= REFS_ONE;
            if (refs_of(*entry) == 0) {
                *entry = 0;
                tlb_flush_page(DEVICE_BASE + pa);
            }
        }
        pa = leaf_end(pa, large);
    }
}

static bool device_acquire(uint64_t pa, uint64_t end)
{
    uint64_t at = pa;

    while (at < end) {
        bool large;
        uint64_t *entry = device_leaf(at, end, true, &large);

        if (entry == NULL || refs_of(*entry) == REFS_MAX) {
            device_release(pa, at);
            return false;
        }
        if (!(*entry & PTE_PRESENT))
            *entry = at | DEVICE_FLAGS | paging_nx() | (large ? PTE_LARGE : 0);
        *entry += REFS_ONE;
        at = leaf_end(at, large);
    }
    return true;
}

static uint64_t page_floor(uint64_t pa)
{
    return pa & ~(PAGE_SIZE - 1);
}

void *mmio_map(uint64_t pa, size_t len)
{
    uint64_t state;
    bool done;

    if (len == 0 || pa >= DEVICE_LEN || len > DEVICE_LEN - pa)
        return NULL;
    state = spin_lock(&paging_lock);
    done = device_acquire(page_floor(pa), page_floor(pa + len + PAGE_SIZE - 1));
    spin_unlock(&paging_lock, state);
    return done ? (void *)(uintptr_t)(DEVICE_BASE + pa) : NULL;
}

void mmio_unmap(void *va, size_t len)
{
    uint64_t pa = (uintptr_t)va - DEVICE_BASE, start, end, state;

    if (va == NULL || pa >= DEVICE_LEN)
        return;
    start = page_floor(pa);
    end = page_floor(pa + len + PAGE_SIZE - 1);
    state = spin_lock(&paging_lock);
    device_release(start, end);
    spin_unlock(&paging_lock, state);
    smp_flush(DEVICE_BASE + start, end - start);
}

static size_t slots_for(size_t len)
{
    return (len + PAGE_SIZE + STACK_SLOT_LEN - 1) / STACK_SLOT_LEN;
}

/* The stack's lowest page is the second of its first slot: the first one stays unmapped. */
static uintptr_t take_slots(size_t len)
{
    size_t wanted = slots_for(len), run = 0;

    for (size_t i = 0; i < STACK_SLOT_CNT; i++) {
        run = stack_slots[i] == SLOT_FREE ? run + 1 : 0;
        if (run < wanted)
            continue;
        for (size_t n = i + 1 - wanted; n <= i; n++)
            stack_slots[n] = SLOT_MORE;
        stack_slots[i + 1 - wanted] = SLOT_FIRST;
        return STACK_BASE + (i + 1 - wanted) * STACK_SLOT_LEN + PAGE_SIZE;
    }
    return 0;
}

uintptr_t stack_area_alloc(size_t len)
{
    uint64_t state = spin_lock(&paging_lock);
    uintptr_t va = take_slots(len);

    spin_unlock(&paging_lock, state);
    return va;
}

uintptr_t paging_stack_alloc(size_t len)
{
    uintptr_t va = stack_area_alloc(len);

    for (size_t off = 0; va != 0 && off < len; off += PAGE_SIZE) {
        uint64_t pa = paging_page_alloc();

        if (pa == 0 || memory_map(va + off, pa, PAGE_SIZE, MEM_RW) != 0)
            return 0;
    }
    return va != 0 ? va + len : 0;
}

void stack_area_free(uintptr_t va, size_t len)
{
    size_t first = (va - STACK_BASE) / STACK_SLOT_LEN;
    uint64_t state = spin_lock(&paging_lock);

    for (size_t i = 0; i < slots_for(len) && first + i < STACK_SLOT_CNT; i++)
        stack_slots[first + i] = SLOT_FREE;
    spin_unlock(&paging_lock, state);
}

const char *stack_area_describe(uintptr_t va, bool *guard)
{
    uintptr_t slot = (va - STACK_BASE) / STACK_SLOT_LEN;

    *guard = false;
    if (va < STACK_BASE || slot >= STACK_SLOT_CNT)
        return NULL;
    *guard = stack_slots[slot] == SLOT_FIRST && (va & (STACK_SLOT_LEN - 1)) < PAGE_SIZE;
    return *guard ? "guard page of thread stack" : "stack area";
}
