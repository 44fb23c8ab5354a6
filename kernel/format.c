/* printf-style formatting into a buffer, with integers and strings only. */
#include "kernel/format.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Longest number: 20 digits of a 64-bit decimal. */
#define DIGITS_MAX 20

_Static_assert(sizeof(size_t) == sizeof(intmax_t) && sizeof(ptrdiff_t) == sizeof(intmax_t),
               "%z, %t and %j are one");

/* Counts all characters, stores those that fit. */
struct out {
    char *buf;
    size_t size;
    size_t len;
};

struct spec {
    bool left, zero, plus, prefixed;
    bool has_precision;
    size_t width, precision;
    char length; /* 'H' for hh, 'L' for ll, else the letter; 0 for none */
};

static void put(struct out *out, char c)
{
    if (out->len + 1 < out->size)
        out->buf[out->len] = c;
    out->len++;
}

static void put_fill(struct out *out, char c, size_t cnt)
{
    while (cnt-- > 0)
        put(out, c);
}

static void put_text(struct out *out, const struct spec *spec, const char *text, size_t len)
{
    size_t fill = spec->width > len ? spec->width - len : 0;

    if (!spec->left)
        put_fill(out, ' ', fill);
    for (size_t i = 0; i < len; i++)
        put(out, text[i]);
    if (spec->left)
        put_fill(out, ' ', fill);
}

/* @prefix is a sign or "0x": it stands before padding with zeros and behind padding with spaces. */
static void put_number(struct out *out, const struct spec *spec, const char *prefix, uint64_t value,
                       unsigned base, const char *alphabet)
{
    char digits[DIGITS_MAX];
    size_t cnt = 0, prefix_len = strlen(prefix), zeros = 0, used;

    for (; value > 0; value /= base)
        digits[DIGITS_MAX - ++cnt] = alphabet[value % base];
    if (cnt == 0 && !(spec->has_precision && spec->precision == 0))
        digits[DIGITS_MAX - ++cnt] = '0';
    used = prefix_len + cnt;
    if (spec->has_precision)
        zeros = spec->precision > cnt ? spec->precision - cnt : 0;
    else if (spec->zero && !spec->left)
        zeros = spec->width > used ? spec->width - used : 0;
    used += zeros;

    if (!spec->left && spec->width > used)
        put_fill(out, ' ', spec->width - used);
    for (; *prefix != '\0'; prefix++)
        put(out, *prefix);
    put_fill(out, '0', zeros);
    for (size_t i = DIGITS_MAX - cnt; i < DIGITS_MAX; i++)
        put(out, digits[i]);
    if (spec->left && spec->width > used)
        put_fill(out, ' ', spec->width - used);
}

static int64_t get_signed(const struct spec *spec, va_list *args)
{
    switch (spec->length) {
    case 'H':
        return (signed char)va_arg(*args, int);
    case 'h':
        return (short)va_arg(*args, int);
    case 'l':
        return va_arg(*args, long);
    case 'L':
        return va_arg(*args, long long);
    case 'z':
    case 't':
    case 'j':
        return va_arg(*args, intmax_t);
    default:
        return va_arg(*args, int);
    }
}

static uint64_t get_unsigned(const struct spec *spec, va_list *args)
{
    switch (spec->length) {
    case 'H':
        return (unsigned char)va_arg(*args, unsigned);
    case 'h':
        return (unsigned short)va_arg(*args, unsigned);
    case 'l':
        return va_arg(*args, unsigned long);
    case 'L':
        return va_arg(*args, unsigned long long);
    case 'z':
    case 't':
    case 'j':
        return va_arg(*args, uintmax_t);
    default:
        return va_arg(*args, unsigned);
    }
}

static void put_signed(struct out *out, const struct spec *spec, int64_t value)
{
    const char *sign = value < 0 ? "-" : spec->plus ? "+" : "";

    put_number(out, spec, sign, value < 0 ? -(uint64_t)value : (uint64_t)value, 10, "0123456789");
}

