/* newlib declares the POSIX clocks only for systems it knows to have them; this one has them. */
#ifndef POSIX_TIME_H
#define POSIX_TIME_H

#include <sys/features.h>

#ifndef _POSIX_TIMERS
#define _POSIX_TIMERS 200809L
#endif
#ifndef _POSIX_MONOTONIC_CLOCK
#define _POSIX_MONOTONIC_CLOCK 200809L
#endif

#include_next <time.h>

#endif
