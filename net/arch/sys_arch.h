/* lwIP's semaphores, mutexes, mailboxes and threads, over the kernel's. */
#ifndef NET_ARCH_SYS_ARCH_H
#define NET_ARCH_SYS_ARCH_H

#include <stdbool.h>

#include "arch/spinlock.h"
#include "kernel/mutex.h"
#include "kernel/thread.h"

typedef uint64_t sys_prot_t; /* interrupt state */

typedef struct {
    struct spinlock lock;
    struct wait_queue wait;
    unsigned cnt;
    bool valid;
} sys_sem_t;

typedef struct {
    struct mutex mutex;
    bool valid;
} sys_mutex_t;

/* A ring of messages; NULL is a message too. */
typedef struct {
    struct spinlock lock;
    void **ring;
    unsigned size, head, cnt;
    struct wait_queue readers, writers;
} sys_mbox_t;

typedef struct thread *sys_thread_t;

#define sys_sem_valid(sem)           ((sem)->valid)
#define sys_sem_set_invalid(sem)     ((sem)->valid = false)
#define sys_mutex_valid(mutex)       ((mutex)->valid)
#define sys_mutex_set_invalid(mutex) ((mutex)->valid = false)
#define sys_mbox_valid(mbox)         ((mbox)->ring != NULL)
#define sys_mbox_set_invalid(mbox)   ((mbox)->ring = NULL)

/* The calling thread's semaphore, for calls that wait for the stack; NULL when memory is short. */
sys_sem_t *net_thread_sem(void);
#define LWIP_NETCONN_THREAD_SEM_GET()   net_thread_sem()
#define LWIP_NETCONN_THREAD_SEM_ALLOC() ((void)net_thread_sem())
#define LWIP_NETCONN_THREAD_SEM_FREE()  ((void)0)

/* Called once before tcpip_init(). */
void net_sys_init(void);

#endif
