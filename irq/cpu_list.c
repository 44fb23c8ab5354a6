/* Sets of CPUs as text. */
#include "irq/cpu_list.h"

#include <errno.h>
#include <stdbool.h>

#include "kernel/format.h"

static bool has(cpu_mask_t mask, unsigned cpu)
{
    return cpu < CPU_MAX && (mask & CPU_MASK(cpu)) != 0;
}

const char *cpu_list_format(char *buf, size_t size, cpu_mask_t mask)
{
    size_t len = 0;

    buf[0] = '\0';
    for (unsigned cpu = 0; cpu < CPU_MAX && len < size; cpu++) {
        const unsigned first = cpu;

        if (!has(mask, cpu))
            continue;
        while (has(mask, cpu + 1))
            cpu++;
        len += (size_t)format(buf + len, size - len, "%s%u", len > 0 ? "," : "", first);
        if (cpu > first && len < size)
            len += (size_t)format(buf + len, size - len, "-%u", cpu);
    }
    return buf;
}

static int parse_cpu(const char **text, unsigned *cpu)
{
    const char *p = *text;

    if (*p < '0' || *p > '9')
        return -EINVAL;
    for (*cpu = 0; *p >= '0' && *p <= '9'; p++) {
        *cpu = *cpu * 10 + (unsigned)(*p - '0');
        if (*cpu >= CPU_MAX)
            return -ERANGE;
    }
    *text = p;
    return 0;
}

static int parse_range(const char **text, cpu_mask_t *mask)
{
    unsigned first, last;
    int rc = parse_cpu(text, &first);

    if (rc)
        return rc;
    last = first;
    if (**text == '-') {
        ++*text;
        rc = parse_cpu(text, &last);
    }
    if (rc || last < first)
        return rc ? rc : -EINVAL;
    for (unsigned cpu = first; cpu <= last; cpu++)
        *mask |= CPU_MASK(cpu);
    return 0;
}

int cpu_list_parse(const char *text, cpu_mask_t *mask)
{
    cpu_mask_t found = 0;
    int rc;

    for (;;) {
        rc = parse_range(&text, &found);
        if (rc)
            return rc;
        if (*text == '\0')
            break;
        if (*text++ != ',')
            return -EINVAL;
    }
    *mask = found;
    return 0;
}
