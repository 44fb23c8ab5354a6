/* The check that moving an interrupt neither loses nor doubles one, on the running machine: its
 * source is a CPU, which sends the vector as a device would send its message. */
#include "irq/irq_check.h"

#include <errno.h>

#include "arch/clock.h"
#include "arch/spinlock.h"
#include "irq/irq.h"
#include "kernel/thread.h"

#define LOST_NS 1000000000ull

/* Behaves as an entry of an MSI-X table: keeps what is raised while it is masked. */
struct source {
    struct spinlock lock;
    unsigned cpu, vector;
    bool masked, pending;

    unsigned irq;
    unsigned move_cnt;
    bool token; /* raised and not served yet; atomic */
    bool busy;  /* the one-shot thread runs; atomic */
    bool again; /* it is to run once more for this token; its own */
    bool stop;  /* no further moves; atomic */
    bool done;  /* no more moves; atomic */
    struct irq_check *found;
};

static void chip_mask(struct irq_data *data)
{
    struct source *source = data->chip_data;

    spin_acquire(&source->lock);
    source->masked = true;
    spin_release(&source->lock);
}

static void chip_unmask(struct irq_data *data)
{
    struct source *source = data->chip_data;

    spin_acquire(&source->lock);
    source->masked = false;
    if (source->pending)
        intr_raise(source->cpu, source->vector);
    source->pending = false;
    spin_release(&source->lock);
}

static int chip_route(struct irq_data *data)
{
    struct source *source = data->chip_data;

    spin_acquire(&source->lock);
    source->cpu = data->cpu;
    source->vector = data->vector;
    spin_release(&source->lock);
    return 0;
}

static const struct irq_chip check_chip = {
    .name = "check", .mask = chip_mask, .unmask = chip_unmask, .route = chip_route};

static void raise_source(struct source *source)
{
    uint64_t state = spin_lock(&source->lock);

    if (source->masked)
        source->pending = true;
    else
        intr_raise(source->cpu, source->vector);
    spin_unlock(&source->lock, state);
}

/* Who takes the token has served the interrupt. */
static bool serve(struct source *source)
{
    const bool ours = __atomic_exchange_n(&source->token, false, __ATOMIC_ACQ_REL);

    if (!ours)
        __atomic_fetch_add(&source->found->doubled_cnt, 1, __ATOMIC_RELAXED);
    return ours;
}

static enum irq_return top(void *cookie)
{
    return serve(cookie) ? IRQ_HANDLED : IRQ_NONE;
}

/* While the thread runs the line is masked, so that no second top half comes. */
static enum irq_return top_one_shot(void *cookie)
{
    struct source *source = cookie;

    if (__atomic_exchange_n(&source->busy, true, __ATOMIC_ACQ_REL))
        __atomic_fetch_add(&source->found->early_cnt, 1, __ATOMIC_RELAXED);
    return IRQ_WAKE_THREAD;
}

/* Every interrupt is followed by one that is raised now, which must wait until this has returned,
 * and only that one serves. */
static void bottom(void *cookie)
{
    struct source *source = cookie;

    source->again = !source->again;
    if (source->again)
        raise_source(source);
    thread_yield();
    __atomic_store_n(&source->busy, false, __ATOMIC_RELEASE);
    if (!source->again)
        serve(source);
}

static void mover(void *arg)
{
    struct source *source = arg;

    for (unsigned i = 1; i <= source->move_cnt && !__atomic_load_n(&source->stop, __ATOMIC_RELAXED);
         i++) {
        if (irq_set_affinity(source->irq, CPU_MASK(i % cpu_count())) == 0)
            source->found->move_cnt++;
        thread_yield();
    }
    __atomic_store_n(&source->done, true, __ATOMIC_RELEASE);
}

/* One interrupt at a time: two that wait at one vector would be one. */
static void raise_one(struct source *source)
{
    const uint64_t deadline = clock_ns() + LOST_NS;

    __atomic_store_n(&source->token, true, __ATOMIC_RELEASE);
    raise_source(source);
    source->found->raise_cnt++;
    while (__atomic_load_n(&source->token, __ATOMIC_ACQUIRE)) {
        if (clock_ns() >= deadline) {
            source->found->lost_cnt += serve(source);
            return;
        }
        thread_yield();
    }
}

static int request(struct source *source, bool threaded)
{
    if (threaded)
        return irq_request_threaded(source->irq, top_one_shot, bottom, IRQF_ONESHOT, source,
                                    "check");
    return irq_request(source->irq, top, source, "check");
}

static int run(struct source *source, int (*stop)(void))
{
    struct thread *thread =
        thread_create_on(cpu_count() - 1, "irq-mover", mover, source, THREAD_STACK_DEFAULT);

    if (!thread)
        return -ENOMEM;
    while (!__atomic_load_n(&source->done, __ATOMIC_ACQUIRE)) {
        raise_one(source);
        thread_yield(); /* the mover may be on this CPU */
        if (stop())
            __atomic_store_n(&source->stop, true, __ATOMIC_RELAXED);
    }
    thread_join(thread);
    return source->stop ? -EINTR : 0;
}

int irq_check_moves(unsigned move_cnt, bool threaded, int (*stop)(void), struct irq_check *found)
{
    struct source source = {.move_cnt = move_cnt, .found = found};
    int rc = irq_alloc(&check_chip, &source, 0, 0);

    if (rc < 0)
        return rc;
    source.irq = (unsigned)rc;
    rc = request(&source, threaded);
    if (rc == 0) {
        rc = run(&source, stop);
        irq_release(source.irq, &source);
    }
    irq_free(source.irq);
    return rc;
}
