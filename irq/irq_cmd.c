/* Console command "irq": the interrupts table with one @irq line a source, moving one, and a check
 * of moves. */
#include <errno.h>
#include <string.h>

#include "arch/intr.h"
#include "irq/cpu_list.h"
#include "irq/irq_check.h"
#include "irq/irq_cmd.h"
#include "irq/irq_report.h"
#include "kernel/console.h"
#include "kernel/format.h"
#include "kernel/log.h"

#define COUNTS_LEN      512
#define CHECK_MOVES     500u
#define CHECK_MOVES_MAX 1000000u

/* The counts of all CPUs in use, as far as they fit. */
static const char *counts_format(char *buf, size_t size, const struct irq_desc *desc)
{
    size_t len = 0;

    buf[0] = '\0';
    for (unsigned cpu = 0; cpu < cpu_count() && len < size; cpu++)
        len += (size_t)format(buf + len, size - len, "%s%llu", cpu > 0 ? " " : "",
                              (unsigned long long)desc->cpu_cnt[cpu]);
    return buf;
}

static void at_irq(const struct irq_desc *desc, void *arg)
{
    char name[IRQ_NAME_MAX + 8], cpus[CPU_LIST_LEN], counts[COUNTS_LEN];

    (void)arg;
    at_line("irq",
            "name=%s chip=%s entry=%u vector=0x%02x cpus=%s count=%llu spurious=%llu early=%llu "
            "cpu=%u lost=%llu polls=%llu counts=\"%s\"",
            at_quote(name, sizeof(name), desc->name), desc->data.chip->name, desc->data.entry,
            desc->data.vector, cpu_list_format(cpus, sizeof(cpus), desc->data.affinity),
            (unsigned long long)irq_count_sum(desc), (unsigned long long)desc->spurious_cnt,
            (unsigned long long)desc->early_cnt, desc->data.cpu, (unsigned long long)desc->lost_cnt,
            (unsigned long long)desc->poll_cnt, counts_format(counts, sizeof(counts), desc));
}

static int show(void)
{
    irq_report(0, report_emit_print, NULL);
    if (intr_spurious_cnt() > 0)
        print("%llu interrupts on vectors that nobody owns\n",
              (unsigned long long)intr_spurious_cnt());
    irq_for_each(at_irq, NULL);
    return 0;
}

struct search {
    const char *name;
    unsigned irq; /* 0: not found */
};

/* By the whole name, or by that of one of several on a shared line. */
static void match(const struct irq_desc *desc, void *arg)
{
    struct search *search = arg;

    if (search->irq != 0)
        return;
    if (strcmp(desc->name, search->name) == 0)
        search->irq = desc->data.irq;
    for (const struct irq_action *action = desc->actions; action; action = action->next)
        if (strcmp(action->name, search->name) == 0)
            search->irq = desc->data.irq;
}

int irq_cmd_cpus(const char *text, cpu_mask_t *mask)
{
    const int rc = cpu_list_parse(text, mask);
    char cpus[CPU_LIST_LEN];

    if (rc == -EINVAL)
        return console_fail(rc, "CPUS: \"%s\" is not a list such as 0, 1-3 or 0,2", text);
    if (rc == -ERANGE || (*mask & ~cpu_mask_all()) != 0)
        return console_fail(-EINVAL, "CPUS: \"%s\": only %s are in use", text,
                            cpu_list_format(cpus, sizeof(cpus), cpu_mask_all()));
    return rc;
}

static const char *move_failure(int rc)
{
    switch (rc) {
    case -ENOSPC:
        return "no vector is left there";
    case -EOPNOTSUPP:
        return "this source cannot be moved";
    default:
        return "the source did not take its new route";
    }
}

static int set_affinity(const char *name, const char *cpus)
{
    struct search search = {.name = name};
    cpu_mask_t mask = 0;
    int rc = irq_cmd_cpus(cpus, &mask);

    if (rc)
        return rc;
    if (*name != '\0')
        irq_for_each(match, &search);
    if (search.irq == 0)
        return console_fail(-ENOENT, "no interrupt source \"%s\"", name);
    rc = irq_set_affinity(search.irq, mask);
    return rc ? console_fail(rc, "%s to CPUs %s: %s", name, cpus, move_failure(rc)) : 0;
}

static void check_result(const char *what, unsigned value, const char *unit)
{
    at_line("result", "name=irq.%s value=%u unit=%s", what, value, unit);
}

static int check(const char *moves)
{
    struct irq_check found = {0};
    unsigned long long cnt = CHECK_MOVES;
    int rc = moves ? console_number(moves, "MOVES", &cnt) : 0;

    if (rc)
        return rc;
    if (cnt == 0 || cnt > CHECK_MOVES_MAX)
        return console_fail(-ERANGE, "MOVES: 1 to %u", CHECK_MOVES_MAX);
    rc = irq_check_moves((unsigned)cnt, false, console_interrupted, &found);
    if (rc == 0)
        rc = irq_check_moves((unsigned)cnt, true, console_interrupted, &found);
    if (rc == -EINTR)
        return console_fail(rc, "stopped after %u moves", found.move_cnt);
    if (rc)
        return console_fail(rc, "irq check: no source to move");
    check_result("moved", found.move_cnt, "moves");
    check_result("raised", found.raise_cnt, "interrupts");
    check_result("lost", found.lost_cnt, "interrupts");
    check_result("doubled", found.doubled_cnt, "interrupts");
    check_result("unmasked-early", found.early_cnt, "interrupts");
    if (found.move_cnt != 2 * cnt || found.lost_cnt + found.doubled_cnt + found.early_cnt > 0)
        return console_fail(-EIO, "irq check: interrupts were not what was raised");
    return 0;
}

static int irq_run(int argc, char **argv)
{
    if (argc == 1)
        return show();
    if (strcmp(argv[1], "check") == 0 && argc <= 3)
        return check(argc == 3 ? argv[2] : NULL);
    if (strcmp(argv[1], "affinity") != 0)
        return console_fail(-EINVAL, "irq: no such form as \"%s\", see help irq", argv[1]);
    if (argc != 4)
        return console_fail(-EINVAL, "usage: irq affinity NAME CPUS");
    return set_affinity(argv[2], argv[3]);
}

CONSOLE_COMMAND(irq, .name = "irq", .usage = "irq\nirq affinity NAME CPUS\nirq check [MOVES]",
                .summary = "interrupt sources, their vectors and counts; moves one to other CPUs",
                .run = irq_run);
