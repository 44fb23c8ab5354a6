/* The boot memory map: order, merging, what wins an overlap, whole pages, and a full table. */
/* sources: */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/memmap.h"

#define PAGE 4096ull

static struct boot_info info;

static int setup(void **state)
{
    (void)state;
    memset(&info, 0, sizeof(info));
    return 0;
}

static void check(unsigned idx, uint64_t start, uint64_t end, uint32_t type)
{
    assert_true(idx < info.mem_cnt);
    assert_int_equal(info.mem[idx].start_pa, start);
    assert_int_equal(info.mem[idx].end_pa, end);
    assert_int_equal(info.mem[idx].type, type);
}

static void test_sorts_and_merges(void **state)
{
    (void)state;
    memmap_add(&info, 30 * PAGE, 40 * PAGE, BOOT_MEM_USABLE);
    memmap_add(&info, 10 * PAGE, 20 * PAGE, BOOT_MEM_USABLE);
    memmap_add(&info, 5 * PAGE, 10 * PAGE, BOOT_MEM_RESERVED);
    memmap_add(&info, 20 * PAGE, 30 * PAGE, BOOT_MEM_USABLE);
    memmap_add(&info, 7, 7, BOOT_MEM_USABLE);
    assert_int_equal(info.mem_cnt, 2);
    check(0, 5 * PAGE, 10 * PAGE, BOOT_MEM_RESERVED);
    check(1, 10 * PAGE, 40 * PAGE, BOOT_MEM_USABLE);
}

static void test_later_wins(void **state)
{
    (void)state;
    memmap_add(&info, 10 * PAGE, 40 * PAGE, BOOT_MEM_USABLE);
    memmap_add(&info, 50 * PAGE, 60 * PAGE, BOOT_MEM_USABLE);
    memmap_add(&info, 20 * PAGE, 25 * PAGE, BOOT_MEM_ACPI);
    memmap_add(&info, 24 * PAGE, 55 * PAGE, BOOT_MEM_RESERVED);
    assert_int_equal(info.mem_cnt, 4);
    check(0, 10 * PAGE, 20 * PAGE, BOOT_MEM_USABLE);
    check(1, 20 * PAGE, 24 * PAGE, BOOT_MEM_ACPI);
    check(2, 24 * PAGE, 55 * PAGE, BOOT_MEM_RESERVED);
    check(3, 55 * PAGE, 60 * PAGE, BOOT_MEM_USABLE);
}

static void test_whole_pages(void **state)
{
    (void)state;
    memmap_add(&info, 0, 0x9fc00, BOOT_MEM_USABLE);
    memmap_add(&info, 0x100001, 0x101fff, BOOT_MEM_USABLE);
    memmap_add(&info, 0x200123, 0x200456, BOOT_MEM_ACPI);
    memmap_finish(&info);
    assert_int_equal(info.mem_cnt, 2);
    check(0, PAGE, 0x9f000, BOOT_MEM_USABLE);
    check(1, 0x200123, 0x200456, BOOT_MEM_ACPI);
}

static void test_page_0_alone(void **state)
{
    (void)state;
    memmap_add(&info, 0, PAGE, BOOT_MEM_USABLE);
    memmap_finish(&info);
    assert_int_equal(info.mem_cnt, 0);
}

static void test_full_table_keeps_memory(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < BOOT_MEM_MAX; i++)
        memmap_add(&info, i * 4 * PAGE, (i * 4 + 1) * PAGE,
                   i % 2 ? BOOT_MEM_RESERVED : BOOT_MEM_USABLE);
    assert_int_equal(info.mem_cnt, BOOT_MEM_MAX);
    memmap_add(&info, 0x10000000, 0x20000000, BOOT_MEM_RESERVED);
    assert_int_equal(info.mem[BOOT_MEM_MAX - 1].end_pa, ((BOOT_MEM_MAX - 1) * 4 + 1) * PAGE);
    memmap_add(&info, 0x10000000, 0x20000000, BOOT_MEM_USABLE);
    assert_int_equal(info.mem_cnt, BOOT_MEM_MAX);
    check(BOOT_MEM_MAX - 1, 0x10000000, 0x20000000, BOOT_MEM_USABLE);
}

/* Against a model of one byte per page: ranges sorted, apart, of the type added last. */
static void test_random(void **state)
{
    static uint8_t model[256];

    (void)state;
    srand(1);
    for (unsigned round = 0; round < 200; round++) {
        memset(&info, 0, sizeof(info));
        memset(model, 0, sizeof(model));
        for (unsigned n = 0; n < 60; n++) {
            unsigned start = (unsigned)rand() % 256, end = start + (unsigned)rand() % (257 - start);
            uint8_t type = (uint8_t)(1 + rand() % 3);

            memmap_add(&info, start * PAGE, end * PAGE, type);
            memset(model + start, type, end - start);
        }
        for (unsigned i = 0; i < info.mem_cnt; i++) {
            assert_true(info.mem[i].start_pa < info.mem[i].end_pa);
            assert_true(i == 0 || info.mem[i - 1].end_pa <= info.mem[i].start_pa);
            assert_true(i == 0 || info.mem[i - 1].end_pa < info.mem[i].start_pa ||
                        info.mem[i - 1].type != info.mem[i].type);
            for (uint64_t page = info.mem[i].start_pa / PAGE; page < info.mem[i].end_pa / PAGE;
                 page++) {
                assert_int_equal(model[page], info.mem[i].type);
                model[page] = 0;
            }
        }
        for (unsigned i = 0; i < sizeof(model); i++)
            assert_int_equal(model[i], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_sorts_and_merges, setup),
        cmocka_unit_test_setup(test_later_wins, setup),
        cmocka_unit_test_setup(test_whole_pages, setup),
        cmocka_unit_test_setup(test_page_0_alone, setup),
        cmocka_unit_test_setup(test_full_table_keeps_memory, setup),
        cmocka_unit_test_setup(test_random, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
