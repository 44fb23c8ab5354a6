/*
 * How the line editor shares the console with messages that may come at any time. A message that
 * finds a line being edited goes below it; the editor then shows its line again.
 */
#ifndef KERNEL_LOG_LINE_H
#define KERNEL_LOG_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * @leave runs before anything else is written, under log_line_lock(), in any context; it may call
 * log_line_write(). When it returns true, @left runs after the message, without the lock.
 */
void log_line_set_hooks(bool (*leave)(void), void (*left)(void));

/* Nobody else writes meanwhile. Nests. Any context. */
uint64_t log_line_lock(void);
void log_line_unlock(uint64_t state);

/* The editor's own output. Any context, NMIs included. */
void log_line_write(const char *text, size_t len);

/* Goes to the start of a line unless already there. Any context. */
void log_line_start(void);

/* The same for a report that may have interrupted anything: nobody is woken, so an edited line
 * comes back with the next key. log_line_write() follows. Any context, NMIs included. */
void log_line_cut_in(void);

#endif
