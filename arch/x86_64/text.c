/* The few formats that reports from below the kernel's formatter need. */
#include "arch/x86_64/text.h"

void text_init(struct text *text, char *buf, size_t size)
{
    *text = (struct text){buf, size, 0};
    buf[0] = '\0';
}

static void add_char(struct text *text, char c)
{
    if (text->len + 1 >= text->size)
        return;
    text->buf[text->len++] = c;
    text->buf[text->len] = '\0';
}

void text_add(struct text *text, const char *s)
{
    while (*s != '\0')
        add_char(text, *s++);
}

static void add_number(struct text *text, uint64_t value, unsigned base, unsigned digits)
{
    char reversed[20];
    unsigned cnt = 0;

    for (; value != 0 || cnt < digits; value /= base)
        reversed[cnt++] = "0123456789abcdef"[value % base];
    while (cnt > 0)
        add_char(text, reversed[--cnt]);
}

void text_add_hex(struct text *text, uint64_t value, unsigned digits)
{
    text_add(text, "0x");
    add_number(text, value, 16, digits);
}

void text_add_decimal(struct text *text, uint64_t value)
{
    add_number(text, value, 10, 1);
}
