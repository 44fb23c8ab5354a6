/* CPU control that upper layers need: interrupt flag, idle, per-CPU data. */
#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include <stdbool.h>
#include <stdint.h>

/* Upper bound on CPUs that per-CPU tables are sized for. */
#define CPU_MAX 64

/* A set of CPUs: bit N is CPU N. */
typedef uint64_t cpu_mask_t;
_Static_assert(CPU_MAX <= 64, "a bit for each");
#define CPU_MASK(cpu) ((cpu_mask_t)1 << (cpu))

struct thread;
struct intr_cpu;

/* Per-CPU block, found through the CPU's own base register. Owned by its CPU. */
struct percpu {
    struct percpu *self;    /* set by arch; must stay first */
    struct thread *current; /* set by the scheduler */
    unsigned id;            /* dense CPU number, 0 is the boot CPU */
    unsigned hw_id;         /* local APIC id */
    unsigned irq_depth;     /* >0 inside an interrupt handler; set by arch dispatch */
    struct intr_cpu *intr;  /* vector table of arch dispatch */
};

/*
 * Inline primitives come from the architecture's folder:
 *   uint64_t cpu_irq_save(void)            disables interrupts, returns the old state
 *   void cpu_irq_restore(uint64_t state)   puts that state back
 *   void cpu_irq_enable(void) / cpu_irq_disable(void)
 *   bool cpu_irq_enabled(void)
 *   void cpu_wait_irq(void)                enables interrupts and sleeps until one arrives, without
 * a gap void cpu_relax(void)                   spin-loop hint struct percpu *cpu_this(void) void
 * cpu_mark(unsigned id)             (1..4) no-op marker instruction that emulator plugins count
 * between
 */
#include "arch_impl/cpu.h"

/* Sets up descriptor tables, exception vectors and per-CPU data of the boot CPU. Called once, first
 * thing. */
void cpu_init_boot(void);

/* CPUs in use, at least 1; their numbers are 0 to cpu_count() - 1. */
unsigned cpu_count(void);

/* Number of @cpu in the hardware's own counting, the local APIC id. @cpu is in use. */
unsigned cpu_hw_id(unsigned cpu);

/* All CPUs in use. */
static inline cpu_mask_t cpu_mask_all(void)
{
    return ~(cpu_mask_t)0 >> (CPU_MAX - cpu_count());
}

/* Reads from firmware's table which CPU is on which NUMA node. Once, when all CPUs are started;
 * before that there is one node. */
void cpu_nodes_init(void);

/* NUMA node of @cpu, and how many there are. Nodes are numbered without gaps and each has a CPU in
 * use; without a table from firmware all CPUs are on node 0. */
unsigned cpu_node(unsigned cpu);
unsigned cpu_node_count(void);

/* Human-readable model name, e.g. "QEMU TCG CPU version 2.5+". Never NULL. */
const char *cpu_model(void);

/* Architecture name as printed by @boot, e.g. "x86_64". */
const char *cpu_arch_name(void);

/* Stops this CPU for good with interrupts off. */
_Noreturn void cpu_halt(void);

#endif
