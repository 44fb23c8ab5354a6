/* "blk soak": runs a checking load for a while, or in the background until it is stopped. */
#include <errno.h>
#include <string.h>

#include "arch/clock.h"
#include "arch/cpu.h"
#include "drivers/blk_cmd.h"
#include "drivers/blk_soak.h"
#include "kernel/console.h"
#include "kernel/log.h"

#define RUNNING_MAX   64u
#define DEFAULT_DEPTH 8u
#define DEFAULT_SECS  2u
#define SECS_MAX      86400u
#define POLL_NS       50000000ull /* how soon Ctrl-C is seen */

/* Loads in the background. Commands run one at a time. */
static struct running {
    struct block_device *dev;
    struct soak *soak;
} running[RUNNING_MAX];

/* The entry of @dev; of NULL: a free one. */
static struct running *find_running(const struct block_device *dev)
{
    for (unsigned i = 0; i < RUNNING_MAX; i++) {
        if (running[i].dev == dev)
            return &running[i];
    }
    return NULL;
}

static int number(int argc, char **argv, const char *key, uint64_t max, uint64_t *value)
{
    const char *text = console_option(argc, argv, key);
    unsigned long long parsed;
    int err;

    if (text == NULL)
        return 0;
    err = console_number(text, key, &parsed);
    if (err != 0)
        return err;
    if (parsed < 1 || parsed > max)
        return console_fail(-EINVAL, "%s=%s is not within 1 and %llu", key, text,
                            (unsigned long long)max);
    *value = parsed;
    return 0;
}

static int parse(int argc, char **argv, struct soak_params *params, uint64_t *secs)
{
    uint64_t depth = DEFAULT_DEPTH, cpus = cpu_count();
    const char *write = console_option(argc, argv, "write");
    int err = number(argc, argv, "depth", SOAK_DEPTH_MAX, &depth);

    if (err == 0)
        err = number(argc, argv, "cpus", cpu_count(), &cpus);
    if (err == 0)
        err = number(argc, argv, "n", UINT64_MAX - 1, &params->limit);
    if (err == 0)
        err = number(argc, argv, "secs", SECS_MAX, secs);
    if (err != 0)
        return err;
    if (write != NULL && strcmp(write, "yes") != 0 && strcmp(write, "no") != 0)
        return console_fail(-EINVAL, "write=%s: yes or no", write);
    if (write != NULL && write[0] == 'y' && block_info(params->dev)->read_only)
        return console_fail(-EROFS, "%s is read-only", block_info(params->dev)->name);
    params->depth = (unsigned)depth;
    params->cpu_cnt = (unsigned)cpus;
    params->write = write != NULL ? write[0] == 'y' : !block_info(params->dev)->read_only;
    return 0;
}

static int start(const struct soak_params *params, struct soak **soak)
{
    const char *name = block_info(params->dev)->name;
    int err;

    if (find_running(params->dev) != NULL)
        return console_fail(-EBUSY, "a load runs on %s already", name);
    err = soak_start(params, soak);
    if (err == -ERANGE)
        return console_fail(err, "%s is too small for %u requests", name,
                            params->cpu_cnt * params->depth);
    return err != 0 ? console_fail(err, "no memory for the load") : 0;
}

static void result(const char *dev, const char *what, uint64_t value)
{
    at_line("result", "name=%s-soak-%s value=%llu unit=requests", dev, what,
            (unsigned long long)value);
}

static int finish(struct block_device *dev, struct soak *soak)
{
    const char *name = block_info(dev)->name;
    struct soak_counts counts;

    soak_stop(soak, &counts);
    result(name, "done", counts.done);
    result(name, "lost", counts.lost);
    result(name, "doubled", counts.doubled);
    result(name, "bad", counts.bad);
    result(name, "eio", counts.eio);
    result(name, "failed", counts.failed);
    result(name, "elsewhere", counts.elsewhere);
    if (counts.lost + counts.doubled + counts.bad + counts.failed > 0)
        return console_fail(-EIO, "%s: requests were lost, doubled, wrong or failed", name);
    return 0;
}

static int stop(struct block_device *dev)
{
    struct running *entry = find_running(dev);
    struct soak *soak;

    if (entry == NULL)
        return console_fail(-ENOENT, "no load runs on %s", block_info(dev)->name);
    soak = entry->soak;
    *entry = (struct running){0};
    return finish(dev, soak);
}

static int run_background(const struct soak_params *params)
{
    struct running *entry = find_running(NULL);
    int err;

    if (entry == NULL)
        return console_fail(-ENOSPC, "%u loads run already", RUNNING_MAX);
    err = start(params, &entry->soak);
    if (err == 0)
        entry->dev = params->dev;
    return err;
}

static int run_foreground(const struct soak_params *params, uint64_t secs)
{
    uint64_t until_ns = secs > 0 ? clock_ns() + secs * 1000000000ull : UINT64_MAX, now;
    struct soak *soak = NULL;
    int err = start(params, &soak);

    if (err != 0)
        return err;
    while (!soak_finished(soak) && !console_interrupted() && (now = clock_ns()) < until_ns)
        soak_wait(soak, until_ns - now < POLL_NS ? until_ns - now : POLL_NS);
    return finish(params->dev, soak);
}

int blk_cmd_soak(int argc, char **argv)
{
    struct soak_params params = {.limit = UINT64_MAX};
    uint64_t secs = 0;
    int err;

    if (argc < 3)
        return console_fail(-EINVAL, "usage: blk soak DEV [start|stop] ...; see help blk");
    err = blk_cmd_device(argv[2], &params.dev);
    if (err != 0)
        return err;
    if (argc > 3 && strcmp(argv[3], "stop") == 0)
        return stop(params.dev);
    err = parse(argc, argv, &params, &secs);
    if (err != 0)
        return err;
    if (argc > 3 && strcmp(argv[3], "start") == 0)
        return run_background(&params);
    return run_foreground(&params, secs > 0 || params.limit != UINT64_MAX ? secs : DEFAULT_SECS);
}
