/* Spinlocks: short exclusion between CPUs, and between a thread and interrupt handlers. */
#ifndef ARCH_SPINLOCK_H
#define ARCH_SPINLOCK_H

#include <stdint.h>

#include "arch/cpu.h"

/* Zero-initialised memory is an unlocked lock. */
struct spinlock {
    uint32_t locked;
};

/*
 * Inline, from the architecture's folder:
 *   void spin_acquire(struct spinlock *lock)   interrupts must be off already
 *   void spin_release(struct spinlock *lock)
 */
#include "arch_impl/spinlock.h"

/* Turns interrupts off, takes @lock and returns the interrupt state for spin_unlock(). Any context.
 * Nothing that waits may be called meanwhile. */
static inline uint64_t spin_lock(struct spinlock *lock)
{
    uint64_t state = cpu_irq_save();

    spin_acquire(lock);
    return state;
}

static inline void spin_unlock(struct spinlock *lock, uint64_t state)
{
    spin_release(lock);
    cpu_irq_restore(state);
}

#endif
