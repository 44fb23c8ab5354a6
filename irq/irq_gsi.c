/* I/O APIC inputs as interrupts, each with one descriptor that all its users share. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "irq/irq_private.h"
#include "kernel/list.h"
#include "kernel/panic.h"

struct line {
    struct list link;
    unsigned gsi;
    enum intr_trigger trigger;
    unsigned irq;
    unsigned user_cnt;
};

/* Guarded by irq_setup_lock. */
static struct list lines = LIST_INIT(lines);

static void chip_mask(struct irq_data *data)
{
    intr_gsi_mask(data->entry);
}

static void chip_unmask(struct irq_data *data)
{
    intr_gsi_unmask(data->entry);
}

static int chip_route(struct irq_data *data)
{
    const struct line *line = data->chip_data;

    return intr_gsi_route(line->gsi, data->cpu, data->vector, line->trigger);
}

static const struct irq_chip level_chip = {
    .name = "ioapic",
    .mask = chip_mask,
    .unmask = chip_unmask,
    .route = chip_route,
    .flags = IRQ_CHIP_LEVEL,
};

/* An edge that arrives at a masked input is forgotten (82093AA, 3.2.4). */
static const struct irq_chip edge_chip = {
    .name = "ioapic",
    .mask = chip_mask,
    .unmask = chip_unmask,
    .route = chip_route,
    .flags = IRQ_CHIP_REPLAY,
};

static const struct irq_chip *chip_of(enum intr_trigger trigger)
{
    const bool level = trigger == INTR_LEVEL_LOW || trigger == INTR_LEVEL_HIGH;

    return level ? &level_chip : &edge_chip;
}

static struct line *line_by_gsi(unsigned gsi)
{
    LIST_FOR_EACH(it, &lines) {
        struct line *line = CONTAINER_OF(it, struct line, link);

        if (line->gsi == gsi)
            return line;
    }
    return NULL;
}

static struct line *line_by_irq(unsigned irq)
{
    LIST_FOR_EACH(it, &lines) {
        struct line *line = CONTAINER_OF(it, struct line, link);

        if (line->irq == irq)
            return line;
    }
    return NULL;
}

static int make_line(unsigned gsi, enum intr_trigger trigger)
{
    struct line *line = calloc(1, sizeof(*line));
    int irq;

    if (!line)
        return -ENOMEM;
    line->gsi = gsi;
    line->trigger = trigger;
    line->user_cnt = 1;
    irq = irq_alloc(chip_of(trigger), line, gsi, 0);
    if (irq < 0) {
        free(line);
        return irq;
    }
    line->irq = (unsigned)irq;
    list_append(&lines, &line->link);
    return irq;
}

static int share_line(struct line *line, enum intr_trigger trigger)
{
    if (line->trigger != trigger)
        return -EBUSY;
    line->user_cnt++;
    return (int)line->irq;
}

int irq_gsi_get(unsigned gsi, enum intr_trigger trigger)
{
    struct line *line;
    int irq;

    mutex_lock(&irq_setup_lock);
    line = line_by_gsi(gsi);
    irq = line ? share_line(line, trigger) : make_line(gsi, trigger);
    mutex_unlock(&irq_setup_lock);
    return irq;
}

void irq_gsi_put(unsigned irq)
{
    struct line *line;

    mutex_lock(&irq_setup_lock);
    line = line_by_irq(irq);
    ASSERT(line);
    if (--line->user_cnt == 0) {
        irq_free(irq);
        list_remove(&line->link);
        free(line);
    }
    mutex_unlock(&irq_setup_lock);
}
