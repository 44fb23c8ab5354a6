/* Looks ten times a second for bytes whose interrupt got lost: a line that stays high makes no
 * further edge, so that the serial console would be deaf from then on. */
#include "kernel/uart_watch.h"

#include <stddef.h>

#include "arch/clock.h"
#include "arch/uart.h"
#include "kernel/timer.h"

#define PERIOD_NS 100000000ull

static struct timer timer;

static void tick(void *arg)
{
    (void)arg;
    uart_poll();
    timer_arm(&timer, clock_ns() + PERIOD_NS);
}

void uart_watch_start(void)
{
    timer_setup(&timer, tick, NULL);
    timer_arm(&timer, clock_ns() + PERIOD_NS);
}
