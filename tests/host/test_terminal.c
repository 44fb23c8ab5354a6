/* Terminals beside the UART: what they are shown, when they take it, and what becomes of the rest.
 */
/* sources: kernel/terminal.c kernel/log.c kernel/format.c tests/host/fake/smp.c
 * tests/host/fake/uart.c tests/host/fake/clock.c tests/host/fake/panic.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fake_clock.h"
#include "fake_smp.h"
#include "fake_uart.h"
#include "kernel/log.h"
#include "kernel/terminal.h"

/* A terminal that takes as much as it is told to. */
struct screen {
    struct terminal terminal;
    char text[1 << 17];
    size_t len, room;
    const char *typed;
    const char *says; /* printed while it takes something */
    unsigned depth, calls;
};

static struct screen screen, other;
static unsigned typed_cnt;

static size_t take(struct terminal *terminal, const char *data, size_t len)
{
    struct screen *to = (struct screen *)terminal;

    assert_int_equal(to->depth++, 0);
    to->calls++;
    fake_clock_now_ns += 1000000;
    if (to->says != NULL && len > 0) {
        const char *says = to->says;

        to->says = NULL;
        log_info("%s", says);
    }
    len = len < to->room ? len : to->room;
    memcpy(to->text + to->len, data, len);
    to->len += len;
    to->text[to->len] = '\0';
    to->room -= len;
    to->depth--;
    return len;
}

static int next_key(struct terminal *terminal)
{
    struct screen *from = (struct screen *)terminal;

    return *from->typed != '\0' ? *from->typed++ : -1;
}

static const struct terminal_ops ops = {.write = take, .getc = next_key};

static void on_typed(void)
{
    typed_cnt++;
}

static void plug(struct screen *to)
{
    memset(to, 0, sizeof(*to));
    to->terminal.ops = &ops;
    to->typed = "";
    to->room = SIZE_MAX / 2;
    assert_int_equal(terminal_register(&to->terminal), 0);
}

static void unplug(struct screen *to)
{
    unsigned before = fake_sync_cnt;

    terminal_unregister(&to->terminal);
    assert_int_equal(fake_sync_cnt, before + 1);
    terminal_release(&to->terminal);
}

static int setup(void **state)
{
    (void)state;
    log_set_level(LOG_INFO);
    fake_uart_clear();
    return 0;
}

/* First of all tests: later the record is cut. */
static void test_one_that_comes_late_sees_everything(void **state)
{
    (void)state;
    at_line("boot", "n=%d", 1);
    print("some text\n");
    plug(&screen);
    assert_string_equal(screen.text, fake_uart_text());
    log_info("more");
    assert_string_equal(screen.text, fake_uart_text());
    plug(&other);
    assert_string_equal(other.text, screen.text);
    print("a\nb");
    assert_string_equal(other.text, fake_uart_text());
    unplug(&other);
    print("c\n");
    assert_string_equal(screen.text, fake_uart_text());
    assert_null(strstr(other.text, "bc"));
    unplug(&screen);
}

static void test_what_it_does_not_take_waits(void **state)
{
    (void)state;
    plug(&screen);
    screen.len = 0;
    screen.room = 3;
    print("0123456789");
    assert_string_equal(screen.text, "012");
    screen.room = 4;
    terminal_flush(&screen.terminal);
    assert_string_equal(screen.text, "0123456");
    assert_false(terminal_idle(&screen.terminal));
    screen.room = 100;
    print("x\n");
    assert_string_equal(screen.text, "0123456789x\r\n");
    assert_true(terminal_idle(&screen.terminal));
    unplug(&screen);
}

static void test_what_it_prints_itself_comes_later(void **state)
{
    (void)state;
    plug(&screen);
    screen.len = 0;
    screen.says = "from within";
    log_info("first");
    assert_string_equal(screen.text, "first\r\nfrom within\r\n");
    unplug(&screen);
}

/* A stuck one is waited for once, and then loses what finds no room. */
static void test_a_stuck_one_stops_nobody(void **state)
{
    char line[1001];
    uint64_t before, once;

    (void)state;
    memset(line, 'x', 1000);
    line[1000] = '\0';
    plug(&screen);
    screen.len = 0;
    screen.room = 0;
    before = fake_clock_now_ns;
    for (unsigned i = 0; i < 30; i++)
        print("%s", line);
    once = fake_clock_now_ns - before;
    assert_in_range(once, 20000000, 200000000);
    assert_int_equal(screen.terminal.drop_cnt, 0);
    for (unsigned i = 0; i < 30; i++)
        print("%s", line);
    assert_in_range(fake_clock_now_ns - before - once, 0, 100000000);
    assert_int_equal(screen.terminal.drop_cnt, 60000 - 32768);
    screen.room = 100000;
    terminal_flush(&screen.terminal);
    assert_int_equal(screen.len, 32768);
    print("and on\n");
    assert_string_equal(screen.text + 32768, "and on\r\n");
    unplug(&screen);
}

static void test_no_record_that_is_cut(void **state)
{
    char line[1001];

    (void)state;
    memset(line, 'y', 1000);
    line[1000] = '\0';
    for (unsigned i = 0; i < 20; i++)
        print("%s", line);
    plug(&screen);
    assert_int_equal(screen.len, 0);
    unplug(&screen);
}

static void test_keys(void **state)
{
    (void)state;
    assert_int_not_equal(terminal_on_input(on_typed), 0); /* the UART of host tests has none */
    assert_int_equal(terminal_getc(), -1);
    plug(&screen);
    plug(&other);
    other.typed = "ab";
    typed_cnt = 0;
    terminal_typed();
    assert_int_equal(typed_cnt, 1);
    assert_int_equal(terminal_getc(), 'a');
    screen.typed = "c";
    assert_int_equal(terminal_getc(), 'c');
    assert_int_equal(terminal_getc(), 'b');
    assert_int_equal(terminal_getc(), -1);
    unplug(&screen);
    unplug(&other);
}

static void test_only_so_many(void **state)
{
    static struct screen many[9];

    (void)state;
    for (unsigned i = 0; i < 8; i++)
        plug(&many[i]);
    many[8].terminal.ops = &ops;
    assert_int_equal(terminal_register(&many[8].terminal), -28); /* ENOSPC */
    terminal_release(&many[8].terminal);
    for (unsigned i = 0; i < 8; i++)
        unplug(&many[i]);
}

#define TEST(name) cmocka_unit_test_setup(test_##name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_that_comes_late_sees_everything),
        TEST(what_it_does_not_take_waits),
        TEST(what_it_prints_itself_comes_later),
        TEST(a_stuck_one_stops_nobody),
        TEST(no_record_that_is_cut),
        TEST(keys),
        TEST(only_so_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
