/* newlib's locks over kernel mutexes, in place of the ones in libc.a that do nothing. */
#include <stdlib.h>
#include <sys/lock.h>

#include "kernel/mutex.h"
#include "kernel/panic.h"
#include "kernel/thread.h"

struct __lock {
    struct mutex mutex;
};

/* Every lock newlib 3.3 to 4.5 names; mutexes here are recursive, so one kind serves for both of
 * newlib's. */
#define LIBC_LOCK(name)             \
    struct __lock __lock_##name = { \
        .mutex = {.waiters = WAIT_QUEUE_INIT(__lock_##name.mutex.waiters)}}

LIBC_LOCK(__sinit_recursive_mutex);
LIBC_LOCK(__sfp_recursive_mutex);
LIBC_LOCK(__atexit_recursive_mutex);
LIBC_LOCK(__at_quick_exit_mutex);
LIBC_LOCK(__malloc_recursive_mutex);
LIBC_LOCK(__env_recursive_mutex);
LIBC_LOCK(__tz_mutex);
LIBC_LOCK(__dd_hash_mutex);
LIBC_LOCK(__arc4random_mutex);

void __retarget_lock_init(_LOCK_T *lock)
{
    *lock = malloc(sizeof(**lock));
    if (*lock == NULL)
        panic("out of memory for a lock of the C library");
    mutex_init(&(*lock)->mutex);
}

void __retarget_lock_init_recursive(_LOCK_T *lock)
{
    __retarget_lock_init(lock);
}

void __retarget_lock_close(_LOCK_T lock)
{
    free(lock);
}

void __retarget_lock_close_recursive(_LOCK_T lock)
{
    free(lock);
}

void __retarget_lock_acquire(_LOCK_T lock)
{
    if (thread_current() != NULL)
        mutex_lock(&lock->mutex);
}

void __retarget_lock_acquire_recursive(_LOCK_T lock)
{
    __retarget_lock_acquire(lock);
}

int __retarget_lock_try_acquire(_LOCK_T lock)
{
    return thread_current() == NULL || mutex_trylock(&lock->mutex);
}

int __retarget_lock_try_acquire_recursive(_LOCK_T lock)
{
    return __retarget_lock_try_acquire(lock);
}

void __retarget_lock_release(_LOCK_T lock)
{
    if (thread_current() != NULL)
        mutex_unlock(&lock->mutex);
}

void __retarget_lock_release_recursive(_LOCK_T lock)
{
    __retarget_lock_release(lock);
}
