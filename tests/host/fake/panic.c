/* kernel/panic.h's panic() for host tests. */
#include "kernel/panic.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "fake_panic.h"

jmp_buf fake_panic_jump;
bool fake_panic_expected;
char fake_panic_reason[512];

void panic(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(fake_panic_reason, sizeof(fake_panic_reason), fmt, args);
    va_end(args);
    if (fake_panic_expected)
        longjmp(fake_panic_jump, 1);
    fprintf(stderr, "panic: %s\n", fake_panic_reason);
    abort();
}
