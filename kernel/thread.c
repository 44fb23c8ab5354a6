/* Threads: creation, end, joining, and the list of all of them. */
#include "kernel/thread.h"

#include <string.h>

#include "arch/cpu.h"
#include "arch/memory.h"
#include "kernel/panic.h"
#include "kernel/sched.h"

static struct thread main_thread;
static struct list all_threads = LIST_INIT(all_threads);
static unsigned last_id;
static int (*libc_create)(struct thread *);
static void (*libc_destroy)(struct thread *);

static void setup(struct thread *thread, const char *name, unsigned cpu)
{
    strncpy(thread->name, name, sizeof(thread->name) - 1);
    thread->id = ++last_id;
    thread->cpu = cpu;
    list_init(&thread->run_link);
    timer_setup(&thread->wait_timer, thread_wait_expired, thread);
    wait_queue_init(&thread->joiners);
    list_append(&all_threads, &thread->all_link);
}

void thread_init(void)
{
    setup(&main_thread, "main", 0);
    main_thread.detached = true;
    sched_init(&main_thread);
}

void thread_set_libc_hooks(int (*create)(struct thread *), void (*destroy)(struct thread *))
{
    libc_create = create;
    libc_destroy = destroy;
}

static void run(void *arg)
{
    struct thread *self = arg;

    sched_arrive();
    cpu_irq_enable();
    self->fn(self->arg);
    thread_exit();
}

/* The thread's own object lies at the top of its stack, so that one allocation serves both. */
static size_t object_len(void)
{
    return (sizeof(struct thread) + 15) & ~(size_t)15;
}

struct thread *thread_create(const char *name, void (*fn)(void *), void *arg, size_t stack_len)
{
    return thread_create_on(cpu_this()->id, name, fn, arg, stack_len);
}

struct thread *thread_create_on(unsigned cpu, const char *name, void (*fn)(void *), void *arg,
                                size_t stack_len)
{
    size_t len = stack_len != 0 ? stack_len : THREAD_STACK_DEFAULT;
    struct thread *thread;
    uintptr_t va, top;
    uint64_t pa, state;

    if (cpu >= cpu_count())
        return NULL;
    len = (len + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
    if (stack_alloc(len, &va, &pa) != 0)
        return NULL;
    top = va + len - object_len();
    thread = (struct thread *)top;
    thread->stack_va = va;
    thread->stack_pa = pa;
    thread->stack_len = len;
    thread->fn = fn;
    thread->arg = arg;
    setup(thread, name, cpu);
    if (libc_create != NULL && libc_create(thread) != 0)
        goto free;
    context_init(&thread->context, top, run, thread);
    state = cpu_irq_save();
    sched_make_ready(thread);
    cpu_irq_restore(state);
    return thread;

free:
    thread_free(thread);
    return NULL;
}

void thread_free(struct thread *thread)
{
    list_remove(&thread->all_link);
    if (thread->stack_va != 0)
        stack_free(thread->stack_va, thread->stack_pa, thread->stack_len);
}

void thread_detach(struct thread *thread)
{
    thread->detached = true;
    if (thread->state == THREAD_ENDED)
        thread_free(thread);
}

void thread_join(struct thread *thread)
{
    ASSERT(thread != thread_current() && !thread->detached);
    WAIT_UNTIL(&thread->joiners, WAIT_FOREVER, thread->state == THREAD_ENDED);
    thread_free(thread);
}

void thread_exit(void)
{
    struct thread *self = thread_current();

    if (libc_destroy != NULL)
        libc_destroy(self);
    cpu_irq_disable();
    self->state = THREAD_ENDED;
    wait_queue_wake_all(&self->joiners);
    sched_leave(self->detached);
}

size_t thread_stack_used(const struct thread *thread)
{
    const uint64_t *word = (const uint64_t *)thread->stack_va;
    const uint64_t *end = (const uint64_t *)(thread->stack_va + thread->stack_len);

    if (word == NULL)
        return 0;
    while (word < end && *word == 0)
        word++;
    return (size_t)((const char *)end - (const char *)word);
}

void thread_for_each(void (*fn)(struct thread *, void *), void *arg)
{
    LIST_FOR_EACH_SAFE(it, next, &all_threads)
        fn(CONTAINER_OF(it, struct thread, all_link), arg);
}

struct thread *thread_next(unsigned id)
{
    LIST_FOR_EACH(it, &all_threads) {
        struct thread *thread = CONTAINER_OF(it, struct thread, all_link);

        if (thread->id > id)
            return thread;
    }
    return NULL;
}
