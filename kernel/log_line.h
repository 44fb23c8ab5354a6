/*
 * How the line editor shares the console with messages that may come at any time. A message that
 * finds a line being edited goes below it; the editor then shows its line again.
 */
#ifndef KERNEL_LOG_LINE_H
#define KERNEL_LOG_LINE_H

#include <stddef.h>

/* @leave runs before anything else is written: interrupts off, any context. It may call
 * log_line_write(). */
void log_line_set_hook(void (*leave)(void));

/* The editor's own output. Any context. */
void log_line_write(const char *text, size_t len);

/* Goes to the start of a line unless already there. Any context. */
void log_line_start(void);

#endif
