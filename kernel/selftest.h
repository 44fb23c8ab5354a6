/* The selftest command: its own parts, and the suites that other folders add to it. */
#ifndef KERNEL_SELFTEST_H
#define KERNEL_SELFTEST_H

#include "arch/cpu.h"

/* A check is a function that returns what it found wrong; NULL when nothing. */
#define SELFTEST_CHECK(cond) \
    do {                     \
        if (!(cond))         \
            return #cond;    \
    } while (0)

/* "selftest NAME". run() is a console command's: 0, or what console_fail() returned. */
struct selftest_suite {
    const char *name;
    int (*run)(void);
};

#define SELFTEST_SUITE(id, ...)                            \
    static const struct selftest_suite selftest_suite_##id \
        __attribute__((used, section(".set.selftest_suites." #id), aligned(8))) = {__VA_ARGS__}

/* Across all CPUs in use. */
const char *selftest_calls(void);
const char *selftest_syncs(void);
const char *selftest_wakes(void);
const char *selftest_locks(void);
const char *selftest_smp_timers(void);
const char *selftest_work(void);
const char *selftest_mappings(void);

/*
 * Provokes the fault named @kind in a thread on each of @cpus at once, or in the caller if that is
 * on the only one, and does not return then; -EINVAL with console_fail() when there is none.
 */
int selftest_fault(const char *kind, cpu_mask_t cpus);

#endif
