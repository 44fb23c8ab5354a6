/* One-shot timers: a sorted list for each CPU, of which the hardware timer knows the earliest at
 * most. */
#include "kernel/timer.h"

#include <stdbool.h>

#include "arch/barrier.h"
#include "arch/clock.h"
#include "arch/cpu.h"
#include "arch/spinlock.h"

#define NOT_ARMED UINT64_MAX

struct timer_queue {
    struct spinlock lock;
    const struct timer *running; /* its callback runs: on this CPU */
    struct list timers;          /* by rising deadline */
    /*
     * What the hardware is set to; never later than the first timer. Cancelling does not reset it:
     * an interrupt for nothing now and then costs less than two register writes for every wait that
     * ends in time.
     */
    uint64_t armed_ns;
};

static struct timer_queue queues[CPU_MAX];

static void set_hardware(struct timer_queue *q, uint64_t deadline_ns)
{
    q->armed_ns = deadline_ns;
    clock_timer_set(deadline_ns);
}

static struct timer *first_timer(struct timer_queue *q)
{
    return list_empty(&q->timers) ? NULL : CONTAINER_OF(q->timers.next, struct timer, link);
}

/* The hardware timer's interrupt. */
static void run_expired(void)
{
    struct timer_queue *q = &queues[cpu_this()->id];
    uint64_t now = clock_ns();
    struct timer *timer;

    spin_acquire(&q->lock);
    /* As if armed for the past, so that timers armed by the callbacks leave the hardware to the end
     * of this. */
    q->armed_ns = 0;
    while ((timer = first_timer(q)) != NULL && timer->deadline_ns <= now) {
        void (*fn)(void *) = timer->fn;
        void *arg = timer->arg;

        list_remove(&timer->link);
        WRITE_ONCE(q->running, timer);
        spin_release(&q->lock);
        fn(arg);
        spin_acquire(&q->lock);
        WRITE_ONCE(q->running, NULL);
    }
    if (timer != NULL)
        set_hardware(q, timer->deadline_ns);
    else
        q->armed_ns = NOT_ARMED;
    spin_release(&q->lock);
}

void timers_init(void)
{
    for (unsigned i = 0; i < CPU_MAX; i++) {
        list_init(&queues[i].timers);
        queues[i].armed_ns = NOT_ARMED;
    }
    clock_timer_init(run_expired);
}

void timer_setup(struct timer *timer, void (*fn)(void *), void *arg)
{
    list_init(&timer->link);
    timer->deadline_ns = 0;
    timer->fn = fn;
    timer->arg = arg;
    timer->cpu = 0;
}

/* The queue that @timer belongs to, locked. Interrupts are off. */
static struct timer_queue *lock_queue(const struct timer *timer)
{
    for (;;) {
        unsigned cpu = READ_ONCE(timer->cpu);

        spin_acquire(&queues[cpu].lock);
        if (timer->cpu == cpu)
            return &queues[cpu];
        spin_release(&queues[cpu].lock);
    }
}

/*
 * Takes @timer out of wherever it is and makes it this CPU's; returns its queue, locked. One whose
 * callback runs stays with that CPU, which looks at its queue again afterwards.
 */
static struct timer_queue *move_here(struct timer *timer)
{
    const unsigned here = cpu_this()->id;

    for (;;) {
        struct timer_queue *q = lock_queue(timer);

        list_remove(&timer->link);
        if (timer->cpu == here || q->running == timer)
            return q;
        WRITE_ONCE(timer->cpu, here);
        spin_release(&q->lock);
    }
}

void timer_arm(struct timer *timer, uint64_t deadline_ns)
{
    uint64_t state = cpu_irq_save();
    struct timer_queue *q = move_here(timer);
    struct list *after;

    timer->deadline_ns = deadline_ns;
    /* From the end: most deadlines are later than those before them. */
    for (after = q->timers.prev; after != &q->timers; after = after->prev) {
        if (CONTAINER_OF(after, struct timer, link)->deadline_ns <= deadline_ns)
            break;
    }
    list_insert_before(after->next, &timer->link);
    if (deadline_ns < q->armed_ns)
        set_hardware(q, deadline_ns);
    spin_unlock(&q->lock, state);
}

void timer_cancel(struct timer *timer)
{
    uint64_t state = cpu_irq_save();
    bool elsewhere;

    do {
        struct timer_queue *q = lock_queue(timer);

        list_remove(&timer->link);
        /* On this CPU the callback is not interrupted by us: either it has ended or it is the
         * caller. */
        elsewhere = q->running == timer && q != &queues[cpu_this()->id];
        spin_release(&q->lock);
        while (elsewhere && READ_ONCE(q->running) == timer)
            cpu_relax();
    } while (elsewhere);
    cpu_irq_restore(state);
}
