/*
 * Bottom halves: what an interrupt handler leaves to be done outside interrupt context. Each CPU
 * has a worker thread that runs its CPU's work in the order in which it was queued.
 */
#ifndef KERNEL_WORK_H
#define KERNEL_WORK_H

#include <stdbool.h>

#include "kernel/list.h"

struct work {
    struct list link;
    void (*fn)(void *arg); /* thread context; may sleep, but holds up what is queued behind it */
    void *arg;
    unsigned cpu; /* where it is queued or runs, or did last */
    bool queued;
};

/* Starts the worker of this CPU. 0, -ENOMEM. Thread context. */
int work_init(void);

void work_setup(struct work *work, void (*fn)(void *arg), void *arg);

/*
 * Runs @work on this CPU, once, however often it is queued before it begins; queued while it runs,
 * it runs again, on the CPU where it does. Any context, once this CPU's worker is started.
 */
void work_queue(struct work *work);

/* Takes @work back if it has not begun, else waits until it has ended. Thread context, but not
 * @work's own. */
void work_cancel(struct work *work);

#endif
