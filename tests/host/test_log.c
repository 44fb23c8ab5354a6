/* Log messages and lines for scripts as they reach the UART: line ends, levels, limits, quoting. */
/* sources: kernel/log.c kernel/format.c kernel/terminal.c tests/host/fake/smp.c */
/* sources: tests/host/fake/uart.c tests/host/fake/clock.c tests/host/fake/panic.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_clock.h"
#include "fake_uart.h"
#include "kernel/log.h"

static int setup(void **state)
{
    (void)state;
    log_set_level(LOG_INFO);
    print("\n");
    fake_uart_clear();
    fake_clock_now_ns += 5000000000ull;
    return 0;
}

static void test_messages_start_lines_of_their_own(void **state)
{
    (void)state;
    print("no newline");
    at_line("ready", "t_us=%d", 5);
    assert_string_equal(fake_uart_text(), "no newline\r\n@ready t_us=5\r\n");
    fake_uart_clear();
    print("a\n\nb\n");
    log_warn("w");
    at_line("plain", "%s", "");
    assert_string_equal(fake_uart_text(), "a\r\n\r\nb\r\nwarning: w\r\n@plain \r\n");
}

static void test_long_messages_are_cut(void **state)
{
    char text[3000];
    const char *out;

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    at_line("long", "text=%s", text);
    out = fake_uart_text();
    assert_in_range(strlen(out), 1000, 1024);
    assert_string_equal(out + strlen(out) - 6, "x...\r\n");
    for (size_t len = 1000; len < 1030; len++) {
        fake_uart_clear();
        log_info("%.*s", (int)len, text);
        out = fake_uart_text();
        assert_string_equal(out + strlen(out) - 2, "\r\n");
    }
}

static void test_levels(void **state)
{
    (void)state;
    log_debug("hidden");
    log_set_level(LOG_ERROR);
    log_warn("hidden");
    log_error("shown %d", 1);
    log_set_level(LOG_DEBUG);
    log_debug("shown");
    assert_string_equal(fake_uart_text(), "error: shown 1\r\ndebug: shown\r\n");
}

static void test_rate_limit(void **state)
{
    struct log_limit limit = {0};

    (void)state;
    for (unsigned i = 0; i < 5; i++)
        log_limited(&limit, LOG_WARN, "bad thing");
    assert_string_equal(fake_uart_text(), "warning: bad thing\r\n");
    fake_clock_now_ns += 1000000000;
    fake_uart_clear();
    log_limited(&limit, LOG_DEBUG, "not shown, not counted");
    log_limited(&limit, LOG_WARN, "bad thing");
    assert_string_equal(fake_uart_text(), "warning: 4 messages like the next one were left out\r\n"
                                          "warning: bad thing\r\n");
}

static void test_quoting(void **state)
{
    char buf[16];

    (void)state;
    assert_string_equal(at_quote(buf, sizeof(buf), "plain"), "plain");
    assert_string_equal(at_quote(buf, sizeof(buf), ""), "\"\"");
    assert_string_equal(at_quote(buf, sizeof(buf), "a b"), "\"a b\"");
    assert_string_equal(at_quote(buf, sizeof(buf), "a\"\\b"), "\"a\\\"\\\\b\"");
    assert_string_equal(at_quote(buf, sizeof(buf), "a\n"), "\"a?\"");
    assert_string_equal(at_quote(buf, sizeof(buf), "0123456789 123456789"), "\"0123456789 12\"");
    assert_string_equal(at_quote(buf, 8, "ab cd\"ef"), "\"ab cd\"");
    assert_string_equal(at_quote(buf, 1, "a b"), "");
    assert_string_equal(at_quote(buf, sizeof(buf), "\xc3\xa4"), "\xc3\xa4");
}

#define TEST(fn) cmocka_unit_test_setup(fn, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_messages_start_lines_of_their_own),
        TEST(test_long_messages_are_cut),
        TEST(test_levels),
        TEST(test_rate_limit),
        TEST(test_quoting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
