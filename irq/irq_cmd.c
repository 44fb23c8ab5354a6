/* Console command "irq": the interrupts table, then one @irq line a source. */
#include <errno.h>

#include "arch/intr.h"
#include "irq/irq_report.h"
#include "kernel/console.h"
#include "kernel/log.h"

static void at_irq(const struct irq_desc *desc, void *arg)
{
    char name[IRQ_NAME_MAX + 8];

    (void)arg;
    at_line("irq",
            "name=%s chip=%s entry=%u vector=0x%02x cpus=%u count=%llu spurious=%llu early=%llu",
            at_quote(name, sizeof(name), desc->name), desc->data.chip->name, desc->data.entry,
            desc->data.vector, desc->data.cpu, (unsigned long long)irq_count_sum(desc),
            (unsigned long long)desc->spurious_cnt, (unsigned long long)desc->early_cnt);
}

static int irq_run(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        return console_fail(-EINVAL, "irq takes no arguments");
    irq_report(0, report_emit_print, NULL);
    if (intr_spurious_cnt() > 0)
        print("%llu interrupts on vectors that nobody owns\n",
              (unsigned long long)intr_spurious_cnt());
    irq_for_each(at_irq, NULL);
    return 0;
}

CONSOLE_COMMAND(irq, .name = "irq", .usage = "irq",
                .summary = "interrupt sources, their vectors and counts", .run = irq_run);
