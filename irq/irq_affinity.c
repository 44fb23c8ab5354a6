/* Moving a live interrupt to another CPU. */
#include <errno.h>

#include "arch/smp.h"
#include "irq/irq_private.h"
#include "kernel/log.h"

/* A vector that the source is, or was, pointed at. */
struct place {
    unsigned cpu;
    unsigned vector;
};

static int route_to(struct irq_desc *desc, struct place place)
{
    desc->data.cpu = place.cpu;
    desc->data.vector = place.vector;
    return desc->data.chip->route(&desc->data);
}

static void mask_for_move(struct irq_desc *desc)
{
    uint64_t state = spin_lock(&desc->lock);

    irq_mask_add(desc, IRQ_MASK_MOVING);
    spin_unlock(&desc->lock, state);
}

/* Points the masked source at @to, or back at @from, and unmasks it. */
static int switch_over(struct irq_desc *desc, struct place from, struct place to)
{
    uint64_t state = spin_lock(&desc->lock);
    int rc = route_to(desc, to), back = 0;

    if (rc)
        back = route_to(desc, from);
    irq_mask_remove(desc, IRQ_MASK_MOVING);
    spin_unlock(&desc->lock, state);
    if (back)
        log_error("irq: %s cannot be routed back to CPU %u: %d", desc->name, from.cpu, back);
    return rc;
}

/* Stands in for a message that may have been lost. */
static void replay(void *arg)
{
    irq_call_actions(arg);
}

/*
 * The old vector stays bound until its CPU has served what had reached it. A message keeps what
 * comes while it is masked, or else is replayed; a level source may be routed anew only when its
 * last interrupt has been acknowledged, which the old vector's number is needed for.
 */
static int move(struct irq_desc *desc, struct place to)
{
    const struct place from = {desc->data.cpu, desc->data.vector};
    const struct irq_chip *chip = desc->data.chip;
    int rc;

    mask_for_move(desc);
    if (chip->flags & IRQ_CHIP_LEVEL)
        smp_sync(CPU_MASK(from.cpu));
    rc = switch_over(desc, from, to);
    if (chip->flags & IRQ_CHIP_REPLAY)
        smp_call(CPU_MASK(desc->data.cpu), replay, desc);
    smp_sync(CPU_MASK(from.cpu) | CPU_MASK(to.cpu));
    if (rc)
        intr_vector_free(to.cpu, to.vector);
    else
        intr_vector_free(from.cpu, from.vector);
    return rc;
}

static int set_affinity(struct irq_desc *desc, cpu_mask_t usable)
{
    const struct irq_chip *chip = desc->data.chip;
    unsigned cpu;
    int vector, rc = 0;

    if (!(usable & CPU_MASK(desc->data.cpu))) {
        if (!chip->route || desc->data.fixed)
            return -EOPNOTSUPP;
        cpu = irq_choose_cpu(usable);
        vector = intr_vector_alloc(cpu, irq_dispatcher(chip), desc);
        if (vector < 0)
            return vector;
        rc = move(desc, (struct place){cpu, (unsigned)vector});
    }
    if (!rc)
        desc->data.affinity = usable;
    return rc;
}

int irq_set_affinity(unsigned irq, cpu_mask_t mask)
{
    const cpu_mask_t usable = mask & cpu_mask_all();
    struct irq_desc *desc;
    int rc = -EINVAL;

    mutex_lock(&irq_setup_lock);
    desc = irq_desc_of(irq);
    if (desc && usable)
        rc = set_affinity(desc, usable);
    mutex_unlock(&irq_setup_lock);
    return rc;
}
