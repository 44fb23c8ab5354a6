/* Monotonic time and the one-shot timer of this CPU. */
#ifndef ARCH_CLOCK_H
#define ARCH_CLOCK_H

#include <stdint.h>

/* Starts measuring the counter against a reference timer; returns at once. Call as early as
 * possible. */
void clock_calibrate_begin(void);

/* Ends the measurement (waits until at least 2 ms have been seen, at most 10) and starts the timer
 * unit. */
void clock_calibrate_end(void);

/* Raw cycle counter, inline: uint64_t clock_cycles(void). */
#include "arch_impl/clock.h"

/* Nanoseconds since the kernel's first instruction. Any context. */
uint64_t clock_ns(void);

/* Counter frequency in Hz, and where it came from ("cpuid", "pm-timer", "pit"). */
uint64_t clock_hz(void);
const char *clock_source(void);

/* Busy-waits @us microseconds. Any context; for device settle times only. */
void clock_delay_us(unsigned us);

/* @fn runs in interrupt context when clock_timer_set()'s deadline has passed. Called once. */
void clock_timer_init(void (*fn)(void));

/* Makes the calling CPU's timer unit ready, with interrupts off: for each CPU but the boot CPU,
 * once, after clock_calibrate_end(). */
void clock_timer_start_cpu(void);

/* Arms this CPU's timer for clock_ns() == @deadline_ns; UINT64_MAX disarms it. */
void clock_timer_set(uint64_t deadline_ns);

#endif
