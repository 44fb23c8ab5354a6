/* lwIP's view of the system: semaphores, mutexes, mailboxes, threads and time, over the kernel's.
 */
#include "lwip/sys.h"

#include <stdlib.h>

#include "arch/clock.h"
#include "arch/cpu.h"
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "libc/thread_state.h"

#define NS_PER_MS 1000000ull

void net_assert_failed(const char *message, const char *file, int line)
{
    panic("lwip: %s:%d: %s", file, line, message);
}

void sys_init(void)
{
}

u32_t sys_now(void)
{
    return (u32_t)(clock_ns() / NS_PER_MS);
}

u32_t sys_jiffies(void)
{
    return sys_now();
}

/* lwIP's way of saying "for ever" is a timeout of 0. */
static uint64_t deadline_of(u32_t timeout_ms)
{
    return timeout_ms == 0 ? WAIT_FOREVER : clock_ns() + timeout_ms * NS_PER_MS;
}

/* Sections may be nested, and are short: nothing in them waits. */
static struct spinlock protect_lock;
static unsigned protect_owner; /* CPU number + 1; atomic, since others read it */
static unsigned protect_depth;

sys_prot_t sys_arch_protect(void)
{
    uint64_t irq = cpu_irq_save();
    unsigned self = cpu_this()->id + 1;

    if (__atomic_load_n(&protect_owner, __ATOMIC_RELAXED) != self) {
        spin_acquire(&protect_lock);
        __atomic_store_n(&protect_owner, self, __ATOMIC_RELAXED);
    }
    protect_depth++;
    return irq;
}

void sys_arch_unprotect(sys_prot_t pval)
{
    if (--protect_depth == 0) {
        __atomic_store_n(&protect_owner, 0, __ATOMIC_RELAXED);
        spin_release(&protect_lock);
    }
    cpu_irq_restore(pval);
}

err_t sys_sem_new(sys_sem_t *sem, u8_t count)
{
    wait_queue_init(&sem->wait);
    sem->lock = (struct spinlock){0};
    sem->cnt = count;
    sem->valid = true;
    return ERR_OK;
}

void sys_sem_free(sys_sem_t *sem)
{
    sem->valid = false;
}

void sys_sem_signal(sys_sem_t *sem)
{
    uint64_t irq = spin_lock(&sem->lock);

    sem->cnt++;
    wait_queue_wake_one(&sem->wait);
    spin_unlock(&sem->lock, irq);
}

u32_t sys_arch_sem_wait(sys_sem_t *sem, u32_t timeout)
{
    uint64_t deadline = deadline_of(timeout), irq = spin_lock(&sem->lock);
    int rc = 0;

    while (sem->cnt == 0 && rc == 0)
        rc = wait_queue_sleep_locked(&sem->wait, &sem->lock, deadline);
    if (sem->cnt > 0) {
        sem->cnt--;
        rc = 0;
    }
    spin_unlock(&sem->lock, irq);
    return rc == 0 ? 0 : SYS_ARCH_TIMEOUT;
}

static void thread_sem_destroy(void *sem)
{
    free(sem);
}

sys_sem_t *net_thread_sem(void)
{
    struct libc_thread *state = libc_thread();

    if (state->net_state == NULL) {
        sys_sem_t *sem = malloc(sizeof(*sem));

        if (sem != NULL)
            sys_sem_new(sem, 0);
        state->net_state = sem;
    }
    return state->net_state;
}

void net_sys_init(void)
{
    libc_set_net_destroy(thread_sem_destroy);
}

err_t sys_mutex_new(sys_mutex_t *mutex)
{
    mutex_init(&mutex->mutex);
    mutex->valid = true;
    return ERR_OK;
}

void sys_mutex_free(sys_mutex_t *mutex)
{
    mutex->valid = false;
}

void sys_mutex_lock(sys_mutex_t *mutex)
{
    mutex_lock(&mutex->mutex);
}

void sys_mutex_unlock(sys_mutex_t *mutex)
{
    mutex_unlock(&mutex->mutex);
}

err_t sys_mbox_new(sys_mbox_t *mbox, int size)
{
    mbox->ring = calloc((size_t)size, sizeof(*mbox->ring));
    if (mbox->ring == NULL)
        return ERR_MEM;
    mbox->lock = (struct spinlock){0};
    mbox->size = (unsigned)size;
    mbox->head = 0;
    mbox->cnt = 0;
    wait_queue_init(&mbox->readers);
    wait_queue_init(&mbox->writers);
    return ERR_OK;
}

void sys_mbox_free(sys_mbox_t *mbox)
{
    free(mbox->ring);
    mbox->ring = NULL;
}

/* Both with the lock. */
static void mbox_put(sys_mbox_t *mbox, void *msg)
{
    unsigned tail = mbox->head + mbox->cnt;

    mbox->ring[tail < mbox->size ? tail : tail - mbox->size] = msg;
    mbox->cnt++;
    wait_queue_wake_one(&mbox->readers);
}

static void mbox_take(sys_mbox_t *mbox, void **msg)
{
    void *taken = mbox->ring[mbox->head];

    mbox->head = mbox->head + 1 < mbox->size ? mbox->head + 1 : 0;
    mbox->cnt--;
    wait_queue_wake_one(&mbox->writers);
    if (msg != NULL)
        *msg = taken;
}

void sys_mbox_post(sys_mbox_t *mbox, void *msg)
{
    uint64_t irq = spin_lock(&mbox->lock);

    while (mbox->cnt == mbox->size)
        wait_queue_sleep_locked(&mbox->writers, &mbox->lock, WAIT_FOREVER);
    mbox_put(mbox, msg);
    spin_unlock(&mbox->lock, irq);
}

err_t sys_mbox_trypost(sys_mbox_t *mbox, void *msg)
{
    uint64_t irq = spin_lock(&mbox->lock);
    bool room = mbox->cnt < mbox->size;

    if (room)
        mbox_put(mbox, msg);
    spin_unlock(&mbox->lock, irq);
    return room ? ERR_OK : ERR_MEM;
}

/* Interrupt handlers do not call lwIP. */
err_t sys_mbox_trypost_fromisr(sys_mbox_t *mbox, void *msg)
{
    return sys_mbox_trypost(mbox, msg);
}

u32_t sys_arch_mbox_fetch(sys_mbox_t *mbox, void **msg, u32_t timeout)
{
    uint64_t deadline = deadline_of(timeout), irq = spin_lock(&mbox->lock);
    int rc = 0;

    while (mbox->cnt == 0 && rc == 0)
        rc = wait_queue_sleep_locked(&mbox->readers, &mbox->lock, deadline);
    if (mbox->cnt > 0) {
        mbox_take(mbox, msg);
        rc = 0;
    }
    spin_unlock(&mbox->lock, irq);
    return rc == 0 ? 0 : SYS_ARCH_TIMEOUT;
}

u32_t sys_arch_mbox_tryfetch(sys_mbox_t *mbox, void **msg)
{
    uint64_t irq = spin_lock(&mbox->lock);
    bool any = mbox->cnt > 0;

    if (any)
        mbox_take(mbox, msg);
    spin_unlock(&mbox->lock, irq);
    return any ? 0 : SYS_MBOX_EMPTY;
}

sys_thread_t sys_thread_new(const char *name, lwip_thread_fn thread, void *arg, int stacksize,
                            int prio)
{
    struct thread *new = thread_create(name, thread, arg, (size_t)stacksize);

    (void)prio;
    if (new == NULL)
        panic("out of memory for thread \"%s\"", name);
    thread_detach(new);
    return new;
}
