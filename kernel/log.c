/* Everything that is written to the console: levelled messages, '@' lines, plain text. Whole lines
 * at a time. */
#include "kernel/log.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "arch/clock.h"
#include "arch/cpu.h"
#include "arch/spinlock.h"
#include "arch/uart.h"
#include "kernel/format.h"
#include "kernel/log_line.h"
#include "kernel/terminal.h"

#define LINE_MAX 1024
#define LIMIT_NS 1000000000ull

static enum log_level max_level = LOG_INFO;
static bool at_line_start = true;
static bool (*leave_line)(void);
static void (*line_left)(void);

/*
 * The console belongs to one CPU at a time. Not a spinlock: the CPU that has it may write more,
 * from the hook or from the report of a fault or NMI in the middle of a message, or of taking or
 * giving back the console: so there is nothing else to keep in step with it.
 */
static unsigned holder;        /* number + 1, 0: nobody */
static bool alone;             /* no other CPU runs any more */
#define OUTERMOST (1ull << 63) /* in the interrupt state of who gives the console back */

void log_set_level(enum log_level level)
{
    max_level = level;
}

enum log_level log_get_level(void)
{
    return max_level;
}

void log_line_set_hooks(bool (*leave)(void), void (*left)(void))
{
    leave_line = leave;
    line_left = left;
}

uint64_t log_line_lock(void)
{
    uint64_t state = cpu_irq_save();
    const unsigned self = cpu_this()->id + 1;

    unsigned nobody = 0;

    if (__atomic_load_n(&holder, __ATOMIC_RELAXED) == self)
        return state;
    while (!__atomic_compare_exchange_n(&holder, &nobody, self, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED)) {
        nobody = 0;
        cpu_relax();
    }
    return state | OUTERMOST;
}

void log_line_unlock(uint64_t state)
{
    if (state & OUTERMOST)
        __atomic_store_n(&holder, 0, __ATOMIC_RELEASE);
    cpu_irq_restore(state & ~OUTERMOST);
}

void log_take_over(void)
{
    const unsigned self = cpu_this()->id + 1;

    alone = true;
    if (holder != self)
        holder = 0;
}

/* Both around a message. */
static uint64_t message_begin(bool *left)
{
    uint64_t state = log_line_lock();

    *left = leave_line != NULL && leave_line();
    return state;
}

static void message_end(uint64_t state, bool left)
{
    log_line_unlock(state);
    if (alone)
        return;
    if (left)
        line_left();
    /* Within another message, that one's end does it. */
    if (state & OUTERMOST)
        terminals_flush();
}

/* Bytes as they are, to wherever the console is seen. The lock is held. */
static void emit(const char *data, size_t len)
{
    uart_write(data, len);
    if (alone)
        terminals_put_last(data, len);
    else
        terminals_put(data, len);
}

/* Terminals want a carriage return with each newline. The lock is held. */
static void write_lines(const char *text, size_t len)
{
    while (len > 0) {
        const char *newline = memchr(text, '\n', len);
        size_t part = newline != NULL ? (size_t)(newline - text) : len;

        /* Before it is written: a report from an NMI, or from the end of the run, may cut in. */
        at_line_start = false;
        if (part > 0)
            emit(text, part);
        if (newline == NULL)
            return;
        emit("\r\n", 2);
        at_line_start = true;
        text += part + 1;
        len -= part + 1;
    }
}

void log_line_write(const char *text, size_t len)
{
    uint64_t state = log_line_lock();

    write_lines(text, len);
    log_line_unlock(state);
}

void log_line_start(void)
{
    uint64_t state = log_line_lock();

    if (!at_line_start)
        write_lines("\n", 1);
    log_line_unlock(state);
}

void log_line_cut_in(void)
{
    uint64_t state = log_line_lock();

    if (leave_line != NULL)
        leave_line();
    log_line_start();
    log_line_unlock(state);
}

void print_text(const char *text, size_t len)
{
    bool left;
    uint64_t state = message_begin(&left);

    write_lines(text, len);
    message_end(state, left);
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
    bool left;

    len += (size_t)format_v(buf + len, room - len, fmt, args);
    if (len >= room)
        len = room - 1 + (size_t)format(buf + room - 1, sizeof(cut_end), cut_end);
    else
        len += (size_t)format(buf + len, sizeof(end), end);
    state = message_begin(&left);
    if (!at_line_start)
        emit(end, sizeof(end) - 1);
    at_line_start = false;
    emit(buf, len);
    at_line_start = true;
    message_end(state, left);
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
    static struct spinlock lock;
    uint64_t now = clock_ns();
    uint64_t irq = spin_lock(&lock);
    bool pass = now >= state->next_ns;
    unsigned left_out = state->suppressed;

    if (pass) {
        state->next_ns = now + LIMIT_NS;
        state->suppressed = 0;
    } else {
        state->suppressed++;
    }
    spin_unlock(&lock, irq);
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
