/* The console without a machine: what editing leaves in the line, what messages do to it, what
 * commands print. */
/* sources: kernel/console_edit.c kernel/console_run.c kernel/console_history.c
 * kernel/console_complete.c */
/* sources: kernel/log.c kernel/format.c kernel/error.c kernel/mutex.c kernel/terminal.c */
/* sources: tests/host/fake/uart.c tests/host/fake/smp.c tests/host/fake/clock.c
 * tests/host/fake/panic.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_clock.h"
#include "fake_uart.h"
#include "kernel/console_private.h"
#include "kernel/log.h"
#include "kernel/thread.h"

static unsigned wake_cnt, begin_cnt, end_cnt, stop_cnt;
static char seen_args[256];

static void wake(void)
{
    wake_cnt++;
}

static int args_run(int argc, char **argv)
{
    seen_args[0] = '\0';
    for (int i = 1; i < argc; i++) {
        strcat(seen_args, "[");
        strcat(seen_args, argv[i]);
        strcat(seen_args, "]");
    }
    return 0;
}

static int fail_run(int argc, char **argv)
{
    unsigned long long value;
    int rc = argc == 2 ? console_number(argv[1], "N", &value) : console_usage();

    return rc != 0 ? rc : value != 0 ? -(int)value : console_fail(-EBUSY, "say \"%s\"", "no");
}

static void stop(int status)
{
    stop_cnt += (unsigned)status;
}

static int stop_run(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    console_stop(stop, 5);
    return 0;
}

/* The linker set. */
const struct console_command __start_console_commands[] = {
    {"args", "args", "", args_run},
    {"argument", "argument", "", args_run},
    {"fail", "fail N\nfail", "", fail_run},
    {"stop", "stop", "", stop_run},
};
__asm__(
    ".globl __stop_console_commands\n.set __stop_console_commands, __start_console_commands + 4 * 32");
_Static_assert(sizeof(__start_console_commands) == 4 * 32, "the assembler's size of the set");

/* What mutexes and the keyboard would call: nothing waits here. */
int wait_queue_sleep_locked(struct wait_queue *wq, struct spinlock *lock, uint64_t deadline_ns)
{
    (void)wq;
    (void)lock;
    (void)deadline_ns;
    abort();
}

struct thread *wait_queue_wake_first(struct wait_queue *wq);

struct thread *wait_queue_wake_first(struct wait_queue *wq)
{
    (void)wq;
    return NULL;
}

void wait_queue_init(struct wait_queue *wq)
{
    list_init(&wq->waiters);
}

void console_run_begin(void)
{
    begin_cnt++;
}

void console_run_end(void)
{
    end_cnt++;
}

static int setup(void **state)
{
    (void)state;
    edit_init(wake);
    log_set_level(LOG_INFO);
    print("\n");
    fake_uart_clear();
    wake_cnt = begin_cnt = end_cnt = stop_cnt = 0;
    fake_clock_now_ns += 5000000000ull;
    return 0;
}

/* Types @keys, the last of which must end the line. */
static const char *type(const char *keys)
{
    edit_begin();
    for (; *keys != '\0'; keys++) {
        if (edit_key(*keys))
            assert_int_equal(keys[1], '\0');
    }
    return edit_line();
}

static void test_plain_typing_only_echoes(void **state)
{
    (void)state;
    assert_string_equal(type("blk sum\x7f\x7fXY\r"), "blk sXY");
    assert_string_equal(fake_uart_text(), "vring0> blk sum\b \b\b \bXY\r\n");
}

static void test_line_ends(void **state)
{
    (void)state;
    assert_string_equal(type("a\r"), "a");
    assert_string_equal(type("\nb\n"), "b");
    assert_string_equal(type("\n"), "");
}

