/* The register of reports, and what they are written with. */
#include "kernel/report.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "kernel/format.h"
#include "kernel/log.h"
#include "kernel/report_kernel.h"
#include "vring0/system.h"

#define REPORT_MAX 16
#define PIECE_MAX  512

struct report {
    const char *name;
    report_fn_t fn;
};

static struct report reports[REPORT_MAX] = {
    {"memory", report_memory},
    {"threads", report_threads},
};

static struct report *find(const char *name)
{
    for (size_t i = 0; i < REPORT_MAX && reports[i].name != NULL; i++) {
        if (strcmp(reports[i].name, name) == 0)
            return &reports[i];
    }
    return NULL;
}

int system_report_register(const char *name, report_fn_t fn)
{
    if (find(name) != NULL)
        return -EEXIST;
    for (size_t i = 0; i < REPORT_MAX; i++) {
        if (reports[i].name == NULL) {
            reports[i] = (struct report){name, fn};
            return 0;
        }
    }
    return -ENOSPC;
}

int system_report(const char *what, int json, report_emit_t emit, void *arg)
{
    const struct report *report = find(what);

    if (report == NULL)
        return -ENOENT;
    report->fn(json, emit, arg);
    return 0;
}

void report_printf(report_emit_t emit, void *arg, const char *fmt, ...)
{
    char buf[PIECE_MAX];
    va_list args;
    size_t len;

    va_start(args, fmt);
    len = (size_t)format_v(buf, sizeof(buf), fmt, args);
    va_end(args);
    emit(arg, buf, len < sizeof(buf) ? len : sizeof(buf) - 1);
}

void report_json_string(report_emit_t emit, void *arg, const char *text)
{
    const char *start;

    if (text == NULL) {
        emit(arg, "null", 4);
        return;
    }
    emit(arg, "\"", 1);
    for (start = text; *text != '\0'; text++) {
        if ((unsigned char)*text >= ' ' && *text != '"' && *text != '\\')
            continue;
        emit(arg, start, (size_t)(text - start));
        start = text + 1;
        if ((unsigned char)*text < ' ')
            report_printf(emit, arg, "\\u%04x", (unsigned char)*text);
        else
            report_printf(emit, arg, "\\%c", *text);
    }
    emit(arg, start, (size_t)(text - start));
    emit(arg, "\"", 1);
}

void report_emit_print(void *arg, const char *text, size_t len)
{
    (void)arg;
    print_text(text, len);
}
