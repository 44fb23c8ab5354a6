/* kernel/thread.h's threads for host tests. */
#include "fake_thread.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "fake_wait.h"

#define THREAD_MAX 16

bool fake_thread_none_left;

static struct thread threads[THREAD_MAX];
static bool used[THREAD_MAX];
static jmp_buf sleeps;

static void jump_out(void)
{
    longjmp(sleeps, 1);
}

void fake_thread_reset(void)
{
    memset(used, 0, sizeof(used));
    fake_thread_none_left = false;
}

unsigned fake_thread_cnt(void)
{
    unsigned cnt = 0;

    for (unsigned i = 0; i < THREAD_MAX; i++)
        cnt += used[i];
    return cnt;
}

struct thread *fake_thread_find(const char *name)
{
    for (unsigned i = 0; i < THREAD_MAX; i++)
        if (used[i] && strcmp(threads[i].name, name) == 0)
            return &threads[i];
    return NULL;
}

struct thread *thread_create_on(unsigned cpu, const char *name, void (*fn)(void *), void *arg,
                                size_t stack_len)
{
    unsigned i = 0;

    (void)stack_len;
    if (fake_thread_none_left)
        return NULL;
    while (used[i])
        if (++i == THREAD_MAX)
            abort();
    used[i] = true;
    threads[i] = (struct thread){.fn = fn, .arg = arg, .cpu = cpu};
    strncpy(threads[i].name, name, sizeof(threads[i].name) - 1);
    return &threads[i];
}

bool fake_thread_run(struct thread *thread)
{
    struct thread *const old = cpu_this()->current;
    void (*const old_step)(void) = fake_wait_step;
    volatile bool ended = false;
    jmp_buf old_sleeps;

    memcpy(old_sleeps, sleeps, sizeof(sleeps));
    cpu_this()->current = thread;
    fake_wait_step = jump_out;
    if (setjmp(sleeps) == 0) {
        thread->fn(thread->arg);
        ended = true;
    }
    memcpy(sleeps, old_sleeps, sizeof(sleeps));
    fake_wait_step = old_step;
    cpu_this()->current = old;
    return ended;
}

/* A thread that does not end when it should is a deadlock on the machine. */
void thread_join(struct thread *thread)
{
    if (!fake_thread_run(thread))
        abort();
    used[thread - threads] = false;
}
