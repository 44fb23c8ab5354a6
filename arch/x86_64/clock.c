/* The time-stamp counter as clock: its frequency, from CPUID or measured, and its nanoseconds. */
#include "arch/clock.h"

#include <stdbool.h>
#include <stddef.h>

#include "arch/cpu.h"
#include "arch/io.h"
#include "arch/x86_64/clock_private.h"
#include "arch/x86_64/cpu_insn.h"
#include "arch/x86_64/firmware_private.h"

#define NS_PER_SEC 1000000000ull

#define PM_TIMER_HZ   3579545u
#define PM_TIMER_MASK 0xffffffu

#define PIT_HZ             1193182u
#define PIT_CHANNEL0       0x40
#define PIT_COMMAND        0x43
#define PIT_CHANNEL0_MODE2 0x34 /* low byte, then high byte */
#define PIT_LATCH0         0x00

#define SAMPLE_TRIES 4
#define POLL_CYCLES \
    25000000ull /* a reference that shows less than the window in this time stands still */
#define ASSUMED_HZ 1000000000u /* where there is nothing to measure against */
#define FASTEST_HZ 5000000000ull

/* A timer of known frequency. It wraps: looks further apart than @cycles_max cannot be told from
 * closer ones. */
struct reference {
    const char *name;
    bool (*start)(void);
    uint32_t (*read)(void); /* counts up */
    uint32_t mask;
    uint32_t hz;
    uint64_t cycles_max;
};

struct sample {
    uint64_t cycles;
    uint32_t ticks;
};

extern uint64_t boot_start_cycles;

static const struct reference *reference;
static struct sample first;
static uint64_t tsc_hz;
static const char *source = "assumed";
/* Nanoseconds per cycle and cycles per nanosecond, with 32 fraction bits. 0 until the frequency is
 * known. */
static uint64_t ns_per_cycle, cycles_per_ns;

static bool pm_timer_start(void)
{
    return firmware_acpi()->pm_timer_port != 0;
}

static uint32_t pm_timer_read(void)
{
    return io_in32(firmware_acpi()->pm_timer_port);
}

static bool pit_start(void)
{
    io_out8(PIT_COMMAND, PIT_CHANNEL0_MODE2);
    io_out8(PIT_CHANNEL0, 0);
    io_out8(PIT_CHANNEL0, 0);
    return true;
}

static uint32_t pit_read(void)
{
    uint32_t count;

    io_out8(PIT_COMMAND, PIT_LATCH0);
    count = io_in8(PIT_CHANNEL0);
    count |= (uint32_t)io_in8(PIT_CHANNEL0) << 8;
    return 0u - count;
}

static const struct reference references[] = {
    {"pm-timer", pm_timer_start, pm_timer_read, PM_TIMER_MASK, PM_TIMER_HZ, 1ull << 31},
    {"pit", pit_start, pit_read, 0xffff, PIT_HZ, POLL_CYCLES},
};

/* Pairs a look at both counters; of several tries the one that the host interrupted least. */
static struct sample take_sample(void)
{
    struct sample best = {0};
    uint64_t best_len = UINT64_MAX;

    for (unsigned i = 0; i < SAMPLE_TRIES; i++) {
        uint64_t before = clock_cycles();
        uint32_t ticks = reference->read();
        uint64_t after = clock_cycles();

        if (after - before >= best_len)
            continue;
        best_len = after - before;
        best = (struct sample){before + best_len / 2, ticks & reference->mask};
    }
    return best;
}

static uint64_t hz_from_cpuid(void)
{
    struct cpuid tsc = cpuid_checked(CPUID_LEAF_TSC, 0);
    struct cpuid frequency, hypervisor;

    if (tsc.eax != 0 && tsc.ebx != 0 && tsc.ecx != 0)
        return (uint64_t)tsc.ecx * tsc.ebx / tsc.eax;
    if (cpu_has_hypervisor()) {
        hypervisor = cpuid_checked(CPUID_LEAF_HV_TIMING, 0);
        return (uint64_t)hypervisor.eax * 1000;
    }
    /* Without the crystal's frequency, the base frequency is the counter's on CPUs that have leaf
     * 0x15 at all. */
    frequency = cpuid_checked(CPUID_LEAF_FREQUENCY, 0);
    return tsc.eax != 0 && tsc.ebx != 0 ? (uint64_t)(frequency.eax & 0xffff) * 1000000 : 0;
}

static void set_frequency(uint64_t hz, const char *from)
{
    tsc_hz = hz;
    source = from;
    ns_per_cycle = (NS_PER_SEC << 32) / hz;
    cycles_per_ns = (hz / 1000 << 32) / (NS_PER_SEC / 1000);
}

void clock_calibrate_begin(void)
{
    uint64_t hz = hz_from_cpuid();

    if (hz != 0) {
        set_frequency(hz, "cpuid");
        return;
    }
    for (size_t i = 0; i < sizeof(references) / sizeof(references[0]); i++) {
        if (!references[i].start())
            continue;
        reference = &references[i];
        first = take_sample();
        return;
    }
}

/* Frequency seen between @from and now, waiting until the window is long enough; 0 when the
 * reference stands still. */
static uint64_t measure(struct sample from)
{
    uint32_t wanted = (uint32_t)((uint64_t)reference->hz * CALIBRATE_WINDOW_US / 1000000);
    uint64_t start = clock_cycles();
    struct sample now;
    uint32_t ticks;

    while (((reference->read() - from.ticks) & reference->mask) < wanted &&
           clock_cycles() - start < POLL_CYCLES)
        cpu_relax();
    now = take_sample();
    ticks = (now.ticks - from.ticks) & reference->mask;
    return ticks >= wanted ? (now.cycles - from.cycles) * reference->hz / ticks : 0;
}

void clock_calibrate_end(void)
{
    uint64_t hz = tsc_hz;

    if (hz == 0) {
        if (clock_cycles() - first.cycles > reference->cycles_max)
            first = take_sample();
        hz = measure(first);
        if (hz == 0 && reference != &references[1]) {
            reference = &references[1];
            reference->start();
            hz = measure(take_sample());
        }
        if (hz != 0)
            set_frequency(hz, reference->name);
        else
            set_frequency(ASSUMED_HZ, "assumed");
    }
    clock_timer_unit_end(tsc_hz);
}

static uint64_t scale(uint64_t value, uint64_t factor)
{
    return (uint64_t)((unsigned __int128)value * factor >> 32);
}

uint64_t clock_ns(void)
{
    return scale(clock_cycles() - boot_start_cycles, ns_per_cycle);
}

uint64_t clock_ns_to_cycles(uint64_t ns)
{
    return scale(ns, cycles_per_ns);
}

uint64_t clock_hz(void)
{
    return tsc_hz;
}

const char *clock_source(void)
{
    return source;
}

void clock_delay_us(unsigned us)
{
    uint64_t hz = tsc_hz != 0 ? tsc_hz : FASTEST_HZ;
    uint64_t start = clock_cycles(), len = us * (hz / 1000000 + 1);

    while (clock_cycles() - start < len)
        cpu_relax();
}
