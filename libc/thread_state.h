/* What libc and net keep for each thread; hangs off thread->libc_state. */
#ifndef LIBC_THREAD_STATE_H
#define LIBC_THREAD_STATE_H

#include <sys/reent.h>

struct libc_thread {
    struct _reent reent;
    void *net_state; /* net's, made when first needed */
};

/* The calling thread's; one for all before threads exist. */
struct libc_thread *libc_thread(void);

/* @destroy frees a thread's net_state when the thread ends. Called once, by net. */
void libc_set_net_destroy(void (*destroy)(void *net_state));

#endif
