/* Descriptors by number: allocation with a vector and a route, reasons to mask, counts. */
#include "irq/irq.h"

#include <errno.h>
#include <stdlib.h>

#include "arch/smp.h"
#include "irq/irq_private.h"
#include "kernel/panic.h"

/* Number 0 is never given out, so that it can mean "none". Written under irq_setup_lock. */
static struct irq_desc *descs[IRQ_MAX];

struct mutex irq_setup_lock = {.waiters = WAIT_QUEUE_INIT(irq_setup_lock.waiters)};

struct irq_desc *irq_desc_of(unsigned irq)
{
    return irq < IRQ_MAX ? __atomic_load_n(&descs[irq], __ATOMIC_ACQUIRE) : NULL;
}

void irq_mask_add(struct irq_desc *desc, enum irq_mask_reason reason)
{
    const bool first = desc->masked == 0;

    desc->masked |= reason;
    if (first && desc->data.chip->mask)
        desc->data.chip->mask(&desc->data);
}

void irq_mask_remove(struct irq_desc *desc, enum irq_mask_reason reason)
{
    if (!(desc->masked & reason))
        return;
    desc->masked &= ~(unsigned)reason;
    if (desc->masked == 0 && desc->data.chip->unmask)
        desc->data.chip->unmask(&desc->data);
}

unsigned irq_choose_cpu(cpu_mask_t cpus)
{
    unsigned best = (unsigned)__builtin_ctzll(cpus);

    for (unsigned cpu = best + 1; cpu < cpu_count(); cpu++)
        if ((cpus & CPU_MASK(cpu)) && intr_vector_free_cnt(cpu) > intr_vector_free_cnt(best))
            best = cpu;
    return best;
}

/* Neither vectors nor numbers without the other are of use. */
unsigned irq_vectors_free(cpu_mask_t mask)
{
    unsigned vectors = 0, numbers = 0;

    for (unsigned cpu = 0; cpu < cpu_count(); cpu++)
        if (mask & CPU_MASK(cpu))
            vectors += intr_vector_free_cnt(cpu);
    for (unsigned irq = 1; irq < IRQ_MAX; irq++)
        numbers += !irq_desc_of(irq);
    return vectors < numbers ? vectors : numbers;
}

/* The first of @cnt free numbers in a row, 0 when there are none. */
static unsigned numbers_find(unsigned cnt)
{
    unsigned run = 0;

    for (unsigned irq = 1; irq < IRQ_MAX; irq++) {
        run = descs[irq] ? 0 : run + 1;
        if (run == cnt)
            return irq - cnt + 1;
    }
    return 0;
}

static void descs_free(unsigned first, unsigned cnt)
{
    while (cnt-- > 0) {
        struct irq_desc *desc = descs[first + cnt];

        __atomic_store_n(&descs[first + cnt], NULL, __ATOMIC_RELEASE);
        free(desc);
    }
}

/* @cnt descriptors as @data says, for entries from data->entry on. The first number, -ENOSPC,
 * -ENOMEM. */
static int descs_alloc(const struct irq_data *data, unsigned cnt)
{
    const unsigned first = numbers_find(cnt);

    if (first == 0)
        return -ENOSPC;
    for (unsigned i = 0; i < cnt; i++) {
        struct irq_desc *desc = calloc(1, sizeof(*desc));

        if (!desc) {
            descs_free(first, i);
            return -ENOMEM;
        }
        desc->data = *data;
        desc->data.irq = first + i;
        desc->data.entry += i;
        irq_poll_setup(desc);
        __atomic_store_n(&descs[first + i], desc, __ATOMIC_RELEASE);
    }
    return (int)first;
}

static int vectors_alloc(unsigned first, unsigned cnt)
{
    void *args[IRQ_BLOCK_MAX];
    int vector;

    for (unsigned i = 0; i < cnt; i++)
        args[i] = descs[first + i];
    vector = intr_vector_alloc_block(descs[first]->data.cpu, cnt,
                                     irq_dispatcher(descs[first]->data.chip), args);
    for (unsigned i = 0; i < cnt && vector >= 0; i++)
        descs[first + i]->data.vector = (unsigned)vector + i;
    return vector < 0 ? vector : 0;
}

