/* Mutexes. Threads are cooperative, so only waiting needs care; an unlock hands over to the first
 * waiter. */
#include "kernel/mutex.h"

#include "arch/cpu.h"
#include "kernel/panic.h"

void mutex_init(struct mutex *mutex)
{
    mutex->owner = NULL;
    mutex->depth = 0;
    wait_queue_init(&mutex->waiters);
}

bool mutex_trylock(struct mutex *mutex)
{
    struct thread *self = thread_current();

    ASSERT(cpu_this()->irq_depth == 0);
    if (mutex->depth > 0 && mutex->owner != self)
        return false;
    mutex->owner = self;
    mutex->depth++;
    return true;
}

void mutex_lock(struct mutex *mutex)
{
    uint64_t state;

    if (mutex_trylock(mutex))
        return;
    state = cpu_irq_save();
    while (mutex->owner != thread_current())
        wait_queue_sleep(&mutex->waiters, WAIT_FOREVER);
    cpu_irq_restore(state);
}

void mutex_unlock(struct mutex *mutex)
{
    if (mutex->depth == 0 || mutex->owner != thread_current())
        panic("mutex_unlock: the caller is not the owner");
    if (--mutex->depth > 0)
        return;
    if (list_empty(&mutex->waiters.waiters)) {
        mutex->owner = NULL;
        return;
    }
    mutex->owner = CONTAINER_OF(mutex->waiters.waiters.next, struct thread, run_link);
    mutex->depth = 1;
    wait_queue_wake_one(&mutex->waiters);
}
