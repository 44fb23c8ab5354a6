/* Wait queues: threads that wait for something, in order of arrival, with or without a deadline. */
#include <errno.h>

#include "arch/clock.h"
#include "arch/cpu.h"
#include "kernel/panic.h"
#include "kernel/sched.h"

void wait_queue_init(struct wait_queue *wq)
{
    list_init(&wq->waiters);
}

int wait_queue_sleep(struct wait_queue *wq, uint64_t deadline_ns)
{
    struct thread *self = thread_current();

    ASSERT(cpu_this()->irq_depth == 0);
    if (deadline_ns != WAIT_FOREVER) {
        if (deadline_ns <= clock_ns()) {
            thread_yield();
            return -ETIMEDOUT;
        }
        timer_arm(&self->wait_timer, deadline_ns);
    }
    self->state = THREAD_BLOCKED;
    self->timed_out = false;
    list_append(&wq->waiters, &self->run_link);
    sched_switch();
    if (deadline_ns != WAIT_FOREVER)
        timer_cancel(&self->wait_timer);
    return self->timed_out ? -ETIMEDOUT : 0;
}

int wait_queue_sleep_locked(struct wait_queue *wq, struct spinlock *lock, uint64_t deadline_ns)
{
    int rc;

    spin_release(lock);
    rc = wait_queue_sleep(wq, deadline_ns);
    spin_acquire(lock);
    return rc;
}

/* wait_timer of every thread. A thread woken meanwhile is in the run queue already. */
void thread_wait_expired(void *arg)
{
    struct thread *thread = arg;

    if (thread->state != THREAD_BLOCKED)
        return;
    thread->timed_out = true;
    list_remove(&thread->run_link);
    sched_make_ready(thread);
}

static void wake_first(struct wait_queue *wq)
{
    struct thread *thread = CONTAINER_OF(wq->waiters.next, struct thread, run_link);

    list_remove(&thread->run_link);
    sched_make_ready(thread);
}

bool wait_queue_wake_one(struct wait_queue *wq)
{
    uint64_t state = cpu_irq_save();
    bool any = !list_empty(&wq->waiters);

    if (any)
        wake_first(wq);
    cpu_irq_restore(state);
    return any;
}

void wait_queue_wake_all(struct wait_queue *wq)
{
    uint64_t state = cpu_irq_save();

    while (!list_empty(&wq->waiters))
        wake_first(wq);
    cpu_irq_restore(state);
}

void thread_sleep_ns(uint64_t ns)
{
    struct wait_queue nobody_wakes;
    uint64_t deadline = clock_ns() + ns;
    uint64_t state;

    wait_queue_init(&nobody_wakes);
    state = cpu_irq_save();
    while (wait_queue_sleep(&nobody_wakes, deadline) == 0)
        continue;
    cpu_irq_restore(state);
}
