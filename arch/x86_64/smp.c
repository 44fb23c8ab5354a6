/* What CPUs ask of one another, by interrupt: running a function, having served what came before,
 * looking at the run queue, stopping. */
#include "arch/smp.h"

#include <stdbool.h>
#include <stddef.h>

#include "arch/clock.h"
#include "arch/spinlock.h"
#include "arch/x86_64/cpu_insn.h"
#include "arch/x86_64/fault_private.h"
#include "arch/x86_64/intr_cpu.h"
#include "arch/x86_64/lapic.h"
#include "arch/x86_64/lapic_regs.h"
#include "arch/x86_64/smp_private.h"

#define FLUSH_ALL_LEN (64u << 12) /* from here on reloading the tables is cheaper */
#define STOP_WAIT_US  100000
#define STOP_POLL_US  10

/* Lives on the caller's stack until all have run it. */
struct request {
    struct request *next;
    void (*fn)(void *arg);
    void *arg;
    cpu_mask_t todo; /* under the lock: have not begun, or not seen it */
    cpu_mask_t open; /* have not ended */
};

/* The requests that one vector announces. */
struct channel {
    struct spinlock lock;
    struct request *requests;
    unsigned vector;
};

static struct channel calls = {.vector = VECTOR_CALL};
static struct channel syncs = {.vector = VECTOR_SYNC};

static unsigned stopper; /* number + 1 of the CPU that goes on alone */
static cpu_mask_t stopped;

static void send(unsigned cpu, uint32_t command)
{
    lapic->icr_write(cpu_hw_id(cpu), LAPIC_ICR_ASSERT | command);
}

static struct request *take_request(struct channel *channel, cpu_mask_t self)
{
    struct request *request;

    spin_acquire(&channel->lock);
    request = channel->requests;
    while (request != NULL && (request->todo & self) == 0)
        request = request->next;
    if (request != NULL)
        request->todo &= ~self;
    spin_release(&channel->lock);
    return request;
}

static void serve_calls(void *arg)
{
    const cpu_mask_t self = CPU_MASK(cpu_this()->id);
    struct request *request;

    (void)arg;
    while ((request = take_request(&calls, self)) != NULL) {
        request->fn(request->arg);
        /* The request may be gone after this. */
        __atomic_fetch_and(&request->open, ~self, __ATOMIC_RELEASE);
    }
}

/*
 * That this vector is served shows that no device's was waiting a moment before. A request found
 * now may have been made after that moment: it is answered when the vector has been served once
 * more.
 */
static void serve_syncs(void *arg)
{
    const unsigned cpu = cpu_this()->id;
    const cpu_mask_t self = CPU_MASK(cpu);
    bool again = false;

    (void)arg;
    spin_acquire(&syncs.lock);
    for (struct request *request = syncs.requests; request != NULL; request = request->next) {
        if ((request->todo & self) == 0) {
            __atomic_fetch_and(&request->open, ~self, __ATOMIC_RELEASE);
            continue;
        }
        request->todo &= ~self;
        again = true;
    }
    spin_release(&syncs.lock);
    if (again)
        send(cpu, VECTOR_SYNC);
}

static void unlink_request(struct channel *channel, const struct request *request)
{
    uint64_t state = spin_lock(&channel->lock);
    struct request **link = &channel->requests;

    while (*link != request)
        link = &(*link)->next;
    *link = request->next;
    spin_unlock(&channel->lock, state);
}

/* To each CPU of @mask, this one included: its turn, too, comes in the order of its vectors. */
static void ask(struct channel *channel, cpu_mask_t mask, void (*fn)(void *arg), void *arg)
{
    struct request request = {.fn = fn, .arg = arg};
    uint64_t state;

    mask &= cpu_mask_all();
    if (mask == 0)
        return;
    if (!cpu_irq_enabled() || cpu_this()->irq_depth > 0)
        fault_abort("waiting for another CPU with interrupts off");
    request.todo = request.open = mask;
    state = spin_lock(&channel->lock);
    request.next = channel->requests;
    /* cppcheck-suppress autoVariables ; it is unlinked before it goes */
    channel->requests = &request;
    spin_unlock(&channel->lock, state);
    for (unsigned cpu = 0; cpu < cpu_count(); cpu++)
        if ((mask & CPU_MASK(cpu)) != 0)
            send(cpu, channel->vector);
    while (__atomic_load_n(&request.open, __ATOMIC_ACQUIRE) != 0)
        cpu_relax();
    unlink_request(channel, &request);
}

void smp_call(cpu_mask_t mask, void (*fn)(void *arg), void *arg)
{
    ask(&calls, mask, fn, arg);
}

void smp_sync(cpu_mask_t mask)
{
    ask(&syncs, mask, NULL, NULL);
}

void smp_kick(unsigned cpu)
{
    if (cpu < cpu_count() && cpu != cpu_this()->id)
        send(cpu, VECTOR_KICK);
}

struct flush {
    uintptr_t va;
    size_t len;
};

static void flush(void *arg)
{
    const struct flush *f = arg;

    if (f->len >= FLUSH_ALL_LEN) {
        cr3_write(cr3_read());
        return;
    }
    for (size_t off = 0; off < f->len; off += 1u << 12)
        tlb_flush_page(f->va + off);
}

void smp_flush(uintptr_t va, size_t len)
{
    struct flush f = {va, len};

    if (cpu_count() > 1)
        smp_call(cpu_mask_all() & ~CPU_MASK(cpu_this()->id), flush, &f);
}

void smp_stop_others(void)
{
    const unsigned self = cpu_this()->id + 1;
    const cpu_mask_t others = cpu_mask_all() & ~CPU_MASK(self - 1);
    unsigned nobody = 0;

    if (!__atomic_compare_exchange_n(&stopper, &nobody, self, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST)) {
        if (nobody == self)
            return;
        cpu_halt();
    }
    for (unsigned cpu = 0; cpu < cpu_count(); cpu++)
        if ((others & CPU_MASK(cpu)) != 0)
            send(cpu, LAPIC_ICR_NMI);
    for (unsigned us = 0; us < STOP_WAIT_US; us += STOP_POLL_US) {
        if ((__atomic_load_n(&stopped, __ATOMIC_ACQUIRE) & others) == others)
            return;
        clock_delay_us(STOP_POLL_US);
    }
}

void smp_stop_if_asked(void)
{
    const unsigned self = cpu_this()->id, by = __atomic_load_n(&stopper, __ATOMIC_ACQUIRE);

    if (by == 0 || by == self + 1)
        return;
    __atomic_fetch_or(&stopped, CPU_MASK(self), __ATOMIC_RELEASE);
    cpu_halt();
}

/* Its coming has ended the sleep. */
static void kicked(void *arg)
{
    (void)arg;
}

void smp_vectors_set(struct intr_cpu *intr)
{
    intr->slots[VECTOR_CALL - VECTOR_TABLE_BASE] = (struct intr_slot){serve_calls, NULL};
    intr->slots[VECTOR_SYNC - VECTOR_TABLE_BASE] = (struct intr_slot){serve_syncs, NULL};
    intr->slots[VECTOR_KICK - VECTOR_TABLE_BASE] = (struct intr_slot){kicked, NULL};
}
