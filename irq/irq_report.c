/* The interrupts table as text for people and as JSON. */
#include "irq/irq_report.h"

#include "irq/cpu_list.h"
#include "kernel/format.h"

struct sink {
    report_emit_t emit;
    void *arg;
    unsigned row_cnt;
};

void irq_init(void)
{
    system_report_register("interrupts", irq_report);
}

uint64_t irq_count_sum(const struct irq_desc *desc)
{
    uint64_t sum = 0;

    for (unsigned cpu = 0; cpu < CPU_MAX; cpu++)
        sum += desc->cpu_cnt[cpu];
    return sum;
}

/* What people should know of a source that is not simply on. */
static const char *remark(const struct irq_desc *desc)
{
    if (desc->masked & IRQ_MASK_UNCLAIMED)
        return "  unclaimed, polled";
    return desc->masked ? "  masked" : "";
}

static void row_text(const struct irq_desc *desc, void *arg)
{
    const struct sink *sink = arg;
    const struct irq_data *data = &desc->data;
    char cpus[CPU_LIST_LEN];

    report_printf(sink->emit, sink->arg, "%-20s %-7s %5u  0x%02x   %5s %3u",
                  desc->name[0] ? desc->name : "-", data->chip->name, data->entry, data->vector,
                  cpu_list_format(cpus, sizeof(cpus), data->affinity), data->cpu);
    for (unsigned cpu = 0; cpu < cpu_count(); cpu++)
        report_printf(sink->emit, sink->arg, " %10llu", (unsigned long long)desc->cpu_cnt[cpu]);
    report_printf(sink->emit, sink->arg, " %9llu %6llu %5llu%s\n",
                  (unsigned long long)desc->spurious_cnt, (unsigned long long)desc->early_cnt,
                  (unsigned long long)desc->lost_cnt, remark(desc));
}

static void table_text(struct sink *sink)
{
    char title[12];

    report_printf(sink->emit, sink->arg, "%-20s %-7s %5s  %-6s %5s %3s", "name", "chip", "entry",
                  "vector", "cpus", "cpu");
    for (unsigned cpu = 0; cpu < cpu_count(); cpu++) {
        format(title, sizeof(title), "CPU%u", cpu);
        report_printf(sink->emit, sink->arg, " %10s", title);
    }
    report_printf(sink->emit, sink->arg, " %9s %6s %5s\n", "spurious", "early", "lost");
    irq_for_each(row_text, sink);
}

static void row_json(const struct irq_desc *desc, void *arg)
{
    struct sink *sink = arg;
    const struct irq_data *data = &desc->data;
    char cpus[CPU_LIST_LEN];

    report_printf(sink->emit, sink->arg, "%s{\"irq\":%u,\"name\":", sink->row_cnt++ ? "," : "",
                  data->irq);
    report_json_string(sink->emit, sink->arg, desc->name);
    report_printf(sink->emit, sink->arg,
                  ",\"chip\":\"%s\",\"entry\":%u,\"vector\":%u,\"cpus\":\"%s\",\"cpu\":%u,"
                  "\"counts\":[",
                  data->chip->name, data->entry, data->vector,
                  cpu_list_format(cpus, sizeof(cpus), data->affinity), data->cpu);
    for (unsigned cpu = 0; cpu < cpu_count(); cpu++)
        report_printf(sink->emit, sink->arg, "%s%llu", cpu ? "," : "",
                      (unsigned long long)desc->cpu_cnt[cpu]);
    report_printf(sink->emit, sink->arg,
                  "],\"spurious\":%llu,\"early\":%llu,\"lost\":%llu,\"polls\":%llu,\"masked\":%s}",
                  (unsigned long long)desc->spurious_cnt, (unsigned long long)desc->early_cnt,
                  (unsigned long long)desc->lost_cnt, (unsigned long long)desc->poll_cnt,
                  desc->masked ? "true" : "false");
}

void irq_report(int json, report_emit_t emit, void *arg)
{
    struct sink sink = {.emit = emit, .arg = arg};

    if (!json) {
        table_text(&sink);
        return;
    }
    emit(arg, "[", 1);
    irq_for_each(row_json, &sink);
    emit(arg, "]", 1);
}
