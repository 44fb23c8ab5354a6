/* One-shot timers: a sorted list for each CPU, of which the hardware timer knows the earliest at
 * most. */
#include "kernel/timer.h"

#include <stdbool.h>

#include "arch/clock.h"
#include "arch/cpu.h"

#define NOT_ARMED UINT64_MAX

/* Only touched by its own CPU, with interrupts off. */
struct timer_queue {
    struct list timers; /* by rising deadline */
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

    /* As if armed for the past, so that timers armed by the callbacks leave the hardware to the end
     * of this. */
    q->armed_ns = 0;
    while ((timer = first_timer(q)) != NULL && timer->deadline_ns <= now) {
        list_remove(&timer->link);
        timer->fn(timer->arg);
    }
    if (timer != NULL)
        set_hardware(q, timer->deadline_ns);
    else
        q->armed_ns = NOT_ARMED;
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
}

void timer_arm(struct timer *timer, uint64_t deadline_ns)
{
    uint64_t state = cpu_irq_save();
    struct timer_queue *q = &queues[cpu_this()->id];
    struct list *after;

    list_remove(&timer->link);
    timer->deadline_ns = deadline_ns;
    /* From the end: most deadlines are later than those before them. */
    for (after = q->timers.prev; after != &q->timers; after = after->prev) {
        if (CONTAINER_OF(after, struct timer, link)->deadline_ns <= deadline_ns)
            break;
    }
    list_insert_before(after->next, &timer->link);
    if (deadline_ns < q->armed_ns)
        set_hardware(q, deadline_ns);
    cpu_irq_restore(state);
}

void timer_cancel(struct timer *timer)
{
    uint64_t state = cpu_irq_save();

    list_remove(&timer->link);
    cpu_irq_restore(state);
}
