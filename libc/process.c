/* What POSIX says about processes, on a machine that has exactly one and no users. */
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "arch/clock.h"
#include "arch/cpu.h"
#include "arch/memory.h"
#include "kernel/panic.h"
#include "kernel/thread.h"

static int fail(int err)
{
    errno = err;
    return -1;
}

pid_t getpid(void)
{
    return 1;
}

/* newlib's raise() and abort() end up here when no handler was set with signal(). */
int kill(pid_t pid, int sig)
{
    if (pid != getpid() && pid != 0)
        return fail(ESRCH);
    if (sig == 0)
        return 0;
    if (sig == SIGABRT)
        panic("abort() in thread \"%s\"", thread_current()->name);
    panic("signal %d raised in thread \"%s\"", sig, thread_current()->name);
}

int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
    (void)how;
    (void)set;
    if (old != NULL)
        *old = 0;
    return 0;
}

int fork(void)
{
    return fail(ENOSYS);
}

int execve(const char *path, char *const argv[], char *const envp[])
{
    (void)path;
    (void)argv;
    (void)envp;
    return fail(ENOSYS);
}

pid_t wait(int *status) /* NOLINT(readability-non-const-parameter): POSIX has it so */
{
    (void)status;
    return fail(ECHILD);
}

/* All time since the start counts as the appliance's. */
clock_t times(struct tms *buf)
{
    clock_t now = (clock_t)(clock_ns() / (1000000000u / CLOCKS_PER_SEC));

    if (buf != NULL)
        *buf = (struct tms){.tms_utime = now};
    return now;
}

long sysconf(int name)
{
    switch (name) {
    case _SC_PAGESIZE:
        return PAGE_SIZE;
    case _SC_CLK_TCK:
        return CLOCKS_PER_SEC;
    case _SC_NPROCESSORS_CONF:
    case _SC_NPROCESSORS_ONLN:
        return cpu_count();
    default:
        return fail(EINVAL);
    }
}

int sched_yield(void);
int sched_yield(void)
{
    thread_yield();
    return 0;
}
