/* Benchmarks behind the console command "bench": each gets the command's words, argv[1] being its
 * own name. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stdint.h>

/* bench blk DEV [qd=N] [bs=N] [op=randread|randwrite|read|write] [n=COUNT|secs=N]
 * [cpus=N] */
int bench_blk(int argc, char **argv);

/* bench net DEV [via=driver|lwip] */
int bench_net(int argc, char **argv);

/* Value of "key=N" among argv, within [@min, @max]; @fallback when absent. 0, or console_fail(). */
int bench_number(int argc, char **argv, const char *key, uint64_t min, uint64_t max,
                 uint64_t fallback, uint64_t *value);

/* "@result name=PREFIX.NAME value=V unit=UNIT", V = @dividend / @divisor with three decimals. */
void bench_result(const char *prefix, const char *name, uint64_t dividend, uint64_t divisor,
                  const char *unit);

#endif
