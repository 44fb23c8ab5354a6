/* Time in host tests: it stands still until the test moves it. Link tests/host/fake/clock.c. */
#ifndef FAKE_CLOCK_H
#define FAKE_CLOCK_H

#include <stdint.h>

extern uint64_t fake_clock_now_ns;

/* What the one-shot timer is set to, UINT64_MAX when it is not, and how often it was set. */
extern uint64_t fake_clock_armed_ns;
extern unsigned fake_clock_set_cnt;

/* Moves time on, calling the timer's handler on the way whenever it is due. */
void fake_clock_advance(uint64_t ns);

#endif
