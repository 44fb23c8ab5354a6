/* The boot command line: what is taken from it, and what is said about what is not. */
/* sources: kernel/bootopt.c kernel/format.c tests/host/fake/log.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot/boot_info.h"
#include "fake_log.h"
#include "kernel/bootopt.h"

static const struct bootopt_choice irq_choices[] = {
    {"auto", 0}, {"per-queue", 1}, {"poll", 2}, {NULL, 0}};

static void init(const char *line)
{
    fake_log_clear();
    bootopt_init(line);
}

static void test_values(void **state)
{
    (void)state;
    init("  irq=poll\tcpus=4  ip=10.0.0.2/24,10.0.0.1 ");
    assert_string_equal(bootopt_get("irq"), "poll");
    assert_string_equal(bootopt_get("ip"), "10.0.0.2/24,10.0.0.1");
    assert_int_equal(bootopt_choice("irq", irq_choices, 9), 2);
    assert_int_equal(bootopt_number("cpus", 1, 64, 1), 4);
    assert_null(bootopt_get("ring"));
    assert_int_equal(bootopt_choice("ring", irq_choices, 9), 9);
    assert_string_equal(bootopt_line(), "  irq=poll\tcpus=4  ip=10.0.0.2/24,10.0.0.1 ");
    assert_string_equal(fake_log_text(), "");
}

static void test_nothing(void **state)
{
    (void)state;
    init("");
    assert_null(bootopt_get("irq"));
    assert_int_equal(bootopt_number("cpus", 1, 64, 7), 7);
    assert_string_equal(fake_log_text(), "");
}

static void test_quotes(void **state)
{
    (void)state;
    init("run=\"blk sum blk0 0 8; run \\\"mem; cpu\\\" ; a\\\\b\" irq=\"auto\" ring=sp\"l\"it");
    assert_string_equal(bootopt_get("run"), "blk sum blk0 0 8; run \"mem; cpu\" ; a\\b");
    assert_string_equal(bootopt_get("irq"), "auto");
    assert_string_equal(bootopt_get("ring"), "split");
    assert_string_equal(fake_log_text(), "");
}

static void test_later_value_wins(void **state)
{
    (void)state;
    init("irq=poll irq=auto");
    assert_string_equal(bootopt_get("irq"), "auto");
}

static void test_second_line_replaces_the_first(void **state)
{
    (void)state;
    init("irq=poll");
    init("cpus=2");
    assert_null(bootopt_get("irq"));
}

static void test_unknown_key(void **state)
{
    (void)state;
    init("foo=1 irq=poll irqs=auto");
    assert_string_equal(fake_log_text(), "warning: boot option \"foo\": unknown, ignored\n"
                                         "warning: boot option \"irqs\": unknown, ignored\n");
    assert_string_equal(bootopt_get("irq"), "poll");
    assert_null(bootopt_get("foo"));
}

static void test_words_are_the_applications(void **state)
{
    (void)state;
    init("verbose /dev/blk0 irq=poll");
    assert_string_equal(fake_log_text(), "");
    assert_string_equal(bootopt_get("irq"), "poll");
}

static void test_known_key_without_value(void **state)
{
    (void)state;
    init("irq cpus=2");
    assert_string_equal(fake_log_text(),
                        "error: boot option \"irq\": no value, want irq=...; option ignored\n");
    assert_null(bootopt_get("irq"));
}

static void test_bad_choice_is_reported_once(void **state)
{
    (void)state;
    init("irq=bogus");
    assert_int_equal(bootopt_choice("irq", irq_choices, 0), 0);
    assert_string_equal(
        fake_log_text(),
        "error: boot option irq=\"bogus\": want one of auto, per-queue, poll; default stands\n");
    fake_log_clear();
    assert_int_equal(bootopt_choice("irq", irq_choices, 0), 0);
    assert_string_equal(fake_log_text(), "");
}

static void test_empty_choice(void **state)
{
    (void)state;
    init("irq= ");
    assert_int_equal(bootopt_choice("irq", irq_choices, 0), 0);
    assert_string_equal(
        fake_log_text(),
        "error: boot option irq=\"\": want one of auto, per-queue, poll; default stands\n");
}

static void test_bad_numbers(void **state)
{
    static const char *const bad[] = {
        "0", "65", "-1", "+1", "1x", "0x2", "", " ", "99999999999999999999999999"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char line[64];

        strcpy(line, "cpus=");
        strcat(line, bad[i]);
        init(line);
        assert_int_equal(bootopt_number("cpus", 1, 64, 3), 3);
        assert_true(fake_log_has("want a number from 1 to 64; default stands\n"));
    }
}

static void test_unclosed_quote(void **state)
{
    (void)state;
    init("irq=poll run=\"mem; cpu");
    assert_string_equal(
        fake_log_text(),
        "error: boot option \"run=mem; cpu\": the quote is not closed; option ignored\n");
    assert_null(bootopt_get("run"));
    assert_string_equal(bootopt_get("irq"), "poll");
    init("run=\"a\\");
    assert_null(bootopt_get("run"));
    assert_true(fake_log_has("not closed"));
}

static void test_control_characters_stay_out_of_the_log(void **state)
{
    (void)state;
    init("fo\x1b[Ko=1 irq=\"a\nb\"");
    bootopt_choice("irq", irq_choices, 0);
    assert_null(strchr(fake_log_text(), '\x1b'));
    assert_true(fake_log_has("irq=\"a?b\""));
}

static void test_longest_line(void **state)
{
    char *line = malloc(BOOT_CMDLINE_MAX + 100);

    (void)state;
    memset(line, 'a', BOOT_CMDLINE_MAX + 99);
    memcpy(line, "cpus=2 ", 7);
    line[BOOT_CMDLINE_MAX - 2] = '\0';
    init(line);
    assert_string_equal(fake_log_text(), "");
    /* As the boot path hands on one that it has cut. */
    line[BOOT_CMDLINE_MAX - 2] = 'a';
    line[BOOT_CMDLINE_MAX - 1] = '\0';
    init(line);
    assert_true(fake_log_has("boot command line: longer than 2046 bytes"));
    assert_int_equal(strlen(bootopt_line()), BOOT_CMDLINE_MAX - 1);
    line[BOOT_CMDLINE_MAX - 1] = 'a';
    line[BOOT_CMDLINE_MAX + 99] = '\0';
    init(line);
    assert_true(fake_log_has("boot command line: longer than 2046 bytes"));
    assert_string_equal(bootopt_get("cpus"), "2");
    assert_int_equal(strlen(bootopt_line()), BOOT_CMDLINE_MAX - 1);
    free(line);
}

/* Whatever comes, nothing is read or written out of bounds (the sanitizers watch). */
static void test_noise(void **state)
{
    static const char alphabet[] = "\"\\ =irqunab\t\n;";
    char line[80];

    (void)state;
    srand(1);
    for (unsigned round = 0; round < 20000; round++) {
        size_t len = (size_t)rand() % (sizeof(line) - 1);

        for (size_t i = 0; i < len; i++)
            line[i] = alphabet[(size_t)rand() % (sizeof(alphabet) - 1)];
        line[len] = '\0';
        init(line);
        bootopt_choice("irq", irq_choices, 0);
        bootopt_get("run");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_later_value_wins),
        cmocka_unit_test(test_second_line_replaces_the_first),
        cmocka_unit_test(test_unknown_key),
        cmocka_unit_test(test_words_are_the_applications),
        cmocka_unit_test(test_known_key_without_value),
        cmocka_unit_test(test_bad_choice_is_reported_once),
        cmocka_unit_test(test_empty_choice),
        cmocka_unit_test(test_bad_numbers),
        cmocka_unit_test(test_unclosed_quote),
        cmocka_unit_test(test_control_characters_stay_out_of_the_log),
        cmocka_unit_test(test_longest_line),
        cmocka_unit_test(test_noise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
