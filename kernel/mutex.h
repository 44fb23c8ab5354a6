/* Recursive mutual exclusion between threads; waiters sleep in order. Thread context only. */
#ifndef KERNEL_MUTEX_H
#define KERNEL_MUTEX_H

#include <stdbool.h>

#include "arch/spinlock.h"
#include "kernel/thread.h"

struct mutex {
    struct spinlock lock; /* of what follows */
    struct thread *owner;
    unsigned depth;
    struct wait_queue waiters;
};

void mutex_init(struct mutex *mutex);
void mutex_lock(struct mutex *mutex);
bool mutex_trylock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex); /* panics when the caller is not the owner */

#endif
