/* kernel/page.h's device memory for host tests. */
#include "fake_dma.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/page.h"

#define PAGE 4096u

int fake_dma_fail_after = -1;
size_t fake_dma_in_use;

static size_t round_up(size_t len)
{
    return (len + PAGE - 1) / PAGE * PAGE;
}

void *dma_alloc(size_t len, uint64_t limit_pa, uint64_t *pa)
{
    void *va;

    if (fake_dma_fail_after >= 0 && fake_dma_fail_after-- == 0)
        return NULL;
    va = aligned_alloc(PAGE, round_up(len));
    if (va == NULL)
        return NULL;
    if (limit_pa != 0 && (uintptr_t)va + len > limit_pa) {
        free(va);
        return NULL;
    }
    memset(va, 0, round_up(len));
    fake_dma_in_use += len;
    *pa = (uintptr_t)va;
    return va;
}

void dma_free(void *va, size_t len)
{
    fake_dma_in_use -= len;
    free(va);
}
