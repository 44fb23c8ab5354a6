/* Threads: creation, end, joining, and the list of all of them. */
#include "kernel/thread.h"

#include <string.h>

#include "arch/cpu.h"
#include "arch/memory.h"
#include "kernel/panic.h"
#include "kernel/sched.h"

static struct thread first_threads[CPU_MAX];
static struct spinlock threads_lock; /* the list, and whether a thread has ended or is detached */
static struct list all_threads = LIST_INIT(all_threads);
static unsigned last_id;
static int (*libc_create)(struct thread *);
static void (*libc_destroy)(struct thread *);

static void setup(struct thread *thread, const char *name, unsigned cpu)
{
    uint64_t state;

    strncpy(thread->name, name, sizeof(thread->name) - 1);
    thread->cpu = cpu;
    list_init(&thread->run_link);
    timer_setup(&thread->wait_timer, thread_wait_expired, thread);
    wait_queue_init(&thread->joiners);
    state = spin_lock(&threads_lock);
    thread->id = ++last_id;
    list_append(&all_threads, &thread->all_link);
    spin_unlock(&threads_lock, state);
}

void thread_init(void)
{
    struct thread *main = &first_threads[0], *reaper;

    sched_init();
    setup(main, "main", 0);
    main->detached = true;
    sched_begin(main);
    reaper = thread_create("reaper", thread_reap, NULL, 0);
    if (reaper == NULL)
        panic("no memory for the first thread");
}

void thread_init_cpu(void)
{
    const unsigned cpu = cpu_this()->id;
    struct thread *first = &first_threads[cpu];

    setup(first, "reaper", cpu);
    sched_begin(first);
    if (libc_create != NULL && libc_create(first) != 0)
        panic("no memory for the first thread of CPU %u", cpu);
}

void thread_set_libc_hooks(int (*create)(struct thread *), void (*destroy)(struct thread *))
{
    libc_create = create;
    libc_destroy = destroy;
}

static void run(void *arg)
{
    struct thread *self = arg;

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

static void thread_free(struct thread *thread)
{
    uint64_t state = spin_lock(&threads_lock);

    list_remove(&thread->all_link);
    spin_unlock(&threads_lock, state);
    if (thread->stack_va != 0)
        stack_free(thread->stack_va, thread->stack_pa, thread->stack_len);
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

void thread_detach(struct thread *thread)
{
    uint64_t state = spin_lock(&threads_lock);
    bool ended = thread->state == THREAD_ENDED;

    thread->detached = true;
    spin_unlock(&threads_lock, state);
    if (ended)
        thread_free(thread);
}

void thread_join(struct thread *thread)
{
    uint64_t state;

    ASSERT(thread != thread_current() && !thread->detached);
    state = spin_lock(&threads_lock);
    while (thread->state != THREAD_ENDED)
        wait_queue_sleep_locked(&thread->joiners, &threads_lock, WAIT_FOREVER);
    spin_unlock(&threads_lock, state);
    thread_free(thread);
}

void thread_exit(void)
{
    struct thread *self = thread_current();

    if (libc_destroy != NULL)
        libc_destroy(self);
    cpu_irq_disable();
    sched_leave();
}

void thread_reap(void *unused)
{
    (void)unused;
    for (;;) {
        struct thread *ended = sched_next_ended();
        uint64_t state = spin_lock(&threads_lock);
        bool detached = ended->detached;

        ended->state = THREAD_ENDED;
        if (!detached)
            wait_queue_wake_all(&ended->joiners);
        spin_unlock(&threads_lock, state);
        /* Without @detached it is its joiner's from here on. */
        if (detached)
            thread_free(ended);
    }
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

bool thread_visit_next(unsigned id, void (*fn)(const struct thread *, void *), void *arg)
{
    uint64_t state = spin_lock(&threads_lock);
    const struct thread *found = NULL;

    LIST_FOR_EACH(it, &all_threads) {
        const struct thread *thread = CONTAINER_OF(it, struct thread, all_link);

        if (thread->id > id && (found == NULL || thread->id < found->id))
            found = thread;
    }
    if (found != NULL)
        fn(found, arg);
    spin_unlock(&threads_lock, state);
    return found != NULL;
}
