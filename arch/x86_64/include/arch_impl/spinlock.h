/* Spinlocks by LOCK BTS, which is a full barrier and takes no register; a store releases, since x86
 * keeps stores in order. */
#ifndef ARCH_IMPL_SPINLOCK_H
#define ARCH_IMPL_SPINLOCK_H

static inline void spin_acquire(struct spinlock *lock)
{
    while (__builtin_expect(__atomic_fetch_or(&lock->locked, 1, __ATOMIC_ACQUIRE) & 1, 0))
        while (__atomic_load_n(&lock->locked, __ATOMIC_RELAXED))
            cpu_relax();
}

static inline void spin_release(struct spinlock *lock)
{
    __atomic_store_n(&lock->locked, 0, __ATOMIC_RELEASE);
}

#endif
