/* The workers and their queues. */
#include "kernel/work.h"

#include <errno.h>
#include <stddef.h>

#include "arch/cpu.h"
#include "arch/spinlock.h"
#include "kernel/thread.h"

struct worker {
    struct list queued;
    const struct work *running;
    struct wait_queue more, ended;
};

/* One lock for all: work may be queued by one CPU while another runs it. */
static struct spinlock lock;
static struct worker workers[CPU_MAX];

static struct work *take(struct worker *w)
{
    struct work *work;

    while (list_empty(&w->queued))
        wait_queue_sleep_locked(&w->more, &lock, WAIT_FOREVER);
    work = CONTAINER_OF(w->queued.next, struct work, link);
    list_remove(&work->link);
    work->queued = false;
    w->running = work;
    return work;
}

static void run_worker(void *arg)
{
    struct worker *w = arg;
    uint64_t state = spin_lock(&lock);

    for (;;) {
        const struct work *work = take(w);

        spin_unlock(&lock, state);
        work->fn(work->arg);
        state = spin_lock(&lock);
        /* The work may be gone. */
        w->running = NULL;
        wait_queue_wake_all(&w->ended);
    }
}

int work_init(void)
{
    struct worker *w = &workers[cpu_this()->id];
    struct thread *thread;

    list_init(&w->queued);
    wait_queue_init(&w->more);
    wait_queue_init(&w->ended);
    thread = thread_create("worker", run_worker, w, 0);
    if (thread == NULL)
        return -ENOMEM;
    thread_detach(thread);
    return 0;
}

void work_setup(struct work *work, void (*fn)(void *arg), void *arg)
{
    list_init(&work->link);
    work->fn = fn;
    work->arg = arg;
    work->cpu = 0;
    work->queued = false;
}

void work_queue(struct work *work)
{
    uint64_t state = spin_lock(&lock);

    if (!work->queued) {
        /* Where it runs, if it does: it never runs twice at a time. */
        if (workers[work->cpu].running != work)
            work->cpu = cpu_this()->id;
        work->queued = true;
        list_append(&workers[work->cpu].queued, &work->link);
        wait_queue_wake_one(&workers[work->cpu].more);
    }
    spin_unlock(&lock, state);
}

void work_cancel(struct work *work)
{
    uint64_t state = spin_lock(&lock);

    for (;;) {
        struct worker *w = &workers[work->cpu];

        list_remove(&work->link);
        work->queued = false;
        if (w->running != work)
            break;
        wait_queue_sleep_locked(&w->ended, &lock, WAIT_FOREVER);
    }
    spin_unlock(&lock, state);
}
