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

/* For what is not in the direct map: in the image, or else found by a page-table walk. Panics when
 * nothing is mapped there. */
#if __STDC_HOSTED__
uint64_t memory_walk(uintptr_t va);
#else
__attribute__((no_caller_saved_registers)) uint64_t memory_walk(uintptr_t va);
#endif

static inline void *phys_to_virt(uint64_t pa)
{
    return (void *)(uintptr_t)(pa + MEMORY_DIRECT_BASE);
}

/* memory_walk() keeps all registers, and this tells the compiler so: data paths save none for a
 * call that they hardly ever make. */
static inline uint64_t memory_walk_rarely(uintptr_t va)
{
#if __STDC_HOSTED__
    return memory_walk(va);
#else
    uint64_t pa;

    __asm__("call memory_walk" : "=a"(pa) : "D"(va) : "cc", "memory");
    return pa;
#endif
}

static inline uint64_t virt_to_phys(const void *ptr)
{
    uint64_t va = (uintptr_t)ptr;

    if (__builtin_expect(va - MEMORY_DIRECT_BASE < MEMORY_DIRECT_END - MEMORY_DIRECT_BASE, 1))
        return va - MEMORY_DIRECT_BASE;
    return memory_walk_rarely(va);
}

#endif
