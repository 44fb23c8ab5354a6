/* kernel/mutex.h for host tests, where there is one thread: it gets what it asks for, and must give
 * it back. */
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
    mutex->depth++;
}

bool mutex_trylock(struct mutex *mutex)
{
    mutex->depth++;
    return true;
}

void mutex_unlock(struct mutex *mutex)
{
    assert_int_not_equal(mutex->depth, 0);
    mutex->depth--;
}
