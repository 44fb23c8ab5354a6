/* Where reports of CPU exceptions go: the console, and then the end of the run. */
#include "kernel/fault.h"

#include "arch/cpu.h"
#include "arch/fault.h"
#include "arch/power.h"
#include "kernel/format.h"
#include "kernel/log.h"
#include "kernel/log_line.h"
#include "kernel/panic.h"
#include "kernel/thread.h"

static void describe_thread(char *buf, size_t size)
{
    const struct thread *thread = thread_current();

    format(buf, size, "%s", thread != NULL ? thread->name : "none");
}

static void finish(void)
{
    at_line("exit", "code=%d", EXIT_STATUS_FAULT);
    power_off(EXIT_STATUS_FAULT);
}

void fault_init(void)
{
    static const struct fault_hooks hooks = {
        .begin = log_take_over,
        .start_line = log_line_cut_in,
        .print = log_line_write,
        .describe_thread = describe_thread,
        .finish = finish,
    };

    fault_set_hooks(&hooks);
}
