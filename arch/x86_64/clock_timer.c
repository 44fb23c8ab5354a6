/* The one-shot timer of each CPU: its local APIC's, by TSC deadline where the CPU has that, else by
 * a count. */
#include <stddef.h>

#include "arch/barrier.h"
#include "arch/clock.h"
#include "arch/cpu.h"
#include "arch/x86_64/clock_private.h"
#include "arch/x86_64/cpu_insn.h"
#include "arch/x86_64/intr_cpu.h"
#include "arch/x86_64/lapic.h"

#define NS_PER_SEC 1000000000ull
#define COUNT_MAX  UINT32_MAX

/*
 * What is armed may be earlier than what is wanted: a deadline that moves away costs no register
 * access, only an early interrupt that arms the timer again.
 */
struct timer_state {
    uint64_t wanted_ns;
    uint64_t armed_ns;
};

struct timer_ops {
    void (*arm)(uint64_t deadline_ns);
    void (*unit_start)(void); /* on each CPU */
};

static struct timer_state states[CPU_MAX];
static void (*expired)(void);
static const struct timer_ops *ops;
static uint64_t begin_cycles;
static uint64_t counts_per_ns; /* 32 fraction bits */

static uint64_t ns_until(uint64_t deadline_ns)
{
    uint64_t now = clock_ns();

    return deadline_ns > now ? deadline_ns - now : 0;
}

/* From now on rather than from the start: a rounding error then cannot grow with the uptime. */
static void arm_deadline(uint64_t deadline_ns)
{
    msr_write(MSR_TSC_DEADLINE, clock_cycles() + clock_ns_to_cycles(ns_until(deadline_ns)) + 1);
}

static void arm_count(uint64_t deadline_ns)
{
    uint64_t ns = ns_until(deadline_ns);
    unsigned __int128 count = ((unsigned __int128)ns * counts_per_ns >> 32) + 1;

    lapic_timer_start(count < COUNT_MAX ? (uint32_t)count : COUNT_MAX);
}

static void unmask_count(void)
{
    lapic_timer_mask(false);
}

static const struct timer_ops deadline_ops = {arm_deadline, lapic_timer_deadline_mode};
static const struct timer_ops count_ops = {arm_count, unmask_count};

static void arm(struct timer_state *state, uint64_t deadline_ns)
{
    WRITE_ONCE(state->armed_ns, deadline_ns);
    ops->arm(deadline_ns);
}

static void timer_interrupt(void *arg)
{
    struct timer_state *state = &states[cpu_this()->id];
    uint64_t wanted = state->wanted_ns;

    (void)arg;
    state->armed_ns = UINT64_MAX;
    if (wanted == UINT64_MAX)
        return;
    if (clock_ns() < wanted) {
        arm(state, wanted);
        return;
    }
    state->wanted_ns = UINT64_MAX;
    if (expired != NULL)
        expired();
}

void clock_timer_unit_begin(void)
{
    begin_cycles = clock_cycles();
    lapic_timer_start(COUNT_MAX);
}

static uint64_t measure_count_hz(uint64_t tsc_hz)
{
    uint64_t window = tsc_hz / 1000000 * CALIBRATE_WINDOW_US, cycles;
    uint32_t counts;

    while (clock_cycles() - begin_cycles < window)
        cpu_relax();
    counts = COUNT_MAX - lapic_timer_count();
    cycles = clock_cycles() - begin_cycles;
    lapic_timer_start(0);
    return counts * (tsc_hz / 1000) / (cycles / 1000);
}

void clock_timer_unit_end(uint64_t tsc_hz)
{
    for (unsigned i = 0; i < CPU_MAX; i++)
        states[i] = (struct timer_state){UINT64_MAX, UINT64_MAX};
    if (cpuid(1, 0).ecx & CPUID_1_ECX_TSC_DEADLINE) {
        lapic_timer_start(0);
        ops = &deadline_ops;
    } else {
        counts_per_ns = (measure_count_hz(tsc_hz) << 32) / NS_PER_SEC;
        ops = &count_ops;
    }
    clock_timer_start_cpu();
}

void clock_timer_start_cpu(void)
{
    intr_vector_set(cpu_this()->id, VECTOR_TIMER, timer_interrupt, NULL);
    ops->unit_start();
}

void clock_timer_init(void (*fn)(void))
{
    expired = fn;
}

void clock_timer_set(uint64_t deadline_ns)
{
    struct timer_state *state = &states[cpu_this()->id];

    WRITE_ONCE(state->wanted_ns, deadline_ns);
    if (deadline_ns < READ_ONCE(state->armed_ns))
        arm(state, deadline_ns);
}
