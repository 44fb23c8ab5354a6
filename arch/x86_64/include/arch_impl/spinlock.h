/* Spinlocks by LOCK BTS, which is a full barrier and takes no register; a store releases, since x86
 * keeps stores in order. */
#ifndef ARCH_IMPL_SPINLOCK_H
#define ARCH_IMPL_SPINLOCK_H

static inline bool spin_taken(struct spinlock *lock)
{
    bool taken;

    __asm__ volatile("lock btsl $0, %0" : "+m"(lock->locked), "=@ccc"(taken) : : "memory");
    return taken;
}

static inline void spin_acquire(struct spinlock *lock)
{
    while (__builtin_expect(spin_taken(lock), 0))
        while (__atomic_load_n(&lock->locked, __ATOMIC_RELAXED))
            cpu_relax();
}

static inline void spin_release(struct spinlock *lock)
{
    __atomic_store_n(&lock->locked, 0, __ATOMIC_RELEASE);
}

#endif
