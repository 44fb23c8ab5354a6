/*
 * What the machine looks like now, by subject ("memory", "devices"), as text tables for people or
 * as JSON. The module that owns a subject registers it once; system_report() of the public API
 * serves them all.
 */
#ifndef KERNEL_REPORT_H
#define KERNEL_REPORT_H

#include <stddef.h>

/* Takes the report in pieces. */
typedef void (*report_emit_t)(void *arg, const char *text, size_t len);

/* Emits one whole table, or one whole JSON value without a newline behind it. Thread context; may
 * block. */
typedef void (*report_fn_t)(int json, report_emit_t emit, void *arg);

/* @name must stay valid. 0, -EEXIST, -ENOSPC. */
int system_report_register(const char *name, report_fn_t fn);

/* Emits formatted text (kernel/format.h); a piece longer than 511 bytes is cut. */
void report_printf(report_emit_t emit, void *arg, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Emits @text as a JSON string with its quotes, escaped as needed; "null" for NULL. */
void report_json_string(report_emit_t emit, void *arg, const char *text);

/* For commands: a report_emit_t that prints to the console. */
void report_emit_print(void *arg, const char *text, size_t len);

#endif
