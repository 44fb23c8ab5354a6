/* arch/clock.h for host tests. */
#include "arch/clock.h"

#include "fake_clock.h"

uint64_t fake_clock_now_ns;
uint64_t fake_clock_armed_ns = UINT64_MAX;
unsigned fake_clock_set_cnt;
static void (*timer_fn)(void);

uint64_t clock_ns(void)
{
    return fake_clock_now_ns;
}

uint64_t clock_hz(void)
{
    return 1000000000;
}

const char *clock_source(void)
{
    return "fake";
}

void clock_delay_us(unsigned us)
{
    fake_clock_now_ns += us * 1000ull;
}

void clock_timer_init(void (*fn)(void))
{
    timer_fn = fn;
}

void clock_timer_set(uint64_t deadline_ns)
{
    fake_clock_armed_ns = deadline_ns;
    fake_clock_set_cnt++;
}

void fake_clock_advance(uint64_t ns)
{
    uint64_t end = fake_clock_now_ns + ns;

    while (fake_clock_armed_ns <= end && timer_fn != 0) {
        if (fake_clock_now_ns < fake_clock_armed_ns)
            fake_clock_now_ns = fake_clock_armed_ns;
        fake_clock_armed_ns = UINT64_MAX;
        timer_fn();
    }
    fake_clock_now_ns = end;
}
