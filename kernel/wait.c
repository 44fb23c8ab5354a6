/* Wait queues: threads that wait for something, in order of arrival, with or without a deadline. */
#include <errno.h>

#include "arch/clock.h"
#include "arch/cpu.h"
#include "kernel/panic.h"
#include "kernel/sched.h"

void wait_queue_init(struct wait_queue *wq)
{
    wq->lock = (struct spinlock){0};
    list_init(&wq->waiters);
}

static inline void enter(struct wait_queue *wq)
{
    struct thread *self = thread_current();

    ASSERT(cpu_this()->irq_depth == 0);
    spin_acquire(&wq->lock);
    self->state = THREAD_BLOCKED;
    self->timed_out = false;
    self->wait_queue = wq;
    self->waiting = true;
    list_append(&wq->waiters, &self->run_link);
    spin_release(&wq->lock);
}

void wait_queue_enter(struct wait_queue *wq)
{
    enter(wq);
}

bool wait_queue_leave(struct wait_queue *wq)
{
    struct thread *self = thread_current();
    bool woken;

    spin_acquire(&wq->lock);
    woken = !self->waiting;
    if (!woken) {
        list_remove(&self->run_link);
        self->waiting = false;
        self->state = THREAD_RUNNING;
    }
    spin_release(&wq->lock);
    if (woken)
        sched_take_back(self);
    return woken;
}

static __attribute__((noinline)) int block_until(struct wait_queue *wq, uint64_t deadline_ns)
{
    struct thread *self = thread_current();

    if (deadline_ns <= clock_ns()) {
        bool woken = wait_queue_leave(wq);

        thread_yield();
        return woken ? 0 : -ETIMEDOUT;
    }
    timer_arm(&self->wait_timer, deadline_ns);
    sched_switch();
    timer_cancel(&self->wait_timer);
    return self->timed_out ? -ETIMEDOUT : 0;
}

int wait_queue_block(struct wait_queue *wq, uint64_t deadline_ns)
{
    if (deadline_ns != WAIT_FOREVER)
        return block_until(wq, deadline_ns);
    sched_switch();
    return 0;
}

int wait_queue_sleep_locked(struct wait_queue *wq, struct spinlock *lock, uint64_t deadline_ns)
{
    int rc;

    enter(wq);
    spin_release(lock);
    rc = wait_queue_block(wq, deadline_ns);
    spin_acquire(lock);
    return rc;
}

/* Takes @thread, which waits in @wq, out of it and makes it runnable. @wq's lock is held. */
static void wake(struct thread *thread)
{
    list_remove(&thread->run_link);
    thread->waiting = false;
    sched_make_ready(thread);
}

/*
 * wait_timer of every thread, on the CPU of the thread, which therefore stays in its wait
 * meanwhile: its queue is there, but another CPU may have woken it.
 */
void thread_wait_expired(void *arg)
{
    struct thread *thread = arg;
    struct wait_queue *wq = thread->wait_queue;

    spin_acquire(&wq->lock);
    if (thread->waiting) {
        thread->timed_out = true;
        wake(thread);
    }
    spin_release(&wq->lock);
}

static inline struct thread *wake_first(struct wait_queue *wq)
{
    uint64_t state = spin_lock(&wq->lock);
    struct thread *thread = NULL;

    if (!list_empty(&wq->waiters)) {
        thread = CONTAINER_OF(wq->waiters.next, struct thread, run_link);
        wake(thread);
    }
    spin_unlock(&wq->lock, state);
    return thread;
}

struct thread *wait_queue_wake_first(struct wait_queue *wq)
{
    return wake_first(wq);
}

bool wait_queue_wake_one(struct wait_queue *wq)
{
    return wake_first(wq) != NULL;
}

void wait_queue_wake_all(struct wait_queue *wq)
{
    uint64_t state = spin_lock(&wq->lock);

    while (!list_empty(&wq->waiters))
        wake(CONTAINER_OF(wq->waiters.next, struct thread, run_link));
    spin_unlock(&wq->lock, state);
}

void thread_sleep_ns(uint64_t ns)
{
    struct wait_queue nobody_wakes;
    uint64_t deadline = clock_ns() + ns;

    wait_queue_init(&nobody_wakes);
    WAIT_UNTIL(&nobody_wakes, deadline, false);
}
