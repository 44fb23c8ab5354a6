/* What the files of irq/ share: set-up lock, look-up, mask reasons, dispatch and thread wake-up. */
#ifndef IRQ_IRQ_PRIVATE_H
#define IRQ_IRQ_PRIVATE_H

#include "irq/irq.h"
#include "kernel/mutex.h"

/* Serialises set-up. Held while descriptors are looked up, made, changed or freed in thread
 * context; never while waiting for a handler's thread. */
extern struct mutex irq_setup_lock;

/* NULL when there is none. Any context. */
struct irq_desc *irq_desc_of(unsigned irq);

/* Adds or takes away a reason to mask; the chip hears of the first and the last. desc->lock held.
 */
void irq_mask_add(struct irq_desc *desc, enum irq_mask_reason reason);
void irq_mask_remove(struct irq_desc *desc, enum irq_mask_reason reason);

/* The CPU of @cpus, which is not empty, with most vectors left. */
unsigned irq_choose_cpu(cpu_mask_t cpus);

/* The handler of the vectors of interrupts on @chip; its argument is the descriptor. */
intr_handler_t irq_dispatcher(const struct irq_chip *chip);

/* Calls all handlers of @desc; the answers combined. Interrupt context. */
unsigned irq_call_actions(struct irq_desc *desc);

/* Prepares desc->poll_timer. */
void irq_poll_setup(struct irq_desc *desc);

/* The thread of a threaded action: starts it on @cpu (0, -ENOMEM), has it run thread_fn (interrupt
 * context), ends it (thread context; no handler wakes it any more). */
int irq_thread_start(struct irq_action *action, unsigned cpu);
void irq_thread_wake(struct irq_action *action);
void irq_thread_stop(struct irq_action *action);

#endif
