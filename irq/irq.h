/*
 * Interrupts by number. Three separate objects: the descriptor (name, counts, state) exists from
 * allocation on and is found by number directly; its irq data binds it to a chip (MSI-X, I/O APIC)
 * and to a CPU vector; actions are the handlers, told apart by their cookie. Allocation order:
 * irq_alloc() -> irq_request() -> ... -> irq_release() -> irq_free(). A vector is dispatched
 * straight to its descriptor.
 */
#ifndef IRQ_IRQ_H
#define IRQ_IRQ_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/cpu.h"
#include "arch/intr.h"

#define IRQ_MAX      512
#define IRQ_NAME_MAX 32

enum irq_return {
    IRQ_NONE,
    IRQ_HANDLED
};

/* Interrupt context, interrupts off. */
typedef enum irq_return (*irq_handler_t)(void *cookie);

struct irq_data;

/* How a kind of interrupt source is controlled. Absent slots are NULL. Called with interrupts off.
 */
struct irq_chip {
    const char *name; /* as the table shows it: "msix", "msi", "ioapic" */
    void (*mask)(struct irq_data *data);
    void (*unmask)(struct irq_data *data);
    /* Points the source at data->cpu/data->vector. 0 or negative errno; the source is masked
     * meanwhile. */
    int (*route)(struct irq_data *data);
};

/* The hardware side of one interrupt. */
struct irq_data {
    unsigned irq;
    cpu_mask_t affinity; /* CPUs that may take it */
    unsigned cpu;        /* the one that does */
    unsigned vector;
    unsigned entry; /* MSI-X table entry or GSI */
    const struct irq_chip *chip;
    void *chip_data;
};

struct irq_action {
    irq_handler_t handler;
    void *cookie;
    struct irq_action *next;
    char name[IRQ_NAME_MAX];
};

struct irq_desc {
    struct irq_data data;
    struct irq_action *actions;
    char name[IRQ_NAME_MAX]; /* of its actions, joined by commas */
    bool masked;
    uint64_t spurious_cnt; /* no action said IRQ_HANDLED */
    uint64_t early_cnt; /* arrived before the device was ready (DRIVER_OK), see irq_count_early() */
    uint64_t cpu_cnt[CPU_MAX];
};

/* Registers the "interrupts" report. */
void irq_init(void);

/*
 * A descriptor on @chip with a vector on the CPU of @affinity (0: all CPUs) that has most vectors
 * left, masked and routed (chip->route). irq number (> 0), -ENOSPC no vector, -ENOMEM no
 * descriptor, -EINVAL no such CPU in use, or what route() says. Thread context.
 */
int irq_alloc(const struct irq_chip *chip, void *chip_data, unsigned entry, cpu_mask_t affinity);

/* Masks, gives vector and descriptor back. No action may be left. Thread context. */
void irq_free(unsigned irq);

/* Adds an action named @name and unmasks at the first. 0, -EINVAL, -ENOMEM, -EBUSY (cookie
 * present). Thread context. */
int irq_request(unsigned irq, irq_handler_t handler, void *cookie, const char *name);

/* Removes @cookie's action; masks with the last. After return the handler is not running. Thread
 * context, on the CPU that takes the interrupt. */
void irq_release(unsigned irq, void *cookie);

void irq_mask(unsigned irq);
void irq_unmask(unsigned irq);

/* Counts an interrupt that came before its device was ready. Interrupt context. */
void irq_count_early(unsigned irq);

/* NULL when @irq is not allocated. */
const struct irq_desc *irq_get(unsigned irq);

/* Calls @fn for each allocated descriptor in number order. */
void irq_for_each(void (*fn)(const struct irq_desc *, void *), void *arg);

#endif
