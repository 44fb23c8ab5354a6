/* Levelled log for people and the '@' lines for scripts, both on the serial console. */
#ifndef KERNEL_LOG_H
#define KERNEL_LOG_H

#include <stdarg.h>
#include <stddef.h>

enum log_level {
    LOG_ERROR,
    LOG_WARN,
    LOG_INFO,
    LOG_DEBUG
};

void log_set_level(enum log_level level);
enum log_level log_get_level(void);

/* For the end of the run, when the other CPUs have been stopped, perhaps in the middle of a
 * message. */
void log_take_over(void);

/*
 * Any context. Formats as kernel/format.h. A newline is added. "error: ..." / "warning: ..."
 * prefixes come from the level; messages name what and where ("virtio 00:03.0: ...").
 */
void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)

/* At most one message per @state and second, with a count of what was left out. For
 * device-triggered messages. */
struct log_limit {
    unsigned long long next_ns;
    unsigned suppressed;
};
#define log_limited(state, level, ...)                           \
    do {                                                         \
        if ((level) <= log_get_level() && log_limit_pass(state)) \
            log_write(level, __VA_ARGS__);                       \
    } while (0)
int log_limit_pass(struct log_limit *state);

/* Plain text for people (tables, prompts). print() cuts a text longer than 1023 bytes. Any context.
 */
void print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void print_text(const char *text, size_t len);

/*
 * One '@' line for scripts: at_line("device", ...) prints "@device key=value ...\n" in one piece,
 * at the start of a line. A value that may hold spaces or be empty is printed by "%s" of
 * at_quote(buf, sizeof(buf), value).
 */
void at_line(const char *word, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * @value as an '@' field value: unchanged when plain, else double-quoted with \ escapes; control
 * characters become
 * '?', and what does not fit @buf is left out. Returns @buf.
 */
const char *at_quote(char *buf, size_t size, const char *value);

/* The same without the quotes, for text that is quoted anyway. @size is at least 1. */
const char *at_escape(char *buf, size_t size, const char *value);

#endif
