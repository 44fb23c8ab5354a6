/* Orderly end of a run that cannot go on, and of one that can. */
#ifndef KERNEL_PANIC_H
#define KERNEL_PANIC_H

/* Exit status of a run that ended in @fault. */
#define EXIT_STATUS_FAULT 125

/* Prints "@fault kind=panic reason=..." and a backtrace, then "@exit code=125", and powers off. Any
 * context. */
_Noreturn void panic(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Checks our own invariants (never what a device wrote). */
#define ASSERT(cond)                                                         \
    do {                                                                     \
        if (__builtin_expect(!(cond), 0))                                    \
            panic("%s:%d: assertion failed: %s", __FILE__, __LINE__, #cond); \
    } while (0)

/* Runs exit hooks in reverse order of registration, prints "@exit code=N", powers off. Thread
 * context. */
_Noreturn void system_exit(int status);
int system_on_exit(void (*fn)(void)); /* 0, -ENOSPC */

#endif
