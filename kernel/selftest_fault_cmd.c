/* Faults provoked on purpose: each shows that the machine notices, says what happened and stops. */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "arch/cpu.h"
#include "kernel/console.h"
#include "kernel/panic.h"
#include "kernel/selftest.h"
#include "kernel/thread.h"

/* In the half of the address space where nothing is ever mapped. */
#define UNMAPPED 0x123456789000ull

/* Volatile, so that the compiler does not know what comes of them. */
static volatile uintptr_t null_address, unmapped_address = UNMAPPED;
static volatile int number = 1, zero;
static volatile unsigned depth_max = UINT32_MAX;
static uint8_t some_data[16];
static const uint8_t some_rodata[16] = {1};

static void fault_null(void)
{
    *(volatile int *)null_address = 1;
}

static void fault_page(void)
{
    (void)*(volatile int *)unmapped_address;
}

static __attribute__((noinline)) unsigned recurse(unsigned depth)
{
    volatile uint8_t frame[200];

    frame[depth % sizeof(frame)] = (uint8_t)depth;
    return depth < depth_max ? recurse(depth + 1) + frame[depth % sizeof(frame)] : 0;
}

static void fault_stack(void)
{
    recurse(0);
}

static void fault_ud(void)
{
    __builtin_trap();
}

static void fault_div(void)
{
    number = number / zero;
}

static void fault_write_text(void)
{
    *(volatile uint8_t *)(uintptr_t)fault_null = 0;
}

static void fault_write_rodata(void)
{
    *(volatile uint8_t *)(uintptr_t)some_rodata = 0;
}

static void fault_exec_data(void)
{
    volatile uintptr_t address = (uintptr_t)some_data;

    ((void (*)(void))address)();
}

static void fault_panic(void)
{
    panic("provoked by \"selftest fault panic\"");
}

static const struct fault {
    const char *kind;
    void (*fn)(void);
} faults[] = {
    {"null", fault_null},
    {"page", fault_page},
    {"stack", fault_stack},
    {"ud", fault_ud},
    {"div", fault_div},
    {"write-text", fault_write_text},
    {"write-rodata", fault_write_rodata},
    {"exec-data", fault_exec_data},
    {"panic", fault_panic},
};

static void fault_thread(void *arg)
{
    const struct fault *fault = arg;

    fault->fn();
}

/* Stops the machine, or nothing has happened. */
static void provoke(const struct fault *fault, cpu_mask_t cpus)
{
    struct thread *threads[CPU_MAX] = {NULL};

    if (cpus == CPU_MASK(cpu_this()->id)) {
        fault->fn();
        return;
    }
    for (unsigned cpu = 0; cpu < cpu_count(); cpu++)
        if ((cpus & CPU_MASK(cpu)) != 0)
            threads[cpu] =
                thread_create_on(cpu, "selftest", fault_thread, (void *)(uintptr_t)fault, 0);
    for (unsigned cpu = 0; cpu < cpu_count(); cpu++)
        if (threads[cpu] != NULL)
            thread_join(threads[cpu]);
}

int selftest_fault(const char *kind, cpu_mask_t cpus)
{
    for (unsigned i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        if (strcmp(faults[i].kind, kind) != 0)
            continue;
        provoke(&faults[i], cpus);
        return console_fail(-EIO, "nothing happened");
    }
    return console_fail(-EINVAL, "no fault \"%s\"", kind);
}
