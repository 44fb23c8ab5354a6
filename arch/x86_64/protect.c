/* What no device may write to: the kernel's code and constants, and the tables that say what is
 * mapped where. And caches, for hardware that does not look into them. */
#include "arch/barrier.h"
#include "arch/memory.h"
#include "arch/x86_64/cpu_insn.h"
#include "arch/x86_64/paging.h"

#define CACHE_LINE 64

extern char _text_start[], _text_end[], _rodata_start[], _rodata_end[];

struct visit {
    memory_protected_fn_t fn;
    void *arg;
};

static void visit_section(const char *start, const char *end, bool readable,
                          const struct visit *visit)
{
    size_t len = (size_t)(end - start);

    visit->fn(start, virt_to_phys(start), (len + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1), readable,
              visit->arg);
}

static void visit_table(const uint64_t *table, uint64_t pa, void *arg)
{
    const struct visit *visit = arg;

    visit->fn(table, pa, PAGE_SIZE, false, visit->arg);
}

void memory_for_each_protected(memory_protected_fn_t fn, void *arg)
{
    struct visit visit = {fn, arg};

    visit_section(_text_start, _text_end, false, &visit);
    visit_section(_rodata_start, _rodata_end, true, &visit);
    paging_for_each_table(visit_table, &visit);
}

void memory_clean(const void *va, size_t len)
{
    uintptr_t line = (uintptr_t)va & ~(uintptr_t)(CACHE_LINE - 1);

    for (; line < (uintptr_t)va + len; line += CACHE_LINE)
        cache_line_flush(line);
    dma_mb();
}
