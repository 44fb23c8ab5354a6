/* Panics of host tests: an unexpected one ends the test, an expected one is caught. Link
 * tests/host/fake/panic.c. */
#ifndef FAKE_PANIC_H
#define FAKE_PANIC_H

#include <setjmp.h>
#include <stdbool.h>

extern jmp_buf fake_panic_jump;
extern bool fake_panic_expected;
extern char fake_panic_reason[512];

/* Runs @statement; true when it panicked, with the text in fake_panic_reason. */
#define PANICS(statement)                   \
    ({                                      \
        volatile bool panicked_ = true;     \
        fake_panic_expected = true;         \
        if (setjmp(fake_panic_jump) == 0) { \
            statement;                      \
            panicked_ = false;              \
        }                                   \
        fake_panic_expected = false;        \
        panicked_;                          \
    })

#endif
