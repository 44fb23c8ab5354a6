/* kernel/mutex.h for host tests, where there is one thread: it must not wait for itself. */
#include "kernel/mutex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

void mutex_init(struct mutex *mutex)
{
    mutex->depth = 0;
}

void mutex_lock(struct mutex *mutex)
{
    assert_int_equal(mutex->depth, 0);
    mutex->depth = 1;
}

void mutex_unlock(struct mutex *mutex)
{
    assert_int_equal(mutex->depth, 1);
    mutex->depth = 0;
}
