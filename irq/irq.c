/* Descriptors by number, their actions, and the dispatch from a CPU vector straight to its
 * descriptor. */
#include "irq/irq.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/format.h"
#include "kernel/panic.h"

/* Number 0 is never given out, so that it can mean "none". */
static struct irq_desc *descs[IRQ_MAX];

/* Several actions, or none: each is asked, since a shared line does not tell whose it is. */
static __attribute__((noinline)) void dispatch_shared(struct irq_desc *desc)
{
    unsigned handled = IRQ_NONE;

    for (const struct irq_action *action = desc->actions; action; action = action->next)
        handled |= action->handler(action->cookie);
    if (handled == IRQ_NONE)
        desc->spurious_cnt++;
}

/* The vector's handler. The descriptor was given with the vector, so there is nothing to look up.
 */
static void irq_dispatch(void *arg)
{
    struct irq_desc *desc = arg;
    const struct irq_action *action = desc->actions;

    desc->cpu_cnt[cpu_this()->id]++;
    if (__builtin_expect(!action || action->next, 0))
        dispatch_shared(desc);
    else if (__builtin_expect(action->handler(action->cookie) == IRQ_NONE, 0))
        desc->spurious_cnt++;
}

static struct irq_desc *desc_of(unsigned irq)
{
    return irq < IRQ_MAX ? descs[irq] : NULL;
}

static void desc_mask(struct irq_desc *desc)
{
    desc->masked = true;
    if (desc->data.chip->mask)
        desc->data.chip->mask(&desc->data);
}

static void desc_unmask(struct irq_desc *desc)
{
    desc->masked = false;
    if (desc->data.chip->unmask)
        desc->data.chip->unmask(&desc->data);
}

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

static int number_take(struct irq_desc *desc)
{
    for (unsigned irq = 1; irq < IRQ_MAX; irq++) {
        if (descs[irq])
            continue;
        descs[irq] = desc;
        desc->data.irq = irq;
        return 0;
    }
    return -ENOMEM;
}

/* The CPU of @affinity with most vectors left. */
static unsigned choose_cpu(cpu_mask_t affinity)
{
    unsigned best = (unsigned)__builtin_ctzll(affinity);

    for (unsigned cpu = best + 1; cpu < cpu_count(); cpu++)
        if ((affinity & CPU_MASK(cpu)) && intr_vector_free_cnt(cpu) > intr_vector_free_cnt(best))
            best = cpu;
    return best;
}

int irq_alloc(const struct irq_chip *chip, void *chip_data, unsigned entry, cpu_mask_t affinity)
{
    const cpu_mask_t usable = (affinity ? affinity : cpu_mask_all()) & cpu_mask_all();
    struct irq_desc *desc;
    uint64_t state;
    int rc;

    if (!usable)
        return -EINVAL;
    desc = calloc(1, sizeof(*desc));
    if (!desc)
        return -ENOMEM;
    desc->data.affinity = usable;
    desc->data.cpu = choose_cpu(usable);
    desc->data.entry = entry;
    desc->data.chip = chip;
    desc->data.chip_data = chip_data;
    rc = number_take(desc);
    if (rc)
        goto err_desc;
    rc = intr_vector_alloc(desc->data.cpu, irq_dispatch, desc);
    if (rc < 0)
        goto err_number;
    desc->data.vector = (unsigned)rc;

    state = cpu_irq_save();
    desc_mask(desc);
    rc = chip->route ? chip->route(&desc->data) : 0;
    cpu_irq_restore(state);
    if (rc)
        goto err_vector;
    return (int)desc->data.irq;

err_vector:
    intr_vector_free(desc->data.cpu, desc->data.vector);
err_number:
    descs[desc->data.irq] = NULL;
err_desc:
    free(desc);
    return rc;
}

void irq_free(unsigned irq)
{
    struct irq_desc *desc = desc_of(irq);
    uint64_t state;

    ASSERT(desc && !desc->actions);
    state = cpu_irq_save();
    desc_mask(desc);
    intr_vector_free(desc->data.cpu, desc->data.vector);
    cpu_irq_restore(state);
    descs[irq] = NULL;
    free(desc);
}

int irq_request(unsigned irq, irq_handler_t handler, void *cookie, const char *name)
{
    struct irq_desc *desc = desc_of(irq);
    struct irq_action *action, **tail;
    uint64_t state;

    if (!desc || !handler || !name)
        return -EINVAL;
    for (tail = &desc->actions; *tail; tail = &(*tail)->next)
        if ((*tail)->cookie == cookie)
            return -EBUSY;
    action = calloc(1, sizeof(*action));
    if (!action)
        return -ENOMEM;
    action->handler = handler;
    action->cookie = cookie;
    format(action->name, sizeof(action->name), "%s", name);

    /* The handler may run at the unmask, so the action is complete and named by then. */
    state = cpu_irq_save();
    *tail = action;
    desc_name(desc);
    if (tail == &desc->actions)
        desc_unmask(desc);
    cpu_irq_restore(state);
    return 0;
}

void irq_release(unsigned irq, void *cookie)
{
    struct irq_desc *desc = desc_of(irq);
    struct irq_action *action, **link;
    uint64_t state;

    if (!desc)
        return;
    /* With interrupts off on the CPU that takes the vector, no handler of it is running. */
    ASSERT(desc->data.cpu == cpu_this()->id && !intr_in_handler());
    state = cpu_irq_save();
    for (link = &desc->actions; *link && (*link)->cookie != cookie; link = &(*link)->next)
        ;
    action = *link;
    if (action) {
        *link = action->next;
        desc_name(desc);
        if (!desc->actions)
            desc_mask(desc);
    }
    cpu_irq_restore(state);
    free(action);
}

void irq_mask(unsigned irq)
{
    struct irq_desc *desc = desc_of(irq);
    uint64_t state = cpu_irq_save();

    if (desc)
        desc_mask(desc);
    cpu_irq_restore(state);
}

void irq_unmask(unsigned irq)
{
    struct irq_desc *desc = desc_of(irq);
    uint64_t state = cpu_irq_save();

    if (desc)
        desc_unmask(desc);
    cpu_irq_restore(state);
}

void irq_count_early(unsigned irq)
{
    struct irq_desc *desc = desc_of(irq);

    if (desc)
        desc->early_cnt++;
}

const struct irq_desc *irq_get(unsigned irq)
{
    return desc_of(irq);
}

void irq_for_each(void (*fn)(const struct irq_desc *, void *), void *arg)
{
    for (unsigned irq = 1; irq < IRQ_MAX; irq++)
        if (descs[irq])
            fn(descs[irq], arg);
}
