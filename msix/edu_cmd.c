/* Console command "edu": has QEMU's educational device raise interrupts and compute. */
#include <errno.h>
#include <string.h>

#include "kernel/console.h"
#include "kernel/log.h"
#include "msix/edu.h"
#include "msix/edu_dma_cmd.h"

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

static int number_run(struct edu *edu, const char *text,
                      int (*run)(struct edu *, unsigned long long))
{
    unsigned long long number;
    int rc = console_number(text, "N", &number);

    if (rc)
        return rc;
    if (number > UINT32_MAX)
        return console_fail(-ERANGE, "N: more than 32 bits");
    return run(edu, number);
}

static int irq_verb(struct edu *edu, const char *arg)
{
    return number_run(edu, arg, raise_run);
}

static int factorial_verb(struct edu *edu, const char *arg)
{
    return number_run(edu, arg, factorial_run);
}

static const struct {
    const char *name;
    int (*run)(struct edu *edu, const char *arg);
} verbs[] = {{"irq", irq_verb}, {"factorial", factorial_verb}, {"dma", edu_dma_run}};
#define VERB_CNT (sizeof(verbs) / sizeof(verbs[0]))

static int edu_run(int argc, char **argv)
{
    const char *name = argc == 4 ? argv[3] : "edu0";
    struct edu *edu;
    size_t verb = 0;

    if (argc == 1) {
        edu_for_each(print_row, NULL);
        return 0;
    }
    while (verb < VERB_CNT && strcmp(argv[1], verbs[verb].name) != 0)
        verb++;
    if (argc < 3 || argc > 4 || verb == VERB_CNT)
        return console_usage();
    edu = edu_find(name);
    if (!edu)
        return console_fail(-ENOENT, "no device %s", name);
    return verbs[verb].run(edu, argv[2]);
}

CONSOLE_COMMAND(edu, .name = "edu",
                .usage = "edu\nedu irq N [DEV]\nedu factorial N [DEV]\n"
                         "edu dma buffer|code|constants|tables [DEV]",
                .summary = "QEMU's educational device: raises interrupts, computes, copies",
                .run = edu_run);
