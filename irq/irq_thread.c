/* Bottom halves of threaded actions, and one-shot lines that stay masked until they are done. */
#include <errno.h>

#include "irq/irq_private.h"
#include "kernel/format.h"
#include "kernel/panic.h"

/* The action is served: with the last of its line the line comes back. desc->lock held. */
static void leave_service(struct irq_action *action)
{
    struct irq_desc *desc = action->desc;

    if (!action->in_service)
        return;
    action->in_service = false;
    if (--desc->oneshot_cnt == 0)
        irq_mask_remove(desc, IRQ_MASK_ONESHOT);
}

/* Whether thread_fn is to run; if not, the action is served. Both in one step, so that a wake-up
 * in between is either the next round or a new service. */
static bool take_round(struct irq_action *action)
{
    uint64_t state = spin_lock(&action->desc->lock);
    const bool again = action->woken;

    __atomic_store_n(&action->woken, false, __ATOMIC_RELAXED);
    if (!again)
        leave_service(action);
    spin_unlock(&action->desc->lock, state);
    return again;
}

static bool stopping(const struct irq_action *action)
{
    return __atomic_load_n(&action->stopping, __ATOMIC_ACQUIRE);
}

static void thread_main(void *arg)
{
    struct irq_action *action = arg;

    while (!stopping(action)) {
        if (take_round(action))
            action->thread_fn(action->cookie);
        else
            WAIT_UNTIL(&action->wake, WAIT_FOREVER,
                       stopping(action) || __atomic_load_n(&action->woken, __ATOMIC_ACQUIRE));
    }
}

int irq_thread_start(struct irq_action *action, unsigned cpu)
{
    char name[THREAD_NAME_MAX];

    wait_queue_init(&action->wake);
    format(name, sizeof(name), "irq-%s", action->name);
    action->thread = thread_create_on(cpu, name, thread_main, action, 0);
    return action->thread ? 0 : -ENOMEM;
}

void irq_thread_wake(struct irq_action *action)
{
    struct irq_desc *desc = action->desc;
    uint64_t state;

    ASSERT(action->thread_fn);
    state = spin_lock(&desc->lock);
    __atomic_store_n(&action->woken, true, __ATOMIC_RELEASE);
    if ((action->flags & IRQF_ONESHOT) && !action->in_service &&
        !(desc->data.chip->flags & IRQ_CHIP_REPLAY)) {
        action->in_service = true;
        desc->oneshot_cnt++;
        irq_mask_add(desc, IRQ_MASK_ONESHOT);
    }
    spin_unlock(&desc->lock, state);
    wait_queue_wake_one(&action->wake);
}

void irq_thread_stop(struct irq_action *action)
{
    uint64_t state;

    ASSERT(action->thread != thread_current());
    __atomic_store_n(&action->stopping, true, __ATOMIC_RELEASE);
    wait_queue_wake_one(&action->wake);
    thread_join(action->thread);
    state = spin_lock(&action->desc->lock);
    leave_service(action);
    spin_unlock(&action->desc->lock, state);
}
