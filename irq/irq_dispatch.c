/* From a CPU vector to the handlers, and level lines that nobody claims. */
#include <string.h>

#include "arch/clock.h"
#include "irq/irq_private.h"
#include "kernel/log.h"

/* What an action made of the interrupt. */
static unsigned answer(struct irq_action *action, enum irq_return said)
{
    if (said == IRQ_WAKE_THREAD)
        irq_thread_wake(action);
    return said;
}

unsigned irq_call_actions(struct irq_desc *desc)
{
    unsigned claimed = IRQ_NONE;
    struct irq_action *action = __atomic_load_n(&desc->actions, __ATOMIC_ACQUIRE);

    while (action) {
        claimed |= answer(action, action->handler(action->cookie));
        action = __atomic_load_n(&action->next, __ATOMIC_ACQUIRE);
    }
    return claimed;
}

static void count_spurious(struct irq_desc *desc)
{
    __atomic_fetch_add(&desc->spurious_cnt, 1, __ATOMIC_RELAXED);
}

/* Several actions, or none: each is asked, since a shared line does not tell whose it is. */
static __attribute__((noinline)) void dispatch_shared(struct irq_desc *desc)
{
    if (irq_call_actions(desc) == IRQ_NONE)
        count_spurious(desc);
}

static __attribute__((noinline)) void
dispatch_unusual(struct irq_desc *desc, struct irq_action *action, enum irq_return said)
{
    if (answer(action, said) == IRQ_NONE)
        count_spurious(desc);
}

/* The handler of message vectors. The descriptor was given with the vector, so there is nothing to
 * look up. */
static void dispatch_message(void *arg)
{
    struct irq_desc *desc = arg;
    struct irq_action *action = __atomic_load_n(&desc->actions, __ATOMIC_ACQUIRE);
    enum irq_return said;

    desc->cpu_cnt[cpu_this()->id]++;
    if (__builtin_expect(!action || __atomic_load_n(&action->next, __ATOMIC_ACQUIRE), 0)) {
        dispatch_shared(desc);
        return;
    }
    said = action->handler(action->cookie);
    if (__builtin_expect(said != IRQ_HANDLED, 0))
        dispatch_unusual(desc, action, said);
}

/* Without this a device that keeps its line asserted, and has no driver, would leave this CPU
 * nothing but interrupts. A line whose last action is going is masked anyway, and starts anew. */
static void line_off(struct irq_desc *desc)
{
    char name[IRQ_NAME_MAX], quoted[2 * IRQ_NAME_MAX];
    uint64_t state = spin_lock(&desc->lock);
    const bool in_use = desc->actions != NULL;

    if (in_use)
        irq_mask_add(desc, IRQ_MASK_UNCLAIMED);
    memcpy(name, desc->name, sizeof(name));
    spin_unlock(&desc->lock, state);
    if (!in_use)
        return;
    log_warn("irq: nobody claims line %s (GSI %u): masked, its devices are polled", name,
             desc->data.entry);
    at_line("event", "name=%s kind=irq-off", at_quote(quoted, sizeof(quoted), name));
    timer_arm(&desc->poll_timer, clock_ns() + IRQ_POLL_NS);
}

static void dispatch_line(void *arg)
{
    struct irq_desc *desc = arg;

    desc->cpu_cnt[cpu_this()->id]++;
    if (__builtin_expect(irq_call_actions(desc) != IRQ_NONE, 1)) {
        desc->unclaimed_cnt = 0;
        return;
    }
    count_spurious(desc);
    if (++desc->unclaimed_cnt == IRQ_UNCLAIMED_MAX)
        line_off(desc);
}

intr_handler_t irq_dispatcher(const struct irq_chip *chip)
{
    return chip->flags & IRQ_CHIP_LEVEL ? dispatch_line : dispatch_message;
}

/* poll_timer. Stops by itself when the last action went and took the reason with it. */
static void poll(void *arg)
{
    struct irq_desc *desc = arg;
    struct irq_action *action = __atomic_load_n(&desc->actions, __ATOMIC_ACQUIRE);

    if (!(__atomic_load_n(&desc->masked, __ATOMIC_RELAXED) & IRQ_MASK_UNCLAIMED))
        return;
    desc->poll_cnt++;
    while (action) {
        if (action->poll)
            action->poll(action->cookie);
        else
            answer(action, action->handler(action->cookie));
        action = __atomic_load_n(&action->next, __ATOMIC_ACQUIRE);
    }
    timer_arm(&desc->poll_timer, clock_ns() + IRQ_POLL_NS);
}

void irq_poll_setup(struct irq_desc *desc)
{
    timer_setup(&desc->poll_timer, poll, desc);
}
