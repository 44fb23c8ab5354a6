/* kernel/log.h for host tests: text is kept instead of printed; nothing is left out for its rate.
 */
#include "kernel/log.h"

#include <stdio.h>
#include <string.h>

#include "fake_log.h"

static char text[1 << 16];
static size_t text_len;
static enum log_level max_level = LOG_DEBUG;

const char *fake_log_text(void)
{
    return text;
}

void fake_log_clear(void)
{
    text_len = 0;
    text[0] = '\0';
}

bool fake_log_has(const char *needle)
{
    return strstr(text, needle) != NULL;
}

void log_set_level(enum log_level level)
{
    max_level = level;
}

enum log_level log_get_level(void)
{
    return max_level;
}

void print_text(const char *data, size_t len)
{
    if (len > sizeof(text) - 1 - text_len)
        len = sizeof(text) - 1 - text_len;
    memcpy(text + text_len, data, len);
    text_len += len;
    text[text_len] = '\0';
}

static void add(const char *fmt, va_list args)
{
    char buf[4096];
    size_t len = (size_t)vsnprintf(buf, sizeof(buf), fmt, args);

    print_text(buf, len < sizeof(buf) ? len : sizeof(buf) - 1);
}

void print(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    add(fmt, args);
    va_end(args);
}

void log_write(enum log_level level, const char *fmt, ...)
{
    static const char *const prefixes[] = {"error: ", "warning: ", "", "debug: "};
    va_list args;

    if (level > max_level)
        return;
    print("%s", prefixes[level]);
    va_start(args, fmt);
    add(fmt, args);
    va_end(args);
    print("\n");
}

void at_line(const char *word, const char *fmt, ...)
{
    va_list args;

    print("@%s%s", word, *fmt != '\0' ? " " : "");
    va_start(args, fmt);
    add(fmt, args);
    va_end(args);
    print("\n");
}

int log_limit_pass(struct log_limit *state)
{
    (void)state;
    return 1;
}

const char *at_escape(char *buf, size_t size, const char *value)
{
    size_t len = 0;

    for (; *value != '\0' && len + 2 < size; value++) {
        if (*value == '"' || *value == '\\')
            buf[len++] = '\\';
        buf[len++] = (unsigned char)*value < ' ' ? '?' : *value;
    }
    buf[len] = '\0';
    return buf;
}

const char *at_quote(char *buf, size_t size, const char *value)
{
    char inner[4096];

    at_escape(inner, sizeof(inner), value);
    if (*value != '\0' && strcmp(inner, value) == 0 && strchr(value, ' ') == NULL)
        snprintf(buf, size, "%s", value);
    else
        snprintf(buf, size, "\"%s\"", inner);
    return buf;
}
