/* Actions of an interrupt: added and removed while handlers walk the list. */
#include <errno.h>
#include <stdlib.h>

#include "arch/smp.h"
#include "irq/irq_private.h"
#include "kernel/format.h"
#include "kernel/panic.h"

/* The names of all actions, joined; what does not fit is cut. */
static void desc_name(struct irq_desc *desc)
{
    size_t len = 0;

    desc->name[0] = '\0';
    for (const struct irq_action *action = desc->actions; action; action = action->next) {
        if (len >= sizeof(desc->name) - 1)
            break;
        len += format(desc->name + len, sizeof(desc->name) - len, "%s%s", len ? "," : "",
                      action->name);
    }
}

/* Stands for a handler that is absent. */
static enum irq_return wake_always(void *cookie)
{
    (void)cookie;
    return IRQ_WAKE_THREAD;
}

/* Where a new action with @cookie and @flags goes; NULL when the others do not let it in. */
static struct irq_action **find_tail(struct irq_desc *desc, const void *cookie, unsigned flags)
{
    struct irq_action **tail = &desc->actions;

    for (; *tail; tail = &(*tail)->next)
        if ((*tail)->cookie == cookie || ((*tail)->flags ^ flags) & IRQF_ONESHOT)
            return NULL;
    return tail;
}

/* The handler may run at the unmask, so the action is complete and named by then. */
static void publish(struct irq_desc *desc, struct irq_action **tail, struct irq_action *action)
{
    uint64_t state = spin_lock(&desc->lock);

    __atomic_store_n(tail, action, __ATOMIC_RELEASE);
    desc_name(desc);
    irq_mask_remove(desc, IRQ_MASK_NO_ACTION);
    spin_unlock(&desc->lock, state);
}

static int add(unsigned irq, const struct irq_action *wanted, const char *name)
{
    struct irq_desc *desc = irq_desc_of(irq);
    struct irq_action *action, **tail;
    int rc;

    if (!desc)
        return -EINVAL;
    tail = find_tail(desc, wanted->cookie, wanted->flags);
    if (!tail)
        return -EBUSY;
    action = malloc(sizeof(*action));
    if (!action)
        return -ENOMEM;
    *action = *wanted;
    action->desc = desc;
    format(action->name, sizeof(action->name), "%s", name);
    if (action->thread_fn) {
        rc = irq_thread_start(action, desc->data.cpu);
        if (rc) {
            free(action);
            return rc;
        }
    }
    publish(desc, tail, action);
    return 0;
}

static int request(unsigned irq, const struct irq_action *wanted, const char *name)
{
    int rc;

    if (!wanted->handler || !name)
        return -EINVAL;
    mutex_lock(&irq_setup_lock);
    rc = add(irq, wanted, name);
    mutex_unlock(&irq_setup_lock);
    return rc;
}

int irq_request(unsigned irq, irq_handler_t handler, void *cookie, const char *name)
{
    return request(irq, &(struct irq_action){.handler = handler, .cookie = cookie}, name);
}

int irq_request_threaded(unsigned irq, irq_handler_t handler, irq_thread_fn_t thread_fn,
                         unsigned flags, void *cookie, const char *name)
{
    const struct irq_action wanted = {.handler = handler ? handler : wake_always,
                                      .thread_fn = thread_fn,
                                      .cookie = cookie,
                                      .flags = flags};

    if (!thread_fn || (flags & ~IRQF_ONESHOT) || (!handler && !(flags & IRQF_ONESHOT)))
        return -EINVAL;
    return request(irq, &wanted, name);
}

int irq_request_line(unsigned irq, irq_handler_t handler, void (*poll)(void *cookie), void *cookie,
                     const char *name)
{
    return request(irq, &(struct irq_action){.handler = handler, .poll = poll, .cookie = cookie},
                   name);
}

/* With the last action the line gets another chance: what did not claim it is gone. */
static void forget_unclaimed(struct irq_desc *desc)
{
    desc->unclaimed_cnt = 0;
    irq_mask_remove(desc, IRQ_MASK_UNCLAIMED);
}

static struct irq_action *unlink_action(struct irq_desc *desc, const void *cookie)
{
    struct irq_action **link = &desc->actions, *action;
    uint64_t state;

    while (*link && (*link)->cookie != cookie)
        link = &(*link)->next;
    action = *link;
    if (!action)
        return NULL;
    state = spin_lock(&desc->lock);
    __atomic_store_n(link, action->next, __ATOMIC_RELEASE);
    desc_name(desc);
    if (!desc->actions) {
        irq_mask_add(desc, IRQ_MASK_NO_ACTION);
        forget_unclaimed(desc);
    }
    spin_unlock(&desc->lock, state);
    return action;
}

void irq_release(unsigned irq, void *cookie)
{
    struct irq_action *action = NULL;
    struct irq_desc *desc;

    ASSERT(!intr_in_handler());
    mutex_lock(&irq_setup_lock);
    desc = irq_desc_of(irq);
    if (desc)
        action = unlink_action(desc, cookie);
    mutex_unlock(&irq_setup_lock);
    if (!action)
        return;
    /* The line may have moved, and its polling stays where it began: any CPU may be in a handler.
     */
    smp_sync(cpu_mask_all());
    if (action->thread)
        irq_thread_stop(action);
    free(action);
}
