/* kernel/thread.h's wait queues for host tests. */
#include <errno.h>

#include "arch/clock.h"
#include "fake_clock.h"
#include "fake_wait.h"
#include "kernel/sched.h"

#define WAIT_STEP_NS 100000000ull

void (*fake_wait_step)(void);

void wait_queue_init(struct wait_queue *wq)
{
    list_init(&wq->waiters);
}

bool wait_queue_wake_one(struct wait_queue *wq)
{
    (void)wq;
    return true;
}

struct thread *wait_queue_wake_first(struct wait_queue *wq)
{
    (void)wq;
    return NULL;
}

void wait_queue_wake_all(struct wait_queue *wq)
{
    (void)wq;
}

void wait_queue_enter(struct wait_queue *wq)
{
    (void)wq;
}

bool wait_queue_leave(struct wait_queue *wq)
{
    (void)wq;
    return false;
}

int wait_queue_block(struct wait_queue *wq, uint64_t deadline_ns)
{
    (void)wq;
    if (fake_wait_step != NULL)
        fake_wait_step();
    fake_clock_advance(WAIT_STEP_NS);
    return clock_ns() >= deadline_ns ? -ETIMEDOUT : 0;
}

int wait_queue_sleep_locked(struct wait_queue *wq, struct spinlock *lock, uint64_t deadline_ns)
{
    int rc;

    spin_release(lock);
    rc = wait_queue_block(wq, deadline_ns);
    spin_acquire(lock);
    return rc;
}
