/* The part of the selftest command that concerns several CPUs: requests, wake-ups, locks, timers,
 * work and mappings across them. With one CPU it runs all the same. No step has a time limit. */
#include <stddef.h>

#include "arch/barrier.h"
#include "arch/clock.h"
#include "arch/cpu.h"
#include "arch/intr.h"
#include "arch/memory.h"
#include "arch/smp.h"
#include "arch/spinlock.h"
#include "kernel/mutex.h"
#include "kernel/page.h"
#include "kernel/sched.h"
#include "kernel/selftest.h"
#include "kernel/thread.h"
#include "kernel/timer.h"
#include "kernel/work.h"

#define MS         1000000ull
#define CALL_CNT   20u
#define ROUND_CNT  100u
#define LOCK_CNT   300u
#define SYNC_CNT   1000u
#define STACK_CNT  8u
#define PATTERN(n) (0xc0ffee00u + (n))

/* Runs @fn(@arg) in a thread on each CPU at the same time and waits for all; false: no memory. */
static bool on_all_cpus(void (*fn)(void *), void *arg)
{
    struct thread *threads[CPU_MAX] = {NULL};
    bool all = true;

    for (unsigned cpu = 0; cpu < cpu_count(); cpu++) {
        threads[cpu] = thread_create_on(cpu, "selftest", fn, arg, 0);
        all = all && threads[cpu] != NULL;
    }
    for (unsigned cpu = 0; cpu < cpu_count(); cpu++)
        if (threads[cpu] != NULL)
            thread_join(threads[cpu]);
    return all;
}

static unsigned call_cnts[CPU_MAX];

static void count_call(void *arg)
{
    unsigned *wrong = arg;

    if (!intr_in_handler())
        __atomic_fetch_add(wrong, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&call_cnts[cpu_this()->id], 1, __ATOMIC_RELAXED);
}

static void call_all(void *arg)
{
    for (unsigned i = 0; i < CALL_CNT; i++) {
        smp_call(cpu_mask_all(), count_call, arg);
        smp_sync(cpu_mask_all());
    }
}

/* All CPUs ask all CPUs at the same time. */
const char *selftest_calls(void)
{
    unsigned wrong = 0;

    for (unsigned cpu = 0; cpu < cpu_count(); cpu++)
        call_cnts[cpu] = 0;
    SELFTEST_CHECK(on_all_cpus(call_all, &wrong));
    for (unsigned cpu = 0; cpu < cpu_count(); cpu++)
        SELFTEST_CHECK(call_cnts[cpu] == CALL_CNT * cpu_count());
    SELFTEST_CHECK(wrong == 0);
    return NULL;
}

/* An interrupt source on one CPU and the thread, on any, that makes sure of its interrupts. */
struct source {
    unsigned cpu, vector;
    unsigned served, late;
};

static void count_served(void *arg)
{
    struct source *source = arg;

    __atomic_fetch_add(&source->served, 1, __ATOMIC_RELAXED);
}

static void raise_and_sync(void *arg)
{
    struct source *source = &((struct source *)arg)[cpu_this()->id];

    for (unsigned i = 0; i < SYNC_CNT; i++) {
        intr_raise(source->cpu, source->vector);
        smp_sync(CPU_MASK(source->cpu));
        source->late += __atomic_load_n(&source->served, __ATOMIC_RELAXED) != i + 1;
    }
}

/* What has reached a CPU is served when smp_sync() returns, although others ask the same CPU for
 * the same at any moment. */
const char *selftest_syncs(void)
{
    static struct source sources[CPU_MAX];
    unsigned cnt = 0, late = 0;
    bool ran = false;

    for (; cnt < cpu_count(); cnt++) {
        const unsigned target = cpu_count() - 1;
        int vector = intr_vector_alloc(target, count_served, &sources[cnt]);

        if (vector < 0)
            break;
        sources[cnt] = (struct source){.cpu = target, .vector = (unsigned)vector};
    }
    if (cnt == cpu_count())
        ran = on_all_cpus(raise_and_sync, sources);
    smp_sync(cpu_mask_all());
    while (cnt-- > 0) {
        late += sources[cnt].late;
        intr_vector_free(sources[cnt].cpu, sources[cnt].vector);
    }
    SELFTEST_CHECK(ran);
    SELFTEST_CHECK(late == 0);
    return NULL;
}

