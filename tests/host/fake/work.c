/* kernel/work.h for host tests; and where a test has no other CPUs, the one that there is. */
#include "kernel/work.h"

#include "arch/smp.h"
#include "fake_work.h"

static struct list queued = LIST_INIT(queued);

int work_init(void)
{
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
    if (work->queued)
        return;
    work->queued = true;
    list_append(&queued, &work->link);
}

void work_cancel(struct work *work)
{
    list_remove(&work->link);
    work->queued = false;
}

unsigned fake_work_run(void)
{
    unsigned cnt = 0;

    while (!list_empty(&queued)) {
        struct work *work = CONTAINER_OF(queued.next, struct work, link);

        list_remove(&work->link);
        work->queued = false;
        work->fn(work->arg);
        cnt++;
    }
    return cnt;
}

__attribute__((weak)) unsigned cpu_count(void)
{
    return 1;
}

__attribute__((weak)) void smp_sync(cpu_mask_t mask)
{
    (void)mask;
}

__attribute__((weak)) void smp_call(cpu_mask_t mask, void (*fn)(void *arg), void *arg)
{
    (void)mask;
    fn(arg);
}
