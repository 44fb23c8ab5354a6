/* arch/memory.h for host tests: physical addresses are the host's own, there are no page tables. */
#include "arch/memory.h"

uint64_t memory_image_delta;

uint64_t memory_walk(uintptr_t va)
{
    return va;
}

void memory_set_page_source(uint64_t (*alloc)(void))
{
    (void)alloc;
}

void *mmio_map(uint64_t pa, size_t len)
{
    (void)len;
    return phys_to_virt(pa);
}

void mmio_unmap(void *va, size_t len)
{
    (void)va;
    (void)len;
}