/* Goes round all CPUs: each waits for its turn and wakes the next one. */
struct ring {
    struct wait_queue turn;
    unsigned next;
};

static void take_turns(void *arg)
{
    struct ring *ring = arg;
    const unsigned self = cpu_this()->id, cnt = cpu_count();

    for (unsigned i = 0; i < ROUND_CNT; i++) {
        const unsigned mine = i * cnt + self;

        WAIT_UNTIL(&ring->turn, WAIT_FOREVER, READ_ONCE(ring->next) == mine);
        WRITE_ONCE(ring->next, mine + 1);
        wait_queue_wake_all(&ring->turn);
    }
}

const char *selftest_wakes(void)
{
    struct ring ring = {0};

    wait_queue_init(&ring.turn);
    SELFTEST_CHECK(on_all_cpus(take_turns, &ring));
    SELFTEST_CHECK(ring.next == ROUND_CNT * cpu_count());
    return NULL;
}

struct counters {
    struct mutex mutex;
    struct spinlock spinlock;
    unsigned by_mutex, by_spinlock;
};

/* Not atomic: without the lock, counts get lost. */
static void count_locked(void *arg)
{
    struct counters *c = arg;
    unsigned value;
    uint64_t state;

    for (unsigned i = 0; i < LOCK_CNT; i++) {
        mutex_lock(&c->mutex);
        value = READ_ONCE(c->by_mutex);
        if (i % 16 == 0)
            thread_yield();
        WRITE_ONCE(c->by_mutex, value + 1);
        mutex_unlock(&c->mutex);
        state = spin_lock(&c->spinlock);
        WRITE_ONCE(c->by_spinlock, READ_ONCE(c->by_spinlock) + 1);
        spin_unlock(&c->spinlock, state);
    }
}

const char *selftest_locks(void)
{
    struct counters counters = {0};

    mutex_init(&counters.mutex);
    SELFTEST_CHECK(on_all_cpus(count_locked, &counters));
    SELFTEST_CHECK(counters.by_mutex == LOCK_CNT * cpu_count());
    SELFTEST_CHECK(counters.by_spinlock == LOCK_CNT * cpu_count());
    return NULL;
}

struct alarm {
    struct timer timer;
    struct wait_queue wait;
    unsigned cpu;
    unsigned rung;
    uint64_t at_ns;
};

static void ring_alarm(void *arg)
{
    struct alarm *alarm = arg;

    alarm->cpu = cpu_this()->id;
    alarm->at_ns = clock_ns();
    WRITE_ONCE(alarm->rung, 1);
    wait_queue_wake_all(&alarm->wait);
}

/* Each fires on the CPU that armed it, not too early; one that another CPU cancels does not fire.
 */
static void try_timer(void *arg)
{
    unsigned *wrong = arg;
    struct alarm alarm = {0};
    uint64_t deadline;

    wait_queue_init(&alarm.wait);
    timer_setup(&alarm.timer, ring_alarm, &alarm);
    deadline = clock_ns() + MS;
    timer_arm(&alarm.timer, deadline);
    WAIT_UNTIL(&alarm.wait, WAIT_FOREVER, READ_ONCE(alarm.rung) != 0);
    timer_cancel(&alarm.timer);
    if (alarm.cpu != cpu_this()->id || alarm.at_ns < deadline)
        __atomic_fetch_add(wrong, 1, __ATOMIC_RELAXED);
}

struct cancelled {
    struct timer timer;
    unsigned done; /* it is cancelled: from now on it must not fire */
    unsigned fired;
};

