/* newlib's state per thread: errno, the streams' table, strtok and so on. */
#include <errno.h>
#include <reent.h>
#include <stdlib.h>
#include <string.h>

#include "arch/cpu.h"
#include "kernel/thread.h"
#include "libc/libc.h"
#include "libc/thread_state.h"

/* For the boot stack and the first thread, which are older than the hooks; their _reent is newlib's
 * own. */
static struct libc_thread boot_state;
static void (*net_destroy)(void *net_state);

struct libc_thread *libc_thread(void)
{
    struct thread *thread = thread_current();

    return thread != NULL && thread->libc_state != NULL ? thread->libc_state : &boot_state;
}

struct _reent *__getreent(void)
{
    struct libc_thread *state = libc_thread();

    return state != &boot_state ? &state->reent : _impure_ptr;
}

static int thread_state_create(struct thread *thread)
{
    struct libc_thread *state = calloc(1, sizeof(*state));

    if (state == NULL)
        return -ENOMEM;
    _REENT_INIT_PTR(&state->reent);
    thread->libc_state = state;
    return 0;
}

static void thread_state_destroy(struct thread *thread)
{
    struct libc_thread *state = thread->libc_state;

    if (state == NULL)
        return;
    if (state->net_state != NULL && net_destroy != NULL)
        net_destroy(state->net_state);
    thread->libc_state = NULL;
    _reclaim_reent(&state->reent);
    free(state);
}

void libc_set_net_destroy(void (*destroy)(void *net_state))
{
    net_destroy = destroy;
}

void libc_init(void)
{
    thread_set_libc_hooks(thread_state_create, thread_state_destroy);
}
