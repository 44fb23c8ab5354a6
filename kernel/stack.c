/* Thread stacks: contiguous pages in an address range of their own, so that an overflow hits an
 * unmapped page. */
#include <errno.h>

#include "arch/memory.h"
#include "kernel/page.h"
#include "kernel/sched.h"

int stack_alloc(size_t len, uintptr_t *va, uint64_t *pa)
{
    int rc = -ENOMEM;

    *va = stack_area_alloc(len);
    if (*va == 0)
        return -ENOMEM;
    *pa = page_alloc(len >> PAGE_SHIFT, 1);
    if (*pa == 0)
        goto free_area;
    rc = memory_map(*va, *pa, len, MEM_RW);
    if (rc != 0)
        goto free_pages;
    return 0;

free_pages:
    page_free(*pa, len >> PAGE_SHIFT);
free_area:
    stack_area_free(*va, len);
    return rc;
}

void stack_free(uintptr_t va, uint64_t pa, size_t len)
{
    memory_unmap(va, len);
    page_free(pa, len >> PAGE_SHIFT);
    stack_area_free(va, len);
}
