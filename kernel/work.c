/* The workers and their queues. */
#include "kernel/work.h"

#include <errno.h>
#include <stddef.h>

#include "arch/cpu.h"
#include "kernel/thread.h"

static struct list queued = LIST_INIT(queued);
static struct work *running;
static struct wait_queue more = WAIT_QUEUE_INIT(more), ended = WAIT_QUEUE_INIT(ended);

static struct work *take(void)
{
    uint64_t state = cpu_irq_save();
    struct work *work = list_empty(&queued) ? NULL : CONTAINER_OF(queued.next, struct work, link);

    if (work != NULL) {
        list_remove(&work->link);
        work->queued = false;
    }
    running = work;
    cpu_irq_restore(state);
    return work;
}

static void worker(void *arg)
{
    struct work *work;

    (void)arg;
    for (;;) {
        while ((work = take()) != NULL) {
            work->fn(work->arg);
            wait_queue_wake_all(&ended);
        }
        WAIT_UNTIL(&more, WAIT_FOREVER, !list_empty(&queued));
    }
}

int work_init(void)
{
    struct thread *thread = thread_create("worker", worker, NULL, 0);

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
    work->queued = false;
}

void work_queue(struct work *work)
{
    uint64_t state = cpu_irq_save();

    if (!work->queued) {
        work->queued = true;
        list_append(&queued, &work->link);
        wait_queue_wake_one(&more);
    }
    cpu_irq_restore(state);
}

void work_cancel(struct work *work)
{
    uint64_t state = cpu_irq_save();

    list_remove(&work->link);
    work->queued = false;
    cpu_irq_restore(state);
    WAIT_UNTIL(&ended, WAIT_FOREVER, running != work);
}
