/* The public API's calls that the kernel answers by itself. */
#include "vring0/system.h"

#include <errno.h>

#include "arch/clock.h"
#include "kernel/thread.h"
#include "kernel/version.h"

/* Room for printf() with floating point and for socket calls. */
#define APP_STACK_LEN (64 * 1024ul)

uint64_t system_uptime_ns(void)
{
    return clock_ns();
}

void system_sleep_ms(unsigned ms)
{
    thread_sleep_ns(ms * 1000000ull);
}

/* On the first CPU, also for a callback on another: an appliance's threads take turns. */
int system_thread(const char *name, void (*fn)(void *), void *arg)
{
    struct thread *thread = thread_create_on(0, name, fn, arg, APP_STACK_LEN);

    if (thread == NULL)
        return -ENOMEM;
    thread_detach(thread);
    return 0;
}

void system_yield(void)
{
    thread_yield();
}

const char *system_version(void)
{
    return VRING0_VERSION;
}
