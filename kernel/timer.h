/* One-shot timers: each fires on the CPU that armed it. */
#ifndef KERNEL_TIMER_H
#define KERNEL_TIMER_H

#include <stdint.h>

#include "kernel/list.h"

struct timer {
    struct list link;
    uint64_t deadline_ns;
    void (*fn)(void *arg); /* interrupt context */
    void *arg;
    unsigned cpu; /* whose list it is in, or was last */
};

void timers_init(void);
void timer_setup(struct timer *timer, void (*fn)(void *), void *arg);

/* Arms for clock_ns() >= @deadline_ns; re-arming an armed timer moves it. Any context. */
void timer_arm(struct timer *timer, uint64_t deadline_ns);

/*
 * Afterwards the callback does not run, on any CPU, and will not: waits, spinning, for one that
 * runs on another CPU, so the caller must not hold a lock that the callback takes. Any context, the
 * callback itself included.
 */
void timer_cancel(struct timer *timer);

#endif
