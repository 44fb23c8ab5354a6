/* One-shot timers on this CPU. */
#ifndef KERNEL_TIMER_H
#define KERNEL_TIMER_H

#include <stdint.h>

#include "kernel/list.h"

struct timer {
    struct list link;
    uint64_t deadline_ns;
    void (*fn)(void *arg); /* interrupt context */
    void *arg;
};

void timers_init(void);
void timer_setup(struct timer *timer, void (*fn)(void *), void *arg);

/* Arms for clock_ns() >= @deadline_ns; re-arming an armed timer moves it. Any context. */
void timer_arm(struct timer *timer, uint64_t deadline_ns);
void timer_cancel(struct timer *timer);

#endif
