/* The console command "bench", and what the benchmarks share. */
#include <errno.h>
#include <string.h>

#include "bench/bench.h"
#include "kernel/console.h"
#include "kernel/log.h"

int bench_number(int argc, char **argv, const char *key, uint64_t min, uint64_t max,
                 uint64_t fallback, uint64_t *value)
{
    const char *text = console_option(argc, argv, key);
    unsigned long long number;
    int err;

    *value = fallback;
    if (text == NULL)
        return 0;
    err = console_number(text, key, &number);
    if (err != 0)
        return err;
    if (number < min || number > max)
        return console_fail(-EINVAL, "%s=%s is not within %llu and %llu", key, text,
                            (unsigned long long)min, (unsigned long long)max);
    *value = number;
    return 0;
}

void bench_result(const char *prefix, const char *name, uint64_t dividend, uint64_t divisor,
                  const char *unit)
{
    uint64_t whole = 0, thousandths = 0;

    if (divisor > 0) {
        whole = dividend / divisor;
        thousandths = dividend % divisor * 1000 / divisor;
    }
    at_line("result", "name=%s.%s value=%llu.%03llu unit=%s", prefix, name,
            (unsigned long long)whole, (unsigned long long)thousandths, unit);
}

static int bench_run(int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "blk") == 0)
        return bench_blk(argc, argv);
    if (argc >= 2 && strcmp(argv[1], "net") == 0)
        return bench_net(argc, argv);
    return console_fail(-EINVAL, "usage: bench blk|net ...; see help bench");
}

CONSOLE_COMMAND(bench, .name = "bench",
                .usage = "bench blk DEV [qd=N] [bs=N] [op=randread|randwrite|read|write] "
                         "[n=COUNT|secs=N] [cpus=N]\n"
                         "bench net DEV [via=driver|lwip]",
                .summary = "measure a disk, or answer a network peer's measurement",
                .run = bench_run);