static void test_editing(void **state)
{
    static const struct {
        const char *keys, *line;
    } cases[] = {
        {"bc\x1b[Da\r", "bac"},
        {"bc\x1b[D\x1b[Da\r", "abc"},
        {"bc\x1b[Ha\r", "abc"},
        {"bc\x1b[1~a\x1b[4~d\r", "abcd"},
        {"bc\x1bOHa\x1bOFd\r", "abcd"},
        {"bc\x01"
         "a\x05"
         "d\r",
         "abcd"},
        {"abc\x1b[D\x1b[3~\r", "ab"},
        {"abc\x1b[D\x04\r", "ab"},
        {"abc\x04\r", "abc"},
        {"abc\x1b[D\x08\r", "ac"},
        {"\x08\x7f\x17\x15\x0b\x1b[3~a\r", "a"},
        {"abc def\x17x\r", "abc x"},
        {"abc def  \x17x\r", "abc x"},
        {"abc def\x15x\r", "x"},
        {"abc def\x1b[D\x1b[D\x1b[D\x15\r", "def"},
        {"abc def\x1b[D\x1b[D\x1b[D\x0b\r", "abc "},
        {"one two\x1b[1;5D_\x1b[1;5D_\x1b[1;5C-\r", "one __two-"},
        {"a\x1b[D\x1b[D\x1b[D\x1b[C\x1b[C\x1b[Cb\r", "ab"},
        {"a\x1b[99~\x1b[5S\x1b[Zb\x1b"
         "c\r",
         "ab"},
        {"a\xc3\xa4\x02"
         "b\x06"
         "c\x0c\r",
         "bac"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(type(cases[i].keys), cases[i].line);
}

static void test_interrupt_key_drops_the_line(void **state)
{
    (void)state;
    assert_string_equal(type("abc\x03"), "");
    assert_string_equal(fake_uart_text(), "vring0> abc^C\r\n");
}

static void test_longest_line(void **state)
{
    char keys[CONSOLE_LINE_MAX + 100];

    (void)state;
    memset(keys, 'a', sizeof(keys));
    keys[sizeof(keys) - 2] = '\r';
    keys[sizeof(keys) - 1] = '\0';
    assert_int_equal(strlen(type(keys)), CONSOLE_LINE_MAX - 1);
    assert_int_equal(strlen(type("\x1b[Ab\r")), CONSOLE_LINE_MAX - 1);
}

static void test_history(void **state)
{
    char line[16];

    (void)state;
    for (unsigned i = 0; i < 40; i++) {
        snprintf(line, sizeof(line), "line %u\r", i);
        type(line);
    }
    type("line 39\r");
    type("\r");
    assert_string_equal(type("\x1b[A\r"), "line 39");
    assert_string_equal(type("\x1b[A\x1b[A\r"), "line 38");
    assert_string_equal(type("typed\x1b[A\x1b[A\x1b[B\x1b[B\r"), "typed");
    assert_string_equal(type("x\x10\x10\x0e!\r"), "typed!");
    edit_begin();
    for (unsigned i = 0; i < 50; i++) {
        edit_key('\x1b');
        edit_key('[');
        edit_key('A');
    }
    edit_key('\r');
    assert_string_equal(edit_line(), "line 11");
}

static void test_completion(void **state)
{
    (void)state;
    assert_string_equal(type("f\t1\r"), "fail 1");
    assert_string_equal(type("a\t\r"), "arg");
    assert_string_equal(type("args\t2\r"), "args 2");
    assert_string_equal(type("fail 1; s\tx\r"), "fail 1; stop x");
    assert_string_equal(type("nothing\t\r"), "nothing");
    assert_string_equal(type("fail x\t\r"), "fail x");
    assert_string_equal(type("1\x1b[Df\t\r"), "fail 1");
    fake_uart_clear();
    type("arg\t");
    assert_string_equal(fake_uart_text(), "vring0> arg\r\nargs  argument\r\nvring0> arg");
    edit_key('\r');
}

static void test_message_goes_below_the_line_which_is_shown_again(void **state)
{
    (void)state;
    type("blk su");
    fake_uart_clear();
    at_line("event", "name=net0 kind=link");
    log_info("and another");
    assert_string_equal(fake_uart_text(), "\r\n@event name=net0 kind=link\r\nand another\r\n");
    assert_int_equal(wake_cnt, 1);
    assert_true(edit_refresh_due());
    fake_uart_clear();
    edit_refresh();
    assert_false(edit_refresh_due());
    assert_string_equal(fake_uart_text(), "vring0> blk su");
    edit_key('m');
    assert_string_equal(fake_uart_text(), "vring0> blk sum");

    /* A key that comes before the refresh shows the line, too. */
    log_info("x");
    fake_uart_clear();
    edit_key('\x7f');
    assert_string_equal(fake_uart_text(), "vring0> blk su");
    log_info("x");
    fake_uart_clear();
    edit_key('\r');
    assert_string_equal(fake_uart_text(), "vring0> blk su\r\n");
    assert_false(edit_refresh_due());
    log_info("x");
    assert_false(edit_refresh_due());
}

static void expect_run(const char *line, int rc, const char *output)
{
    fake_uart_clear();
    assert_int_equal(console_execute(line), rc);
    assert_string_equal(fake_uart_text(), output);
}

static void test_commands(void **state)
{
    (void)state;
    expect_run("", 0, "");
    expect_run(" ; ;; ", 0, "");
    assert_int_equal(begin_cnt, end_cnt);
    expect_run("  args  1 2 ", 0, "@ok cmd=\"args  1 2\"\r\n");
    assert_string_equal(seen_args, "[1][2]");
    expect_run(
        "args \"a b;c\" d\"e f\"g \"\\\"\\\\\" \"\"", 0,
        "@ok cmd=\"args \\\"a b;c\\\" d\\\"e f\\\"g \\\"\\\\\\\"\\\\\\\\\\\" \\\"\\\"\"\r\n");
    assert_string_equal(seen_args, "[a b;c][de fg][\"\\][]");
    expect_run("foo", -ENOENT, "@err cmd=foo code=ENOENT msg=\"unknown command, try help\"\r\n");
    expect_run("args;fail 0;fail;args", -EBUSY,
               "@ok cmd=args\r\n"
               "@err cmd=\"fail 0\" code=EBUSY msg=\"say \\\"no\\\"\"\r\n"
               "@err cmd=fail code=EINVAL msg=\"usage: fail N (and more, see help)\"\r\n"
               "@ok cmd=args\r\n");
    expect_run("fail x", -EINVAL,
               "@err cmd=\"fail x\" code=EINVAL msg=\"N: \\\"x\\\" is not a number\"\r\n");
    expect_run("fail 5", -EIO, "@err cmd=\"fail 5\" code=EIO msg=\"Input/output error\"\r\n");
    expect_run("args \"a", -EINVAL,
               "@err cmd=\"args \\\"a\" code=EINVAL msg=\"the quote is not closed\"\r\n");
    expect_run("args 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5", 0,
               "@ok cmd=\"args 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5\"\r\n");
    expect_run(
        "args 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6", -E2BIG,
        "@err cmd=\"args 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6\" code=E2BIG msg=\"more than 16 words\"\r\n");
    expect_run("stop 1", 0, "@ok cmd=\"stop 1\"\r\n");
    assert_int_equal(stop_cnt, 5);
    console_stop(NULL, 0);
    fake_uart_clear();
    console_execute_shown("args 1; args 2");
    assert_string_equal(fake_uart_text(), "vring0> args 1\r\n@ok cmd=\"args 1\"\r\n"
                                          "vring0> args 2\r\n@ok cmd=\"args 2\"\r\n");
}

static void test_numbers(void **state)
{
    unsigned long long value;

    (void)state;
    assert_int_equal(console_number("0", "n", &value), 0);
    assert_int_equal(value, 0);
    assert_int_equal(console_number("010", "n", &value), 0);
    assert_int_equal(value, 10);
    assert_int_equal(console_number("0xFf", "n", &value), 0);
    assert_int_equal(value, 255);
    assert_int_equal(console_number("18446744073709551615", "n", &value), 0);
    assert_int_equal(console_number("18446744073709551616", "n", &value), -EINVAL);
    assert_int_equal(console_number("-1", "n", &value), -EINVAL);
    assert_int_equal(console_number(" 1", "n", &value), -EINVAL);
    assert_int_equal(console_number("1k", "n", &value), -EINVAL);
    assert_int_equal(console_number("", "n", &value), -EINVAL);
    assert_int_equal(console_number("0x", "n", &value), -EINVAL);
}

static void test_options(void **state)
{
    char *argv[] = {(char *)"bench", (char *)"blk0", (char *)"qd=32", (char *)"op=read", NULL};

    (void)state;
    assert_string_equal(console_option(4, argv, "qd"), "32");
    assert_string_equal(console_option(4, argv, "op"), "read");
    assert_null(console_option(4, argv, "q"));
    assert_null(console_option(4, argv, "bench"));
}

static void test_error_names(void **state)
{
    (void)state;
    assert_string_equal(error_name(ENOENT), "ENOENT");
    assert_string_equal(error_name(-ETIMEDOUT), "ETIMEDOUT");
    assert_string_equal(error_name(0), "E?");
    assert_string_equal(error_name(5000), "E?");
    assert_string_equal(error_name(INT32_MIN), "E?");
}

/* Whatever is typed, the editor stays within its line (the sanitizers watch). */
static void test_noise(void **state)
{
    static const char keys[] =
        "ab \t;\x01\x02\x04\x05\x06\x08\x0b\x0e\x10\x15\x17\x7f\x1b[[OABCDHF~0135;\r";

    (void)state;
    srand(5);
    edit_begin();
    for (unsigned i = 0; i < 300000; i++) {
        if (i % 1000 == 0)
            fake_uart_clear();
        if (rand() % 50 == 0)
            at_line("event", "n=1");
        if (edit_key(keys[(size_t)rand() % (sizeof(keys) - 1)])) {
            assert_in_range(strlen(edit_line()), 0, CONSOLE_LINE_MAX - 1);
            edit_begin();
        }
    }
}

#define TEST(fn) cmocka_unit_test_setup(fn, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_plain_typing_only_echoes),
        TEST(test_line_ends),
        TEST(test_editing),
        TEST(test_interrupt_key_drops_the_line),
        TEST(test_longest_line),
        TEST(test_history),
        TEST(test_completion),
        TEST(test_message_goes_below_the_line_which_is_shown_again),
        TEST(test_commands),
        TEST(test_numbers),
        TEST(test_options),
        TEST(test_error_names),
        TEST(test_noise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
