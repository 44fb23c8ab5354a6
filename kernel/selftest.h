/* Private to the selftest command. */
#ifndef KERNEL_SELFTEST_H
#define KERNEL_SELFTEST_H

/* Provokes the fault named @kind and does not return then; -EINVAL with console_fail() when there
 * is none. */
int selftest_fault(const char *kind);

#endif
