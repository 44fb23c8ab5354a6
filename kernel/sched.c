/* The scheduler: a run queue for each CPU, the switch from one thread to the next, and idling. */
#include "kernel/sched.h"

#include "arch/clock.h"
#include "arch/context.h"
#include "arch/cpu.h"

/* Only touched by its own CPU, with interrupts off. */
struct run_queue {
    struct list ready;
    struct thread *ended; /* left the CPU for good and is to be freed by whoever comes next */
    uint64_t idle_cycles;
};

static struct run_queue run_queues[CPU_MAX];

void sched_init(struct thread *first)
{
    for (unsigned i = 0; i < CPU_MAX; i++)
        list_init(&run_queues[i].ready);
    first->state = THREAD_RUNNING;
    first->switched_at = clock_cycles();
    cpu_this()->current = first;
}

void sched_make_ready(struct thread *thread)
{
    thread->state = THREAD_READY;
    list_append(&run_queues[thread->cpu].ready, &thread->run_link);
}

/* Sleeps on the stack of @thread, which is not charged for it. */
static void idle(struct run_queue *rq, struct thread *thread)
{
    uint64_t start = clock_cycles(), end;

    thread->run_cycles += start - thread->switched_at;
    do {
        cpu_wait_irq();
        cpu_irq_disable();
    } while (list_empty(&rq->ready));
    end = clock_cycles();
    rq->idle_cycles += end - start;
    thread->switched_at = end;
}

void sched_switch(void)
{
    struct percpu *cpu = cpu_this();
    struct run_queue *rq = &run_queues[cpu->id];
    struct thread *prev = cpu->current, *next;
    uint64_t now;

    if (list_empty(&rq->ready))
        idle(rq, prev);
    next = CONTAINER_OF(rq->ready.next, struct thread, run_link);
    list_remove(&next->run_link);
    next->state = THREAD_RUNNING;
    if (next == prev)
        return;
    now = clock_cycles();
    prev->run_cycles += now - prev->switched_at;
    next->switched_at = now;
    cpu->current = next;
    context_switch(&prev->context, &next->context);
    sched_arrive();
}

void sched_arrive(void)
{
    struct run_queue *rq = &run_queues[cpu_this()->id];
    struct thread *ended = rq->ended;

    if (ended == NULL)
        return;
    rq->ended = NULL;
    thread_free(ended);
}

void sched_leave(bool reap)
{
    if (reap)
        run_queues[cpu_this()->id].ended = thread_current();
    sched_switch();
    __builtin_unreachable();
}

void thread_yield(void)
{
    uint64_t state = cpu_irq_save();
    struct run_queue *rq = &run_queues[cpu_this()->id];

    if (!list_empty(&rq->ready)) {
        sched_make_ready(thread_current());
        sched_switch();
    }
    cpu_irq_restore(state);
}

uint64_t thread_idle_cycles(unsigned cpu)
{
    return run_queues[cpu].idle_cycles;
}
