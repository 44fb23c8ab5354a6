/* Console command "edu": has QEMU's educational device raise interrupts and compute. */
#include <errno.h>
#include <string.h>

#include "kernel/console.h"
#include "kernel/log.h"
#include "msix/edu.h"

static void print_row(const struct edu *edu, void *arg)
{
    (void)arg;
    print("%s at %s: %s, %u events\n", edu_name(edu), edu_bus_name(edu), edu_irq_mode(edu),
          edu_event_cnt(edu));
}

static int raise_run(struct edu *edu, unsigned long long cnt)
{
    unsigned done = 0;
    int rc = 0;

    while (done < cnt && rc == 0 && !console_interrupted()) {
        rc = edu_raise(edu);
        done += rc == 0;
    }
    at_line("result", "name=%s.%s value=%u unit=%s", edu_name(edu), edu_irq_mode(edu), done,
            "interrupts");
    if (rc)
        return console_fail(rc, "%s: no interrupt after %u", edu_name(edu), done);
    return done < cnt ? console_fail(-EINTR, "stopped after %u", done) : 0;
}

static int factorial_run(struct edu *edu, unsigned long long n)
{
    uint32_t result;
    int rc = edu_factorial(edu, (uint32_t)n, &result);

    if (rc)
        return console_fail(rc, "%s: no interrupt at the end", edu_name(edu));
    at_line("result", "name=%s.factorial value=%u unit=%s", edu_name(edu), (unsigned)result,
            "modulo-2^32");
    return 0;
}

static int edu_run(int argc, char **argv)
{
    const char *name = argc == 4 ? argv[3] : "edu0";
    struct edu *edu;
    unsigned long long number;
    int rc;

    if (argc == 1) {
        edu_for_each(print_row, NULL);
        return 0;
    }
    if (argc < 3 || argc > 4 || (strcmp(argv[1], "irq") != 0 && strcmp(argv[1], "factorial") != 0))
        return console_usage();
    rc = console_number(argv[2], "N", &number);
    if (rc)
        return rc;
    if (number > UINT32_MAX)
        return console_fail(-ERANGE, "N: more than 32 bits");
    edu = edu_find(name);
    if (!edu)
        return console_fail(-ENOENT, "no device %s", name);
    return argv[1][0] == 'i' ? raise_run(edu, number) : factorial_run(edu, number);
}

CONSOLE_COMMAND(edu, .name = "edu", .usage = "edu\nedu irq N [DEV]\nedu factorial N [DEV]",
                .summary = "QEMU's educational device: raises interrupts, computes",
                .run = edu_run);
