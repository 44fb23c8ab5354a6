/* Text put together piece by piece, cut off when the buffer is full; always NUL-terminated. Private
 * to arch/x86_64. */
#ifndef ARCH_X86_64_TEXT_H
#define ARCH_X86_64_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct text {
    char *buf;
    size_t size;
    size_t len;
};

void text_init(struct text *text, char *buf, size_t size);
void text_add(struct text *text, const char *s);
/* With 0x, at least @digits digits. */
void text_add_hex(struct text *text, uint64_t value, unsigned digits);
void text_add_decimal(struct text *text, uint64_t value);

#endif
