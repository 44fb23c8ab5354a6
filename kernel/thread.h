/*
 * Cooperative threads, wait queues and sleeping. A thread runs until it blocks, yields or ends;
 * interrupt handlers only make threads runnable. Each thread belongs to one CPU. A CPU without a
 * runnable thread sleeps.
 */
#ifndef KERNEL_THREAD_H
#define KERNEL_THREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/context.h"
#include "arch/cpu.h"
#include "arch/spinlock.h"
#include "kernel/list.h"
#include "kernel/timer.h"

#define THREAD_STACK_DEFAULT (32 * 1024ul)
#define THREAD_NAME_MAX      24
#define WAIT_FOREVER         UINT64_MAX

enum thread_state {
    THREAD_READY,
    THREAD_RUNNING,
    THREAD_BLOCKED,
    THREAD_ENDED
};

struct wait_queue {
    struct spinlock lock;
    struct list waiters;
};

struct thread {
    struct arch_context context;
    struct list run_link;    /* run queue or wait queue, under that one's lock */
    struct list all_link;    /* every thread, for the threads command */
    struct timer wait_timer; /* armed while a wait has a deadline */
    uint64_t run_cycles;     /* cycles spent running, without idling */
    uint64_t switched_at;    /* cycle count when last switched in */
    uintptr_t stack_va;      /* lowest usable address; 0: the boot stack */
    size_t stack_len;
    uint64_t stack_pa;
    void *libc_state; /* set by libc: this thread's struct _reent */
    void (*fn)(void *);
    void *arg;
    unsigned id;
    unsigned cpu;
    enum thread_state state;
    struct wait_queue *wait_queue; /* where it waits, or waited last */
    bool waiting;                  /* in wait_queue; under its lock */
    bool timed_out;
    bool detached;
    struct wait_queue joiners;
    char name[THREAD_NAME_MAX];
};

/* Turns the caller (boot stack) into the first thread, "main". */
void thread_init(void);

/* Turns the caller, another CPU on its first stack, into that CPU's first thread. Interrupts off.
 */
void thread_init_cpu(void);

/* What that thread does for good: gives back the memory of the CPU's threads that have ended. */
_Noreturn void thread_reap(void *unused);

/* libc sets these: called at creation and at end of every thread, in thread context. @create: 0 or
 * -ENOMEM. */
void thread_set_libc_hooks(int (*create)(struct thread *), void (*destroy)(struct thread *));

/*
 * A new runnable thread on this CPU; NULL when memory is short. @stack_len 0: default. Its memory
 * is freed when it has ended and is joined or detached. Thread context.
 */
struct thread *thread_create(const char *name, void (*fn)(void *), void *arg, size_t stack_len);

/* As thread_create(), on @cpu, where the thread stays. NULL too when @cpu is not in use. */
struct thread *thread_create_on(unsigned cpu, const char *name, void (*fn)(void *), void *arg,
                                size_t stack_len);
void thread_detach(struct thread *thread);
void thread_join(struct thread *thread);
_Noreturn void thread_exit(void);

/* NULL before thread_init(). In an interrupt handler: the thread that was interrupted. */
static inline struct thread *thread_current(void)
{
    return cpu_this()->current;
}

/* Cycles this CPU spent without a runnable thread. */
uint64_t thread_idle_cycles(unsigned cpu);

/* Bytes of @thread's stack that were used at some time; 0 for the boot stack, which is not
 * measured. */
size_t thread_stack_used(const struct thread *thread);

/* Lets other runnable threads of this CPU run. Thread context. */
void thread_yield(void);

/* Blocks for at least @ns. Thread context. */
void thread_sleep_ns(uint64_t ns);

#define WAIT_QUEUE_INIT(wq)                \
    {                                      \
        .waiters = LIST_INIT((wq).waiters) \
    }
void wait_queue_init(struct wait_queue *wq);

/*
 * A wait in pieces: enter the queue, test the condition, then either leave or block until woken or
 * until clock_ns() reaches @deadline_ns (0, -ETIMEDOUT). Whoever makes the condition true and then
 * wakes the queue is not missed, whatever CPU it is on. Interrupts are off all the while, and
 * between entering and the other two nothing may be called that waits. Thread context.
 */
void wait_queue_enter(struct wait_queue *wq);
bool wait_queue_leave(struct wait_queue *wq); /* whether the caller had been woken */
int wait_queue_block(struct wait_queue *wq, uint64_t deadline_ns);

/*
 * Waits for a condition that @lock guards: the caller, who has tested it, holds @lock by
 * spin_lock(); it is released during the sleep and held again on return. 0, -ETIMEDOUT.
 */
int wait_queue_sleep_locked(struct wait_queue *wq, struct spinlock *lock, uint64_t deadline_ns);

/* Makes the first waiter, or all, runnable. Any context, interrupt handlers included. */
bool wait_queue_wake_one(struct wait_queue *wq);
void wait_queue_wake_all(struct wait_queue *wq);

/*
 * Waits until @cond holds or the deadline passes; evaluates to 0 whenever @cond holds at the end,
 * else to -ETIMEDOUT. @cond is evaluated with interrupts off; it must be fit to be read without a
 * lock, or take one. Thread context.
 */
#define WAIT_UNTIL(wq, deadline_ns, cond)                 \
    ({                                                    \
        int wait_rc_ = 0;                                 \
        const uint64_t wait_end_ = (deadline_ns);         \
        uint64_t wait_irq_ = cpu_irq_save();              \
        for (;;) {                                        \
            if (cond) {                                   \
                wait_rc_ = 0;                             \
                break;                                    \
            }                                             \
            if (wait_rc_ != 0)                            \
                break;                                    \
            wait_queue_enter(wq);                         \
            if (cond) {                                   \
                wait_queue_leave(wq);                     \
                break;                                    \
            }                                             \
            wait_rc_ = wait_queue_block((wq), wait_end_); \
        }                                                 \
        cpu_irq_restore(wait_irq_);                       \
        wait_rc_;                                         \
    })

/*
 * Calls @fn for the thread with the lowest id above @id, which stays as long as @fn runs; false at
 * the end. @fn must not wait or print. For walks in which the caller may block in between.
 */
bool thread_visit_next(unsigned id, void (*fn)(const struct thread *, void *), void *arg);

#endif
