/* Everything that is written to the console: levelled messages, '@' lines, plain text. Whole lines
 * at a time. */
#include "kernel/log.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "arch/clock.h"
#include "arch/cpu.h"
#include "arch/uart.h"
#include "kernel/format.h"
#include "kernel/log_line.h"

#define LINE_MAX 1024
#define LIMIT_NS 1000000000ull

static enum log_level max_level = LOG_INFO;
static bool at_line_start = true;
static void (*leave_line)(void);

void log_set_level(enum log_level level)
{
    max_level = level;
}

enum log_level log_get_level(void)
{
    return max_level;
}

void log_line_set_hook(void (*leave)(void))
{
    leave_line = leave;
}

/* Terminals want a carriage return with each newline. Interrupts are off. */
static void write_lines(const char *text, size_t len)
{
    while (len > 0) {
        const char *newline = memchr(text, '\n', len);
        size_t part = newline != NULL ? (size_t)(newline - text) : len;

        if (part > 0)
            uart_write(text, part);
        at_line_start = newline != NULL;
        if (newline == NULL)
            return;
        uart_write("\r\n", 2);
        text += part + 1;
        len -= part + 1;
    }
}

void log_line_write(const char *text, size_t len)
{
    uint64_t state = cpu_irq_save();

    write_lines(text, len);
    cpu_irq_restore(state);
}

void log_line_start(void)
{
    uint64_t state = cpu_irq_save();

    if (!at_line_start)
        write_lines("\n", 1);
    cpu_irq_restore(state);
}

void print_text(const char *text, size_t len)
{
    uint64_t state = cpu_irq_save();

    if (leave_line != NULL)
        leave_line();
    write_lines(text, len);
    cpu_irq_restore(state);
}

void print(const char *fmt, ...)
{
    char buf[LINE_MAX];
    va_list args;
    int len;

    va_start(args, fmt);
    len = format_v(buf, sizeof(buf), fmt, args);
    va_end(args);
    print_text(buf, (size_t)len < sizeof(buf) ? (size_t)len : sizeof(buf) - 1);
}

/* One line in one piece, at the start of a line whatever was printed before; "..." ends one that is
 * too long. */
static void write_line(const char *prefix, const char *fmt, va_list args)
{
    static const char end[] = "\r\n", cut_end[] = "...\r\n";
    char buf[LINE_MAX];
    const size_t room = sizeof(buf) - sizeof(cut_end);
    size_t len = (size_t)format(buf, room, "%s", prefix);
    uint64_t state;

    len += (size_t)format_v(buf + len, room - len, fmt, args);
    if (len >= room)
        len = room - 1 + (size_t)format(buf + room - 1, sizeof(cut_end), cut_end);
    else
        len += (size_t)format(buf + len, sizeof(end), end);
    state = cpu_irq_save();
    if (leave_line != NULL)
        leave_line();
    if (!at_line_start)
        uart_write(end, sizeof(end) - 1);
    uart_write(buf, len);
    at_line_start = true;
    cpu_irq_restore(state);
}

void log_write(enum log_level level, const char *fmt, ...)
{
    static const char *const prefixes[] = {
        [LOG_ERROR] = "error: ",
        [LOG_WARN] = "warning: ",
        [LOG_INFO] = "",
        [LOG_DEBUG] = "debug: ",
    };
    va_list args;

    if (level > max_level)
        return;
    va_start(args, fmt);
    write_line(prefixes[level], fmt, args);
    va_end(args);
}

void at_line(const char *word, const char *fmt, ...)
{
    char prefix[32];
    va_list args;

    format(prefix, sizeof(prefix), *fmt != '\0' ? "@%s " : "@%s", word);
    va_start(args, fmt);
    write_line(prefix, fmt, args);
    va_end(args);
}

int log_limit_pass(struct log_limit *state)
{
    uint64_t now = clock_ns();
    uint64_t irq = cpu_irq_save();
    bool pass = now >= state->next_ns;
    unsigned left_out = state->suppressed;

    if (pass) {
        state->next_ns = now + LIMIT_NS;
        state->suppressed = 0;
    } else {
        state->suppressed++;
    }
    cpu_irq_restore(irq);
    if (pass && left_out > 0)
        log_write(LOG_WARN, "%u messages like the next one were left out", left_out);
    return pass;
}

const char *at_escape(char *buf, size_t size, const char *value)
{
    size_t len = 0;

    for (; *value != '\0'; value++) {
        /* A line must stay a line. */
        bool control = (unsigned char)*value < ' ' || *value == 0x7f;
        bool escaped = *value == '"' || *value == '\\';

        if (len + escaped + 1 >= size)
            break;
        if (escaped)
            buf[len++] = '\\';
        buf[len++] = control ? '?' : *value;
    }
    buf[len] = '\0';
    return buf;
}

const char *at_quote(char *buf, size_t size, const char *value)
{
    bool plain = *value != '\0';
    size_t len;

    for (const char *c = value; *c != '\0'; c++)
        plain = plain && (unsigned char)*c > ' ' && *c != '"' && *c != '\\' && *c != 0x7f;
    if (plain || size < 3)
        return at_escape(buf, size, value);
    buf[0] = '"';
    at_escape(buf + 1, size - 2, value);
    len = strlen(buf);
    buf[len] = '"';
    buf[len + 1] = '\0';
    return buf;
}
