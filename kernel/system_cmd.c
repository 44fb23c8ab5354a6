/* Commands: mem, cpu, threads. */
#include <errno.h>

#include "arch/clock.h"
#include "arch/cpu.h"
#include "arch/memory.h"
#include "kernel/console.h"
#include "kernel/heap.h"
#include "kernel/log.h"
#include "kernel/page.h"
#include "kernel/report.h"
#include "kernel/thread.h"
#include "vring0/system.h"

static void result(const char *name, unsigned long long value, const char *unit)
{
    at_line("result", "name=%s value=%llu unit=%s", name, value, unit);
}

static int mem_run(int argc, char **argv)
{
    struct page_stats stats;

    (void)argv;
    if (argc != 1)
        return console_usage();
    system_report("memory", 0, report_emit_print, NULL);
    page_stats(&stats);
    result("mem.total", stats.total_cnt * PAGE_SIZE, "bytes");
    result("mem.free", stats.free_cnt * PAGE_SIZE, "bytes");
    result("mem.free-min", stats.low_water_cnt * PAGE_SIZE, "bytes");
    result("mem.heap", heap_len(), "bytes");
    return 0;
}

CONSOLE_COMMAND(mem, .name = "mem", .usage = "mem", .summary = "show memory: all, free, heap",
                .run = mem_run);

/* Per mille of the time since the start. */
static unsigned idle_share(unsigned cpu)
{
    uint64_t hz = clock_hz(), up_ms = clock_ns() / 1000000;
    uint64_t idle_ms = thread_idle_cycles(cpu) / (hz / 1000);

    if (up_ms == 0)
        return 0;
    return idle_ms >= up_ms ? 1000 : (unsigned)(idle_ms * 1000 / up_ms);
}

static int cpu_run(int argc, char **argv)
{
    unsigned sum = 0;

    (void)argv;
    if (argc != 1)
        return console_usage();
    print("%s, %s, %u in use\n", cpu_model(), cpu_arch_name(), cpu_count());
    print("clock %llu.%06llu MHz, measured by %s\n", (unsigned long long)clock_hz() / 1000000,
          (unsigned long long)clock_hz() % 1000000, clock_source());
    print("up %llu ms\n", (unsigned long long)clock_ns() / 1000000);
    print("CPU  APIC id  node      idle\n");
    for (unsigned cpu = 0; cpu < cpu_count(); cpu++) {
        unsigned share = idle_share(cpu);

        print("%3u  %7u  %4u  %5u.%u %%\n", cpu, cpu_hw_id(cpu), cpu_node(cpu), share / 10,
              share % 10);
        sum += share;
    }
    result("cpu.count", cpu_count(), "cpus");
    result("cpu.nodes", cpu_node_count(), "nodes");
    result("cpu.clock", clock_hz(), "hz");
    result("cpu.uptime", clock_ns(), "ns");
    result("cpu.idle", sum / cpu_count(), "permille");
    return 0;
}

CONSOLE_COMMAND(cpu, .name = "cpu", .usage = "cpu",
                .summary = "show processors, clock, uptime, idle time", .run = cpu_run);

static int threads_run(int argc, char **argv)
{
    (void)argv;
    if (argc != 1)
        return console_usage();
    return system_report("threads", 0, report_emit_print, NULL);
}

CONSOLE_COMMAND(threads, .name = "threads", .usage = "threads",
                .summary = "list threads: state, time spent running, stack", .run = threads_run);
