/* The line that tells scripts that the system is up. */
#include "kernel/ready.h"

#include <stdbool.h>

#include "arch/clock.h"
#include "kernel/log.h"

void system_ready(void)
{
    static bool done;

    if (done)
        return;
    done = true;
    at_line("ready", "t_us=%llu", (unsigned long long)clock_ns() / 1000);
}
