/* Private to thread.c, sched.c, wait.c, stack.c and mutex.c. The sched_ calls are made with
 * interrupts off. */
#ifndef KERNEL_SCHED_H
#define KERNEL_SCHED_H

#include <stdint.h>

#include "kernel/thread.h"

/* Makes @thread, which must be in no queue, runnable on its CPU, and wakes that CPU. */
void sched_make_ready(struct thread *thread);

/* Undoes that for the caller, who was made runnable before it went to sleep. */
void sched_take_back(struct thread *self);

/* Runs the next thread; returns when the caller, whose state and queue are set, has its turn again.
 */
void sched_switch(void);

/* As sched_switch() for a caller that has ended; thread_reap() gets it when its stack is out of
 * use. */
_Noreturn void sched_leave(void);

/* Waits for a thread that has left this CPU for good, and returns it. */
struct thread *sched_next_ended(void);

/* Makes run queues for all CPUs. Called once, before any other. */
void sched_init(void);

/* @first is the caller, the first thread of its CPU. */
void sched_begin(struct thread *first);

/* What a thread's wait_timer does when the deadline of its wait has come. */
void thread_wait_expired(void *arg);

/* As wait_queue_wake_one(); the thread, NULL when none waits. */
struct thread *wait_queue_wake_first(struct wait_queue *wq);

/* A zeroed stack with a guard page below, @len a page multiple. 0, -ENOMEM. Thread context. */
int stack_alloc(size_t len, uintptr_t *va, uint64_t *pa);

/* Thread context, interrupts on: other CPUs must forget the mapping first. */
void stack_free(uintptr_t va, uint64_t pa, size_t len);

#endif
