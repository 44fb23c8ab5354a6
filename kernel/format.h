/*
 * printf-style formatting without floating point, heap or locale, so that interrupt handlers can
 * use it. Supports %d %i %u %x %X %c %s %p %%, flags - 0 + #, width and precision (also *), lengths
 * hh h l ll z t j.
 */
#ifndef KERNEL_FORMAT_H
#define KERNEL_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

/* As vsnprintf(): always NUL-terminates when @size > 0, returns the length that was needed. */
int format_v(char *buf, size_t size, const char *fmt, va_list args);
int format(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