/* Masked from the start: nothing of this arrives before the first action is there. */
static int route(struct irq_desc *desc)
{
    uint64_t state = spin_lock(&desc->lock);
    int rc;

    irq_mask_add(desc, IRQ_MASK_NO_ACTION);
    rc = desc->data.chip->route ? desc->data.chip->route(&desc->data) : 0;
    spin_unlock(&desc->lock, state);
    return rc;
}

static int alloc_locked(const struct irq_data *data, unsigned cnt)
{
    int first = descs_alloc(data, cnt), rc;

    if (first < 0)
        return first;
    rc = vectors_alloc((unsigned)first, cnt);
    if (rc)
        goto err_descs;
    for (unsigned i = 0; i < cnt && !rc; i++)
        rc = route(descs[(unsigned)first + i]);
    if (rc)
        goto err_vectors;
    return first;

err_vectors:
    for (unsigned i = 0; i < cnt; i++)
        intr_vector_free(data->cpu, descs[(unsigned)first + i]->data.vector);
err_descs:
    descs_free((unsigned)first, cnt);
    return rc;
}

static int alloc(const struct irq_chip *chip, void *chip_data, unsigned entry, unsigned cnt,
                 cpu_mask_t affinity)
{
    struct irq_data data = {.affinity = (affinity ? affinity : cpu_mask_all()) & cpu_mask_all(),
                            .entry = entry,
                            .fixed = cnt > 1,
                            .chip = chip,
                            .chip_data = chip_data};
    int rc;

    if (!data.affinity)
        return -EINVAL;
    mutex_lock(&irq_setup_lock);
    data.cpu = irq_choose_cpu(data.affinity);
    rc = alloc_locked(&data, cnt);
    mutex_unlock(&irq_setup_lock);
    return rc;
}

int irq_alloc(const struct irq_chip *chip, void *chip_data, unsigned entry, cpu_mask_t affinity)
{
    return alloc(chip, chip_data, entry, 1, affinity);
}

int irq_alloc_block(const struct irq_chip *chip, void *chip_data, unsigned cnt, cpu_mask_t affinity)
{
    if (cnt == 0 || cnt > IRQ_BLOCK_MAX || (cnt & (cnt - 1)) != 0)
        return -EINVAL;
    return alloc(chip, chip_data, 0, cnt, affinity);
}

/* A handler that was running or pending at the mask has ended before the vector is somebody
 * else's. */
void irq_free(unsigned irq)
{
    struct irq_desc *desc;
    uint64_t state;

    mutex_lock(&irq_setup_lock);
    desc = irq_desc_of(irq);
    ASSERT(desc && !desc->actions);
    state = spin_lock(&desc->lock);
    irq_mask_add(desc, IRQ_MASK_NO_ACTION);
    spin_unlock(&desc->lock, state);
    smp_sync(CPU_MASK(desc->data.cpu));
    timer_cancel(&desc->poll_timer);
    intr_vector_free(desc->data.cpu, desc->data.vector);
    descs_free(irq, 1);
    mutex_unlock(&irq_setup_lock);
}

void irq_mask(unsigned irq)
{
    struct irq_desc *desc = irq_desc_of(irq);
    uint64_t state;

    if (!desc)
        return;
    state = spin_lock(&desc->lock);
    irq_mask_add(desc, IRQ_MASK_ASKED);
    spin_unlock(&desc->lock, state);
}

void irq_unmask(unsigned irq)
{
    struct irq_desc *desc = irq_desc_of(irq);
    uint64_t state;

    if (!desc)
        return;
    state = spin_lock(&desc->lock);
    irq_mask_remove(desc, IRQ_MASK_ASKED);
    spin_unlock(&desc->lock, state);
}

void irq_count_early(unsigned irq)
{
    struct irq_desc *desc = irq_desc_of(irq);

    if (desc)
        __atomic_fetch_add(&desc->early_cnt, 1, __ATOMIC_RELAXED);
}

void irq_count_lost(unsigned irq)
{
    struct irq_desc *desc = irq_desc_of(irq);

    if (desc)
        __atomic_fetch_add(&desc->lost_cnt, 1, __ATOMIC_RELAXED);
}

const struct irq_desc *irq_get(unsigned irq)
{
    return irq_desc_of(irq);
}

void irq_for_each(void (*fn)(const struct irq_desc *, void *), void *arg)
{
    mutex_lock(&irq_setup_lock);
    for (unsigned irq = 1; irq < IRQ_MAX; irq++)
        if (descs[irq])
            fn(descs[irq], arg);
    mutex_unlock(&irq_setup_lock);
}
