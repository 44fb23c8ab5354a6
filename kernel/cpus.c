/* What the other CPUs do from their start on. */
#include "kernel/cpus.h"

#include "arch/clock.h"
#include "arch/cpu.h"
#include "arch/smp.h"
#include "kernel/bootopt.h"
#include "kernel/log.h"
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "kernel/work.h"

static struct wait_queue started = WAIT_QUEUE_INIT(started);
static unsigned started_cnt = 1;

static void cpu_main(void)
{
    thread_init_cpu();
    cpu_irq_enable();
    if (work_init() != 0)
        panic("no memory for the worker of CPU %u", cpu_this()->id);
    __atomic_fetch_add(&started_cnt, 1, __ATOMIC_RELEASE);
    wait_queue_wake_all(&started);
    thread_reap(NULL);
}

static void warn(const char *text)
{
    log_warn("%s", text);
}

void cpus_start(unsigned listed)
{
    unsigned limit = (unsigned)bootopt_number("cpus", 1, CPU_MAX, CPU_MAX);

    smp_start(limit, cpu_main, warn);
    /* Work may be queued on them from here on. They are awake: what they lack is only a little of
     * their time. */
    WAIT_UNTIL(&started, WAIT_FOREVER,
               __atomic_load_n(&started_cnt, __ATOMIC_ACQUIRE) == cpu_count());
    if (listed > CPU_MAX && cpu_count() == CPU_MAX)
        log_warn("cpu: %u processors, only %u can be used", listed, CPU_MAX);
    else if (cpu_count() < listed)
        log_info("cpu: %u of %u processors in use, the others stay stopped", cpu_count(), listed);
}

static void start_timer(void *unused)
{
    (void)unused;
    clock_timer_start_cpu();
}

void cpus_start_timers(void)
{
    smp_call(cpu_mask_all() & ~CPU_MASK(cpu_this()->id), start_timer, NULL);
}
