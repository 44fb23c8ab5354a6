/* Second-level tables: large pages and small ones, holes and permissions, and the end of memory. */
/* sources: iommu/vtd_table.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/memory.h"
#include "iommu/vtd_table.h"

#define RW       (VTD_SL_READ | VTD_SL_WRITE)
#define MIB      (1ull << 20)
#define GIB      (1ull << 30)
#define PAGE_MAX 64

static void *pages[PAGE_MAX];
static unsigned page_cnt, page_limit;
static uint64_t cleaned;
static struct vtd_table table;

static uint64_t alloc(void)
{
    if (page_cnt == page_limit)
        return 0;
    pages[page_cnt] = aligned_alloc(PAGE_SIZE, PAGE_SIZE);
    memset(pages[page_cnt], 0, PAGE_SIZE);
    return (uintptr_t)pages[page_cnt++];
}

static void changed(const void *entry, uint64_t len)
{
    (void)entry;
    cleaned += len;
}

static int setup(void **state)
{
    (void)state;
    page_limit = PAGE_MAX;
    cleaned = 0;
    table = (struct vtd_table){.levels = 3, .large = true, .page_alloc = alloc, .changed = changed};
    return vtd_table_init(&table);
}

static int teardown(void **state)
{
    (void)state;
    while (page_cnt > 0)
        free(pages[--page_cnt]);
    return 0;
}

static void expect(uint64_t pa, uint64_t perm)
{
    assert_int_equal(vtd_table_get(&table, pa), perm);
}

static void test_large_pages_are_used_where_they_fit(void **state)
{
    (void)state;
    assert_int_equal(vtd_table_set(&table, 2 * MIB, 64 * MIB, RW), 0);
    assert_int_equal(page_cnt, 2); /* root, and one for the first GiB */
    assert_int_equal(cleaned, PAGE_SIZE + 32 * 8);
    expect(2 * MIB - PAGE_SIZE, 0);
    expect(2 * MIB, RW);
    expect(64 * MIB - PAGE_SIZE, RW);
    expect(64 * MIB, 0);
}

static void test_a_hole_splits_a_large_page(void **state)
{
    (void)state;
    assert_int_equal(vtd_table_set(&table, 0, 8 * MIB, RW), 0);
    assert_int_equal(vtd_table_set(&table, 3 * MIB, 3 * MIB + PAGE_SIZE, 0), 0);
    assert_int_equal(vtd_table_set(&table, 5 * MIB, 5 * MIB + PAGE_SIZE, VTD_SL_READ), 0);
    assert_int_equal(page_cnt, 4);
    expect(3 * MIB - PAGE_SIZE, RW);
    expect(3 * MIB, 0);
    expect(3 * MIB + PAGE_SIZE, RW);
    expect(5 * MIB, VTD_SL_READ);
    expect(8 * MIB - PAGE_SIZE, RW);
    /* And is filled again, whatever lies under it. */
    assert_int_equal(vtd_table_set(&table, 2 * MIB, 6 * MIB, RW), 0);
    expect(3 * MIB, RW);
    expect(5 * MIB, RW);
}

static void test_units_without_large_pages(void **state)
{
    (void)state;
    table.large = false;
    assert_int_equal(vtd_table_set(&table, 0, 4 * MIB, RW), 0);
    assert_int_equal(page_cnt, 4);
    expect(4 * MIB - PAGE_SIZE, RW);
    expect(4 * MIB, 0);
}

static void test_every_leaf_maps_its_own_address(void **state)
{
    const uint64_t *root, *middle;

    (void)state;
    assert_int_equal(vtd_table_set(&table, 3 * GIB + 4 * MIB, 3 * GIB + 6 * MIB, VTD_SL_READ), 0);
    root = phys_to_virt(table.root_pa);
    assert_int_equal(root[3] & ~VTD_SL_PA_MASK, RW);
    middle = phys_to_virt(root[3] & VTD_SL_PA_MASK);
    assert_int_equal(middle[2], (3 * GIB + 4 * MIB) | VTD_SL_READ | VTD_SL_LARGE);
    assert_int_equal(middle[1], 0);
    assert_int_equal(middle[3], 0);
}

static void test_what_it_cannot_express_is_refused(void **state)
{
    (void)state;
    assert_int_equal(vtd_table_set(&table, 512 * GIB - PAGE_SIZE, 512 * GIB, RW), 0);
    expect(512 * GIB - PAGE_SIZE, RW);
    assert_int_equal(vtd_table_set(&table, 512 * GIB, 512 * GIB + PAGE_SIZE, RW), -ERANGE);
    assert_int_equal(vtd_table_set(&table, 1, PAGE_SIZE, RW), -ERANGE);
    assert_int_equal(vtd_table_set(&table, 2 * PAGE_SIZE, PAGE_SIZE, RW), -ERANGE);
    expect(512 * GIB, 0);
    assert_int_equal(vtd_table_set(&table, PAGE_SIZE, PAGE_SIZE, RW), 0);
}

static void test_four_levels_reach_further(void **state)
{
    (void)state;
    table.levels = 4;
    assert_int_equal(vtd_table_set(&table, 512 * GIB, 512 * GIB + 2 * MIB, RW), 0);
    assert_int_equal(page_cnt, 3);
    expect(512 * GIB, RW);
    expect(0, 0);
}

static void test_no_memory_for_a_table(void **state)
{
    (void)state;
    assert_int_equal(vtd_table_set(&table, 0, 2 * MIB, RW), 0);
    page_limit = page_cnt;
    assert_int_equal(vtd_table_set(&table, 0, PAGE_SIZE, 0), -ENOMEM);
    expect(0, RW);
    expect(MIB, RW);
    assert_int_equal(vtd_table_init(&table), -ENOMEM);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(large_pages_are_used_where_they_fit),
        TEST(a_hole_splits_a_large_page),
        TEST(units_without_large_pages),
        TEST(every_leaf_maps_its_own_address),
        TEST(what_it_cannot_express_is_refused),
        TEST(four_levels_reach_further),
        TEST(no_memory_for_a_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
