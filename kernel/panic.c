/* The two ends of a run: panic() when it cannot go on, system_exit() when it is done. */
#include "kernel/panic.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>

#include "arch/context.h"
#include "arch/cpu.h"
#include "arch/power.h"
#include "arch/smp.h"
#include "kernel/format.h"
#include "kernel/log.h"
#include "kernel/thread.h"

#define REASON_MAX 400
#define HOOK_MAX   16
#define STATUS_MAX 127

static bool panicking;
static void (*exit_hooks[HOOK_MAX])(void);
static unsigned exit_hook_cnt;

static void report_panic(const char *reason)
{
    char quoted[REASON_MAX + 40], name[THREAD_NAME_MAX + 4];
    struct thread *thread = thread_current();

    at_line("fault", "kind=panic reason=%s thread=%s", at_quote(quoted, sizeof(quoted), reason),
            at_quote(name, sizeof(name), thread != NULL ? thread->name : "none"));
    backtrace_print();
}

void panic(const char *fmt, ...)
{
    char reason[REASON_MAX];
    va_list args;

    cpu_irq_disable();
    /* Only one CPU comes back from this. */
    smp_stop_others();
    log_take_over();
    /* A panic on the way out of a panic: what can be said has been said. */
    if (!panicking) {
        panicking = true;
        va_start(args, fmt);
        format_v(reason, sizeof(reason), fmt, args);
        va_end(args);
        report_panic(reason);
    }
    at_line("exit", "code=%d", EXIT_STATUS_FAULT);
    power_off(EXIT_STATUS_FAULT);
}

int system_on_exit(void (*fn)(void))
{
    if (exit_hook_cnt == HOOK_MAX)
        return -ENOSPC;
    exit_hooks[exit_hook_cnt++] = fn;
    return 0;
}

void system_exit(int status)
{
    /* Counted down first: a hook that exits itself does not run again. */
    while (exit_hook_cnt > 0)
        exit_hooks[--exit_hook_cnt]();
    if (status < 0 || status > STATUS_MAX)
        status = STATUS_MAX;
    cpu_irq_disable();
    smp_stop_others();
    log_take_over();
    at_line("exit", "code=%d", status);
    power_off(status);
}
