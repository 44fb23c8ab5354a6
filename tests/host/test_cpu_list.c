/* Sets of CPUs as text, both ways. */
/* sources: irq/cpu_list.c kernel/format.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "irq/cpu_list.h"

unsigned cpu_count(void)
{
    return CPU_MAX;
}

static const struct {
    const char *text;
    cpu_mask_t mask;
} lists[] = {
    {"0", 0x1},
    {"63", 0x8000000000000000},
    {"0-3", 0xf},
    {"0-63", 0xffffffffffffffff},
    {"0,2", 0x5},
    {"1-2,4-7,9", 0x2f6},
    {"0,62-63", 0xc000000000000001},
};

static void test_both_ways(void **state)
{
    char buf[CPU_LIST_LEN];
    cpu_mask_t mask;

    (void)state;
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        assert_int_equal(cpu_list_parse(lists[i].text, &mask), 0);
        assert_int_equal(mask, lists[i].mask);
        assert_string_equal(cpu_list_format(buf, sizeof(buf), mask), lists[i].text);
    }
}

static void test_any_order_is_read(void **state)
{
    cpu_mask_t mask;

    (void)state;
    assert_int_equal(cpu_list_parse("5,0-1,1,5", &mask), 0);
    assert_int_equal(mask, 0x23);
    assert_int_equal(cpu_list_parse("3-3", &mask), 0);
    assert_int_equal(mask, 0x8);
}

static void test_what_is_no_list(void **state)
{
    static const char *const texts[] = {"",   ",",  "-",   "a",   "0,",  "0-",   "-1",
                                        "1-", ",1", "2-1", "0 1", "0x1", "1--2", "1-2-3"};
    cpu_mask_t mask = 42;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(cpu_list_parse(texts[i], &mask), -EINVAL);
    assert_int_equal(cpu_list_parse("64", &mask), -ERANGE);
    assert_int_equal(cpu_list_parse("0-64", &mask), -ERANGE);
    assert_int_equal(cpu_list_parse("99999999999999999999", &mask), -ERANGE);
    assert_int_equal(mask, 42);
}

static void test_the_longest_list_fits(void **state)
{
    char buf[CPU_LIST_LEN];
    cpu_mask_t mask;

    (void)state;
    assert_int_equal(cpu_list_parse(cpu_list_format(buf, sizeof(buf), 0xaaaaaaaaaaaaaaaa), &mask),
                     0);
    assert_int_equal(mask, 0xaaaaaaaaaaaaaaaa);
    assert_int_equal(cpu_list_parse(cpu_list_format(buf, sizeof(buf), 0xb6db6db6db6db6db), &mask),
                     0);
    assert_int_equal(mask, 0xb6db6db6db6db6db);
    assert_string_equal(cpu_list_format(buf, sizeof(buf), 0), "");
    /* A short buffer holds the beginning. */
    assert_string_equal(cpu_list_format(buf, 6, 0xaaaaaaaaaaaaaaaa), "1,3,5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ways),
        cmocka_unit_test(test_any_order_is_read),
        cmocka_unit_test(test_what_is_no_list),
        cmocka_unit_test(test_the_longest_list_fits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
