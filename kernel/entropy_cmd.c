/* Command: rng. */
#include <errno.h>

#include "kernel/console.h"
#include "kernel/entropy.h"
#include "kernel/format.h"
#include "kernel/log.h"

#define COUNT_MAX 64u

static const char *const source_names[ENTROPY_SOURCE_CNT] = {
    [ENTROPY_CPU] = "cpu", [ENTROPY_JITTER] = "jitter", [ENTROPY_DEVICE] = "device"};

static int show(void)
{
    struct entropy_stats stats;

    entropy_stats(&stats);
    print("source        bits       bytes    repeats\n");
    for (unsigned i = 0; i < ENTROPY_SOURCE_CNT; i++)
        print("%-6s  %10llu  %10llu  %9llu\n", source_names[i], (unsigned long long)stats.bits[i],
              (unsigned long long)stats.bytes[i], (unsigned long long)stats.repeats[i]);
    for (unsigned i = 0; i < ENTROPY_SOURCE_CNT; i++)
        at_line("result", "name=rng.%s value=%llu unit=bits", source_names[i],
                (unsigned long long)stats.bits[i]);
    at_line("result", "name=rng.seeds value=%llu unit=seeds", (unsigned long long)stats.seeds);
    at_line("result", "name=rng.given value=%llu unit=bytes", (unsigned long long)stats.given);
    at_line("result", "name=rng.seeded value=%s unit=bool", stats.seeded ? "yes" : "no");
    return 0;
}

static int give(unsigned cnt)
{
    uint8_t bytes[COUNT_MAX];
    char text[2 * COUNT_MAX + 1];
    int err = entropy_get(bytes, cnt);

    if (err != 0)
        return console_fail(err, "no source of randomness that is worth %u bits",
                            ENTROPY_SEED_BITS);
    for (unsigned i = 0; i < cnt; i++)
        format(text + 2 * (size_t)i, 3, "%02x", bytes[i]);
    at_line("result", "name=rng.bytes value=%s unit=hex", text);
    return 0;
}

static int rng_run(int argc, char **argv)
{
    unsigned long long cnt;
    int err;

    if (argc == 1)
        return show();
    if (argc != 2)
        return console_usage();
    err = console_number(argv[1], "COUNT", &cnt);
    if (err != 0)
        return err;
    if (cnt == 0 || cnt > COUNT_MAX)
        return console_fail(-EINVAL, "COUNT is 1 to %u", COUNT_MAX);
    return give((unsigned)cnt);
}

CONSOLE_COMMAND(rng, .name = "rng", .usage = "rng\nrng COUNT",
                .summary = "show the entropy pool's sources, or random bytes", .run = rng_run);