static void cancel_timer(void *arg)
{
    struct cancelled *cancelled = arg;

    timer_cancel(&cancelled->timer);
    WRITE_ONCE(cancelled->done, 1);
}

/* On a busy host its time may come before somebody cancels it. */
static void fire(void *arg)
{
    struct cancelled *cancelled = arg;

    if (READ_ONCE(cancelled->done) != 0)
        cancelled->fired++;
}

const char *selftest_smp_timers(void)
{
    struct cancelled cancelled = {0};
    unsigned wrong = 0;

    SELFTEST_CHECK(on_all_cpus(try_timer, &wrong));
    SELFTEST_CHECK(wrong == 0);
    timer_setup(&cancelled.timer, fire, &cancelled);
    timer_arm(&cancelled.timer, clock_ns() + 5 * MS);
    SELFTEST_CHECK(on_all_cpus(cancel_timer, &cancelled));
    thread_sleep_ns(10 * MS);
    SELFTEST_CHECK(cancelled.fired == 0);
    return NULL;
}

struct errand {
    struct work work;
    unsigned cpu;
    unsigned done;
};

static struct errand errands[CPU_MAX];
static struct wait_queue errands_wait = WAIT_QUEUE_INIT(errands_wait);

static void run_errand(void *arg)
{
    struct errand *errand = arg;

    errand->cpu = intr_in_handler() ? CPU_MAX : cpu_this()->id;
    __atomic_fetch_add(&errand->done, 1, __ATOMIC_RELEASE);
    wait_queue_wake_all(&errands_wait);
}

static void queue_errand(void *arg)
{
    (void)arg;
    work_queue(&errands[cpu_this()->id].work);
}

/* Queued in interrupt context, run by the worker of the same CPU. */
const char *selftest_work(void)
{
    for (unsigned cpu = 0; cpu < cpu_count(); cpu++) {
        errands[cpu] = (struct errand){0};
        work_setup(&errands[cpu].work, run_errand, &errands[cpu]);
    }
    smp_call(cpu_mask_all(), queue_errand, NULL);
    for (unsigned cpu = 0; cpu < cpu_count(); cpu++)
        WAIT_UNTIL(&errands_wait, WAIT_FOREVER, READ_ONCE(errands[cpu].done) != 0);
    for (unsigned cpu = 0; cpu < cpu_count(); cpu++) {
        work_cancel(&errands[cpu].work);
        SELFTEST_CHECK(errands[cpu].done == 1 && errands[cpu].cpu == cpu);
    }
    return NULL;
}

struct look {
    const uint32_t *at;
    uint32_t expected;
    unsigned wrong;
};

static void look(void *arg)
{
    struct look *l = arg;

    if (READ_ONCE(*l->at) != l->expected)
        __atomic_fetch_add(&l->wrong, 1, __ATOMIC_RELAXED);
}

/* The same address is mapped to one page after another: no CPU may go on seeing an older one. */
const char *selftest_mappings(void)
{
    uint64_t kept[STACK_CNT] = {0}, pa;
    uintptr_t va, first_va = 0;
    struct look l = {0};
    const char *error = NULL;

    for (unsigned i = 0; i < STACK_CNT && error == NULL; i++) {
        if (stack_alloc(PAGE_SIZE, &va, &pa) != 0) {
            error = "no memory for a stack";
            break;
        }
        first_va = i == 0 ? va : first_va;
        *(uint32_t *)phys_to_virt(pa) = PATTERN(i);
        l.at = (const uint32_t *)va;
        l.expected = PATTERN(i);
        smp_call(cpu_mask_all(), look, &l);
        stack_free(va, pa, PAGE_SIZE);
        /* The next stack has to take another page. */
        if (page_claim(pa, 1) == 0)
            kept[i] = pa;
        if (va != first_va)
            error = "an address was not used again";
    }
    for (unsigned i = 0; i < STACK_CNT; i++)
        if (kept[i] != 0)
            page_free(kept[i], 1);
    if (error == NULL && l.wrong > 0)
        error = "a CPU saw an older mapping";
    return error;
}
