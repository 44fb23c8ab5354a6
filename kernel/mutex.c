/* Mutexes: an owner, and those who wait for it in order; an unlock hands over to the first of them.
 */
#include "kernel/mutex.h"

#include "arch/cpu.h"
#include "kernel/panic.h"
#include "kernel/sched.h"

void mutex_init(struct mutex *mutex)
{
    mutex->lock = (struct spinlock){0};
    mutex->owner = NULL;
    mutex->depth = 0;
    wait_queue_init(&mutex->waiters);
}

/* With the lock held. */
static bool take(struct mutex *mutex, struct thread *self)
{
    if (mutex->depth > 0 && mutex->owner != self)
        return false;
    mutex->owner = self;
    mutex->depth++;
    return true;
}

bool mutex_trylock(struct mutex *mutex)
{
    uint64_t state;
    bool taken;

    ASSERT(cpu_this()->irq_depth == 0);
    state = spin_lock(&mutex->lock);
    taken = take(mutex, thread_current());
    spin_unlock(&mutex->lock, state);
    return taken;
}

void mutex_lock(struct mutex *mutex)
{
    struct thread *self = thread_current();
    uint64_t state;

    ASSERT(cpu_this()->irq_depth == 0);
    state = spin_lock(&mutex->lock);
    if (!take(mutex, self)) {
        while (mutex->owner != self)
            wait_queue_sleep_locked(&mutex->waiters, &mutex->lock, WAIT_FOREVER);
    }
    spin_unlock(&mutex->lock, state);
}

void mutex_unlock(struct mutex *mutex)
{
    uint64_t state;

    /* Only the caller itself could change that. */
    if (mutex->depth == 0 || mutex->owner != thread_current())
        panic("mutex_unlock: the caller is not the owner");
    state = spin_lock(&mutex->lock);
    if (--mutex->depth == 0) {
        mutex->owner = wait_queue_wake_first(&mutex->waiters);
        mutex->depth = mutex->owner != NULL ? 1 : 0;
    }
    spin_unlock(&mutex->lock, state);
}
