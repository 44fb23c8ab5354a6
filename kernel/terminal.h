/*
 * Terminals beside the UART: devices that show everything the console prints and take what is typed
 * there. All of them are one console, seen from several places: one line is edited, one command
 * runs. What is printed waits in a buffer for each terminal and is handed to its driver after the
 * message, so printing never waits for a device's lock, and what a terminal does not take in time
 * is dropped and counted.
 */
#ifndef KERNEL_TERMINAL_H
#define KERNEL_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct terminal;

struct terminal_ops {
    /* Takes up to @len bytes without waiting and says how many; @len may be 0. Any context; never
     * entered twice at a time for one terminal. It may print, which comes out later. */
    size_t (*write)(struct terminal *terminal, const char *data, size_t len);
    /* The next typed byte, -1 when there is none. Any context, with the console's lock held: it
     * prints nothing. */
    int (*getc)(struct terminal *terminal);
    /* Nothing else runs any more: writes by polling. NULL: cannot. */
    void (*write_last)(struct terminal *terminal, const char *data, size_t len);
};

struct terminal {
    const struct terminal_ops *ops;
    char *ring;          /* what has been printed and not been taken; allocated once */
    uint32_t in, out;    /* bytes put there and taken from there */
    uint64_t drop_cnt;   /* bytes that found no room */
    bool flushing, more; /* somebody hands bytes over; there may be more since */
    bool stuck;          /* takes nothing: not to be waited for before it does */
};

/*
 * Adds @terminal, whose ops are set and whose other fields are zero or as they were when it was
 * last removed. It gets what was printed since the first line, if all of that is still known. 0,
 * -ENOMEM, -ENOSPC too many. Thread context.
 */
int terminal_register(struct terminal *terminal);

/* Nothing is asked of it any more when this returns. Thread context. */
void terminal_unregister(struct terminal *terminal);

/* Frees what an unregistered terminal has allocated. Thread context. */
void terminal_release(struct terminal *terminal);

/* It may take more now. Any context, none of its driver's locks held. */
void terminal_flush(struct terminal *terminal);

/* True when everything printed so far has been taken. */
bool terminal_idle(const struct terminal *terminal);

/* Bytes have been typed. Any context, none of its driver's locks held. */
void terminal_typed(void);

/* For who reads what is typed: @fn is called, in any context, when there is something. 0, or why
 * the UART has no interrupt and must be asked now and then. */
int terminal_on_input(void (*fn)(void));

/* The next byte typed at the UART or a terminal; -1 when there is none. Interrupts off. */
int terminal_getc(void);

/* For the log: shows @data, with the console's lock; hands it to the drivers, without it; and
 * writes when nothing else runs. */
void terminals_put(const char *data, size_t len);
void terminals_flush(void);
void terminals_put_last(const char *data, size_t len);

#endif
