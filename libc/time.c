/* Clocks and sleeping. The machine's only clock counts from the kernel's first instruction; the
 * date is what was set. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "arch/clock.h"
#include "kernel/thread.h"

#define NS_PER_SEC 1000000000ll

/* Date minus clock_ns(), set by clock_settime(): without it the date starts at 1970. */
static int64_t date_offset_ns;

static int fail(int err)
{
    errno = err;
    return -1;
}

static bool is_valid(const struct timespec *ts)
{
    return ts != NULL && ts->tv_sec >= 0 && ts->tv_nsec >= 0 && ts->tv_nsec < NS_PER_SEC;
}

static int64_t to_ns(const struct timespec *ts)
{
    return ts->tv_sec > INT64_MAX / NS_PER_SEC - 1 ? INT64_MAX
                                                   : ts->tv_sec * NS_PER_SEC + ts->tv_nsec;
}

int clock_gettime(clockid_t clock_id, struct timespec *tp)
{
    int64_t now = (int64_t)clock_ns();

    if (clock_id == CLOCK_REALTIME)
        now += date_offset_ns;
    else if (clock_id != CLOCK_MONOTONIC)
        return fail(EINVAL);
    *tp = (struct timespec){.tv_sec = now / NS_PER_SEC, .tv_nsec = now % NS_PER_SEC};
    return 0;
}

int clock_settime(clockid_t clock_id, const struct timespec *tp)
{
    if (clock_id != CLOCK_REALTIME || !is_valid(tp))
        return fail(EINVAL);
    date_offset_ns = to_ns(tp) - (int64_t)clock_ns();
    return 0;
}

int clock_getres(clockid_t clock_id, struct timespec *res)
{
    if (clock_id != CLOCK_REALTIME && clock_id != CLOCK_MONOTONIC)
        return fail(EINVAL);
    if (res != NULL)
        *res = (struct timespec){.tv_nsec = 1};
    return 0;
}

int gettimeofday(struct timeval *restrict p, void *restrict tz)
{
    struct timespec ts;

    (void)tz;
    clock_gettime(CLOCK_REALTIME, &ts);
    p->tv_sec = ts.tv_sec;
    p->tv_usec = ts.tv_nsec / 1000;
    return 0;
}

int settimeofday(const struct timeval *tv, const struct timezone *zone)
{
    (void)zone;
    return clock_settime(CLOCK_REALTIME,
                         &(struct timespec){.tv_sec = tv->tv_sec, .tv_nsec = tv->tv_usec * 1000});
}

int nanosleep(const struct timespec *rqtp, struct timespec *rmtp)
{
    if (!is_valid(rqtp))
        return fail(EINVAL);
    thread_sleep_ns((uint64_t)to_ns(rqtp));
    if (rmtp != NULL)
        *rmtp = (struct timespec){0};
    return 0;
}

int usleep(useconds_t useconds)
{
    thread_sleep_ns(useconds * 1000ull);
    return 0;
}

unsigned sleep(unsigned seconds)
{
    thread_sleep_ns(seconds * (uint64_t)NS_PER_SEC);
    return 0;
}
