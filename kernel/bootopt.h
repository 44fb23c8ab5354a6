/* The boot command line: space-separated key=value, values may be double-quoted. */
#ifndef KERNEL_BOOTOPT_H
#define KERNEL_BOOTOPT_H

#include <stdbool.h>
#include <stddef.h>

/* An option that one module owns; kept in the linker set "boot_options" is not needed: the table is
 * in bootopt.c. */
struct bootopt_choice {
    const char *name;
    int value;
};

/*
 * Splits @cmdline once; later sources add to earlier ones, a later value of the same key wins.
 * Unknown keys are reported as a warning line, bad values as an error line and the default stands.
 */
void bootopt_init(const char *cmdline);

/* Value of @key ("irq", "transport", "ring", "cpus", "loglevel", "ip", "run", "iommu"), or NULL
 * when not given. */
const char *bootopt_get(const char *key);

/* @key's value among @choices (ended by NULL name); @fallback when absent or bad (an error line
 * says so once). */
int bootopt_choice(const char *key, const struct bootopt_choice *choices, int fallback);

/* @key's value as a number in [@min, @max]; @fallback when absent or bad (an error line says so).
 */
unsigned long bootopt_number(const char *key, unsigned long min, unsigned long max,
                             unsigned long fallback);

/* The whole line as received, for @argv of the application and for the log. */
const char *bootopt_line(void);

#endif
