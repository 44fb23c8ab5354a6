/* Measuring counters against a reference. Private to arch/x86_64. */
#ifndef ARCH_X86_64_CLOCK_PRIVATE_H
#define ARCH_X86_64_CLOCK_PRIVATE_H

#include <stdint.h>

/* Time between two looks at the counters is at least this long. */
#define CALIBRATE_WINDOW_US 2000

/* The local APIC is there: lets its timer run for calibration. */
void clock_timer_unit_begin(void);

/* Ends that with the counter's frequency known, and chooses how the timer is armed. */
void clock_timer_unit_end(uint64_t tsc_hz);

/* Cycles in @ns, for deadlines. */
uint64_t clock_ns_to_cycles(uint64_t ns);

#endif