static void put_hex(struct out *out, const struct spec *spec, uint64_t value)
{
    put_number(out, spec, spec->prefixed && value != 0 ? "0x" : "", value, 16, "0123456789abcdef");
}

static void put_string(struct out *out, const struct spec *spec, const char *text)
{
    size_t len = 0, max = spec->has_precision ? spec->precision : SIZE_MAX;

    if (text == NULL)
        text = "(null)";
    while (len < max && text[len] != '\0')
        len++;
    put_text(out, spec, text, len);
}

/* A number at *@fmt, or the next argument for '*'; a negative argument is returned as it is. */
static int parse_count(const char **fmt, va_list *args)
{
    int value = 0;

    if (**fmt == '*') {
        (*fmt)++;
        return va_arg(*args, int);
    }
    for (; **fmt >= '0' && **fmt <= '9'; (*fmt)++) {
        if (value < 100000)
            value = value * 10 + (**fmt - '0');
    }
    return value;
}

/* Parses what stands between '%' and the conversion letter. */
static const char *parse_spec(const char *fmt, struct spec *spec, va_list *args)
{
    int count;

    for (;; fmt++) {
        if (*fmt == '-')
            spec->left = true;
        else if (*fmt == '0')
            spec->zero = true;
        else if (*fmt == '+')
            spec->plus = true;
        else if (*fmt == '#')
            spec->prefixed = true;
        else
            break;
    }
    count = parse_count(&fmt, args);
    if (count < 0)
        spec->left = true;
    spec->width = count < 0 ? -(size_t)count : (size_t)count;
    if (*fmt == '.') {
        fmt++;
        count = parse_count(&fmt, args);
        spec->has_precision = count >= 0;
        spec->precision = count >= 0 ? (size_t)count : 0;
    }
    if (*fmt != '\0' && strchr("hlztj", *fmt) != NULL) {
        spec->length = *fmt++;
        if ((spec->length == 'h' || spec->length == 'l') && *fmt == spec->length) {
            spec->length = spec->length == 'h' ? 'H' : 'L';
            fmt++;
        }
    }
    return fmt;
}

static void convert(struct out *out, char conversion, const struct spec *spec, va_list *args)
{
    char c;

    switch (conversion) {
    case 'd':
    case 'i':
        put_signed(out, spec, get_signed(spec, args));
        break;
    case 'u':
        put_number(out, spec, "", get_unsigned(spec, args), 10, "0123456789");
        break;
    case 'x':
        put_hex(out, spec, get_unsigned(spec, args));
        break;
    case 'X':
        put_number(out, spec, "", get_unsigned(spec, args), 16, "0123456789ABCDEF");
        break;
    case 'p':
        put_number(out, spec, "0x", (uintptr_t)va_arg(*args, void *), 16, "0123456789abcdef");
        break;
    case 'c':
        c = (char)va_arg(*args, int);
        put_text(out, spec, &c, 1);
        break;
    case 's':
        put_string(out, spec, va_arg(*args, const char *));
        break;
    default:
        /* '%' itself; a letter that is not supported shows as it is. */
        put(out, conversion);
        break;
    }
}

int format_v(char *buf, size_t size, const char *fmt, va_list args)
{
    struct out out = {.buf = buf, .size = size};
    va_list copy;

    va_copy(copy, args);
    while (*fmt != '\0') {
        struct spec spec = {0};

        if (*fmt != '%') {
            put(&out, *fmt++);
            continue;
        }
        fmt = parse_spec(fmt + 1, &spec, &copy);
        if (*fmt == '\0')
            break;
        convert(&out, *fmt++, &spec, &copy);
    }
    va_end(copy);
    if (size > 0)
        buf[out.len < size ? out.len : size - 1] = '\0';
    return (int)out.len;
}

int format(char *buf, size_t size, const char *fmt, ...)
{
    va_list args;
    int len;

    va_start(args, fmt);
    len = format_v(buf, size, fmt, args);
    va_end(args);
    return len;
}
