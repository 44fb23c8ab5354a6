/* The scheduler: a run queue for each CPU, the switch from one thread to the next, and idling. */
#include "kernel/sched.h"

#include "arch/barrier.h"
#include "arch/clock.h"
#include "arch/context.h"
#include "arch/cpu.h"
#include "arch/smp.h"

/*
 * Other CPUs append; only its own takes threads out, and switches to them: a thread made ready
 * before it has left the CPU is not run by anyone else meanwhile.
 */
struct run_queue {
    struct spinlock lock;
    struct list ready;
    bool idle;                        /* sleeps, or is about to: whoever appends must kick it */
    uint64_t idle_cycles, idle_since; /* 0: not idle now */
    struct list ended;                /* only touched by the CPU itself */
    struct wait_queue ended_wait;
} __attribute__((aligned(64))); /* CPUs share no line */

static struct run_queue run_queues[CPU_MAX];

void sched_init(void)
{
    for (unsigned i = 0; i < CPU_MAX; i++) {
        list_init(&run_queues[i].ready);
        list_init(&run_queues[i].ended);
        wait_queue_init(&run_queues[i].ended_wait);
    }
}

void sched_begin(struct thread *first)
{
    first->state = THREAD_RUNNING;
    first->switched_at = clock_cycles();
    cpu_this()->current = first;
}

void sched_make_ready(struct thread *thread)
{
    struct run_queue *rq = &run_queues[thread->cpu];
    bool kick;

    spin_acquire(&rq->lock);
    thread->state = THREAD_READY;
    list_append(&rq->ready, &thread->run_link);
    kick = rq->idle;
    rq->idle = false;
    spin_release(&rq->lock);
    /* An interrupt handler that woke up a thread of its own CPU has ended the sleep by itself. */
    if (kick && thread->cpu != cpu_this()->id)
        smp_kick(thread->cpu);
}

void sched_take_back(struct thread *self)
{
    struct run_queue *rq = &run_queues[self->cpu];

    spin_acquire(&rq->lock);
    list_remove(&self->run_link);
    self->state = THREAD_RUNNING;
    spin_release(&rq->lock);
}

/* The next thread, taken out; NULL when there is none, and then the CPU counts as idle. */
static inline __attribute__((always_inline)) struct thread *take(struct run_queue *rq)
{
    struct thread *next = NULL;

    spin_acquire(&rq->lock);
    rq->idle = list_empty(&rq->ready);
    if (!rq->idle) {
        next = CONTAINER_OF(rq->ready.next, struct thread, run_link);
        list_remove(&next->run_link);
    }
    spin_release(&rq->lock);
    return next;
}

/* Sleeps on the stack of @thread, which is not charged for it. */
static struct thread *idle(struct run_queue *rq, struct thread *thread)
{
    uint64_t start = clock_cycles(), end;
    struct thread *next;

    thread->run_cycles += start - thread->switched_at;
    WRITE_ONCE(rq->idle_since, start);
    do {
        /* A kick sent since the queue was seen to be empty ends this sleep at once. */
        cpu_wait_irq();
        cpu_irq_disable();
        next = take(rq);
    } while (next == NULL);
    end = clock_cycles();
    WRITE_ONCE(rq->idle_since, 0);
    WRITE_ONCE(rq->idle_cycles, rq->idle_cycles + (end - start));
    thread->switched_at = end;
    return next;
}

void sched_switch(void)
{
    struct percpu *cpu = cpu_this();
    struct run_queue *rq = &run_queues[cpu->id];
    struct thread *prev = cpu->current, *next = take(rq);
    uint64_t now;

    if (next == NULL)
        next = idle(rq, prev);
    if (next == prev) {
        WRITE_ONCE(prev->state, THREAD_RUNNING);
        return;
    }
    now = clock_cycles();
    prev->run_cycles += now - prev->switched_at;
    WRITE_ONCE(next->switched_at, now);
    /* Who sees this counts the time from there on. */
    WRITE_ONCE(next->state, THREAD_RUNNING);
    cpu->current = next;
    context_switch(&prev->context, &next->context);
}

void sched_leave(void)
{
    struct run_queue *rq = &run_queues[cpu_this()->id];

    list_append(&rq->ended, &thread_current()->run_link);
    wait_queue_wake_one(&rq->ended_wait);
    /* There is a next one: the thread that was woken. */
    sched_switch();
    __builtin_unreachable();
}

struct thread *sched_next_ended(void)
{
    struct run_queue *rq = &run_queues[cpu_this()->id];
    struct thread *ended;
    uint64_t state;

    WAIT_UNTIL(&rq->ended_wait, WAIT_FOREVER, !list_empty(&rq->ended));
    state = cpu_irq_save();
    ended = CONTAINER_OF(rq->ended.next, struct thread, run_link);
    list_remove(&ended->run_link);
    cpu_irq_restore(state);
    return ended;
}

void thread_yield(void)
{
    uint64_t state = cpu_irq_save();
    struct list *ready = &run_queues[cpu_this()->id].ready;

    /* One that another CPU appends right now has its turn next time. */
    if (READ_ONCE(ready->next) != ready) {
        sched_make_ready(thread_current());
        sched_switch();
    }
    cpu_irq_restore(state);
}

uint64_t thread_idle_cycles(unsigned cpu)
{
    uint64_t sum = READ_ONCE(run_queues[cpu].idle_cycles);
    uint64_t since = READ_ONCE(run_queues[cpu].idle_since);

    return since != 0 ? sum + (clock_cycles() - since) : sum;
}
