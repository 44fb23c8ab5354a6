/* kernel/report.h for host tests: reports are written, but not registered. */
#include "kernel/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kernel/log.h"

int system_report_register(const char *name, report_fn_t fn)
{
    (void)name;
    (void)fn;
    return 0;
}

void report_printf(report_emit_t emit, void *arg, const char *fmt, ...)
{
    char buf[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(buf, sizeof(buf), fmt, args);
    va_end(args);
    emit(arg, buf, strlen(buf));
}

void report_json_string(report_emit_t emit, void *arg, const char *text)
{
    report_printf(emit, arg, "\"%s\"", text);
}

void report_emit_print(void *arg, const char *text, size_t len)
{
    (void)arg;
    print_text(text, len);
}
