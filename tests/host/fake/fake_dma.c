/* kernel/page.h's device memory for host tests. */
#include "fake_dma.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kernel/page.h"

#define PAGE 4096u

int fake_dma_fail_after = -1;
size_t fake_dma_in_use;

static size_t round_up(size_t len)
{
    return (len + PAGE - 1) / PAGE * PAGE;
}

/* The host's heap may lie beyond what a device can be told; such memory comes from the lowest 4
 * GiB. */
static void *alloc_below(uint64_t limit_pa, size_t len)
{
    void *va = aligned_alloc(PAGE, len);

    if (va == NULL || limit_pa == 0 || (uintptr_t)va + len <= limit_pa)
        return va;
    free(va);
    va = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    if (va == MAP_FAILED)
        return NULL;
    if ((uintptr_t)va + len <= limit_pa)
        return va;
    munmap(va, len);
    return NULL;
}

void *dma_alloc(size_t len, uint64_t limit_pa, uint64_t *pa)
{
    void *va;

    if (fake_dma_fail_after >= 0 && fake_dma_fail_after-- == 0)
        return NULL;
    va = alloc_below(limit_pa, round_up(len));
    if (va == NULL)
        return NULL;
    memset(va, 0, round_up(len));
    fake_dma_in_use += len;
    *pa = (uintptr_t)va;
    return va;
}

void dma_free(void *va, size_t len)
{
    fake_dma_in_use -= len;
    if ((uintptr_t)va >> 32 == 0)
        munmap(va, round_up(len));
    else
        free(va);
}
