/* Private to thread.c, sched.c, wait.c and stack.c. The sched_ calls are made with interrupts off.
 */
#ifndef KERNEL_SCHED_H
#define KERNEL_SCHED_H

#include <stdint.h>

#include "kernel/thread.h"

/* Makes @thread, which must be in no queue, runnable on its CPU. */
void sched_make_ready(struct thread *thread);

/* Runs the next thread; returns when the caller, whose state and queue are set, has its turn again.
 */
void sched_switch(void);

/* As sched_switch() for a caller that has ended. @reap: free it once its stack is out of use. */
_Noreturn void sched_leave(bool reap);

/* First thing a new thread does, with what sched_switch() leaves to be done on the other side. */
void sched_arrive(void);

/* Called once, before any other. @first is the caller. */
void sched_init(struct thread *first);

/* Gives back an ended thread's memory. */
void thread_free(struct thread *thread);

/* What a thread's wait_timer does when the deadline of its wait has come. */
void thread_wait_expired(void *arg);

/* A zeroed stack with a guard page below, @len a page multiple. 0, -ENOMEM. Thread context. */
int stack_alloc(size_t len, uintptr_t *va, uint64_t *pa);
void stack_free(uintptr_t va, uint64_t pa, size_t len);

#endif
