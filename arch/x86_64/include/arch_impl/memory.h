/* Where the direct map and the kernel image lie, and the linear translations between them and
 * physical memory. */
#ifndef ARCH_IMPL_MEMORY_H
#define ARCH_IMPL_MEMORY_H

#include <stdint.h>

/* Host tests run in one address space: there every address is in a direct map that starts at 0. */
#if __STDC_HOSTED__
#define MEMORY_DIRECT_BASE 0ull
#define MEMORY_DIRECT_END  UINT64_MAX
#else
#define MEMORY_DIRECT_BASE 0xffff888000000000ull
#define MEMORY_DIRECT_END  0xffffa00000000000ull
#endif
#define MEMORY_IMAGE_BASE 0xffffffff80000000ull

/* Virtual minus physical address of the image. Set before kmain(). */
extern uint64_t memory_image_delta;

/* Page-table walk, for what is neither in the image nor in the direct map. Panics when nothing is
 * mapped there. */
uint64_t memory_walk(uintptr_t va);

static inline void *phys_to_virt(uint64_t pa)
{
    return (void *)(uintptr_t)(pa + MEMORY_DIRECT_BASE);
}

static inline uint64_t virt_to_phys(const void *ptr)
{
    uint64_t va = (uintptr_t)ptr;

    if (va - MEMORY_DIRECT_BASE < MEMORY_DIRECT_END - MEMORY_DIRECT_BASE)
        return va - MEMORY_DIRECT_BASE;
    if (va >= MEMORY_IMAGE_BASE)
        return va - memory_image_delta;
    return memory_walk(va);
}

#endif
