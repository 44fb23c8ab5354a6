/* Formatting agrees with the C library's vsnprintf() on everything that kernel/format.h supports.
 */
/* sources: kernel/format.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/format.h"

/* Compares both results for buffers of several sizes, the shortest included. */
#define SAME(...)                                                        \
    do {                                                                 \
        for (size_t size_ = 0; size_ < 60; size_ += size_ < 4 ? 1 : 7) { \
            char ours_[64], theirs_[64];                                 \
            memset(ours_, 'x', sizeof(ours_));                           \
            memset(theirs_, 'x', sizeof(theirs_));                       \
            assert_int_equal(format(ours_, size_, __VA_ARGS__),          \
                             snprintf(theirs_, size_, __VA_ARGS__));     \
            assert_memory_equal(ours_, theirs_, sizeof(ours_));          \
        }                                                                \
    } while (0)

#pragma GCC diagnostic ignored "-Wformat-truncation"
#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-overflow"

static void test_integers(void **state)
{
    static const long long values[] = {0,    1,     -1,        9,         10,       255,
                                       -128, 65536, INT32_MIN, INT64_MAX, INT64_MIN};

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        long long v = values[i];

        SAME("%lld %+lld %20lld|%-20lld|%020lld", v, v, v, v, v);
        SAME("%llu %llx %llX", (unsigned long long)v, (unsigned long long)v, (unsigned long long)v);
        SAME("%d %i %u %x", (int)v, (int)v, (unsigned)v, (unsigned)v);
        SAME("%hhd %hd %hhu %hu", (int)v, (int)v, (unsigned)v, (unsigned)v);
        SAME("%ld %zu %td %jd %ju", (long)v, (size_t)v, (ptrdiff_t)v, (intmax_t)v, (uintmax_t)v);
        SAME("%.5d %8.3d %-8.3x| %.0d", (int)v, (int)v, (unsigned)v, (int)v);
        SAME("%*d %-*d %.*d", 7, (int)v, 7, (int)v, 3, (int)v);
        SAME("%*d", -9, (int)v);
        SAME("%08x %02x:%02x", (unsigned)v, (unsigned)v & 0xff, 7u);
    }
}

static void test_text(void **state)
{
    (void)state;
    SAME("plain, 100%%");
    SAME("%s|%10s|%-10s|%.2s|%10.2s", "abc", "abc", "abc", "abc", "abc");
    SAME("%.*s", 3, "abcdef");
    SAME("%.*s", -1, "abcdef");
    SAME("%c%c%3c|%-3c|", 'a', 'b', 'c', 'd');
    SAME("%s", "");
    SAME("%p", (void *)0x1234abcd);
}

static void test_text_without_end_is_bounded_by_precision(void **state)
{
    char unended[3] = {'a', 'b', 'c'}, out[8];

    (void)state;
    assert_int_equal(format(out, sizeof(out), "%.3s", unended), 3);
    assert_string_equal(out, "abc");
}

static void test_odd_input(void **state)
{
    const char *none = NULL;
    char out[32];

    (void)state;
    format(out, sizeof(out), "%s", none);
    assert_string_equal(out, "(null)");
    format(out, sizeof(out), "end %");
    assert_string_equal(out, "end ");
    format(out, sizeof(out), "%99999999999d", 1);
    assert_int_equal(strlen(out), sizeof(out) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_text_without_end_is_bounded_by_precision),
        cmocka_unit_test(test_odd_input),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
