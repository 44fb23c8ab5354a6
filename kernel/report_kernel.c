/* Reports on memory and on threads. */
#include "kernel/report_kernel.h"

#include <string.h>

#include "arch/clock.h"
#include "arch/memory.h"
#include "kernel/heap.h"
#include "kernel/page.h"
#include "kernel/thread.h"

struct sink {
    report_emit_t emit;
    void *arg;
    int json;
};

static void memory_line(const struct sink *sink, const char *label, const char *key, size_t bytes)
{
    if (sink->json)
        report_printf(sink->emit, sink->arg, "\"%s\":%zu", key, bytes);
    else
        report_printf(sink->emit, sink->arg, "%-26s %10zu KiB\n", label, bytes / 1024);
}

void report_memory(int json, report_emit_t emit, void *arg)
{
    const struct sink sink = {.emit = emit, .arg = arg, .json = json};
    const char *separator = json ? "," : "";
    struct page_stats stats;

    page_stats(&stats);
    report_printf(emit, arg, "%s", json ? "{" : "");
    memory_line(&sink, "memory", "total_bytes", stats.total_cnt * PAGE_SIZE);
    report_printf(emit, arg, "%s", separator);
    memory_line(&sink, "free", "free_bytes", stats.free_cnt * PAGE_SIZE);
    report_printf(emit, arg, "%s", separator);
    memory_line(&sink, "least free so far", "free_min_bytes", stats.low_water_cnt * PAGE_SIZE);
    report_printf(emit, arg, "%s", separator);
    memory_line(&sink, "heap", "heap_bytes", heap_len());
    report_printf(emit, arg, "%s", json ? "}" : "");
}

/* A thread as it was: while a report is taken, threads may come and go. */
struct snapshot {
    unsigned id, cpu;
    const char *state;
    unsigned long long run_us;
    size_t stack_used, stack_len;
    char name[THREAD_NAME_MAX];
};

static void take(const struct thread *thread, void *arg)
{
    struct snapshot *snapshot = arg;
    static const char *const states[] = {
        [THREAD_READY] = "ready",
        [THREAD_RUNNING] = "running",
        [THREAD_BLOCKED] = "waiting",
        [THREAD_ENDED] = "ended",
    };
    const enum thread_state state = thread->state;
    uint64_t cycles = thread->run_cycles;

    if (state == THREAD_RUNNING)
        cycles += clock_cycles() - thread->switched_at;
    *snapshot = (struct snapshot){
        .id = thread->id,
        .cpu = thread->cpu,
        .state = states[state],
        .run_us = cycles / (clock_hz() / 1000000),
        .stack_used = thread_stack_used(thread),
        .stack_len = thread->stack_len,
    };
    memcpy(snapshot->name, thread->name, sizeof(snapshot->name));
}

/* The thread with the lowest number above @id; false when there is none. */
static bool take_snapshot(unsigned id, struct snapshot *snapshot)
{
    return thread_visit_next(id, take, snapshot);
}

static void threads_json(report_emit_t emit, void *arg)
{
    struct snapshot t = {0};
    const char *separator = "[";

    for (; take_snapshot(t.id, &t); separator = ",") {
        report_printf(emit, arg, "%s{\"id\":%u,\"name\":", separator, t.id);
        report_json_string(emit, arg, t.name);
        report_printf(emit, arg,
                      ",\"cpu\":%u,\"state\":\"%s\",\"run_us\":%llu,\"stack_used_bytes\":%zu,"
                      "\"stack_bytes\":%zu}",
                      t.cpu, t.state, t.run_us, t.stack_used, t.stack_len);
    }
    emit(arg, "]", 1);
}

void report_threads(int json, report_emit_t emit, void *arg)
{
    struct snapshot t = {0};

    if (json) {
        threads_json(emit, arg);
        return;
    }
    report_printf(emit, arg, "%3s  %-23s  %3s  %-8s %11s  %15s\n", "id", "name", "cpu", "state",
                  "run us", "stack used/size");
    while (take_snapshot(t.id, &t))
        report_printf(emit, arg, "%3u  %-23s  %3u  %-8s %11llu  %7zu/%7zu\n", t.id, t.name, t.cpu,
                      t.state, t.run_us, t.stack_used, t.stack_len);
}
