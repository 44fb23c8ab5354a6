/* Interrupt vectors of the CPUs, message composition, and interrupt-controller inputs (GSIs). */
#ifndef ARCH_INTR_H
#define ARCH_INTR_H

#include <stdbool.h>
#include <stdint.h>

/* Runs with interrupts off, on the CPU that took the vector. Must not use FP registers, block, or
 * allocate. */
typedef void (*intr_handler_t)(void *arg);

/* What a device must write to memory to raise a vector. */
struct msi_message {
    uint64_t address;
    uint32_t data;
};

enum intr_trigger {
    INTR_EDGE_HIGH, /* ISA default */
    INTR_LEVEL_LOW, /* PCI INTx */
    INTR_EDGE_LOW,  /* only where firmware says so */
    INTR_LEVEL_HIGH,
};

/* Finds and sets up the interrupt controllers; masks the legacy PIC. Needs firmware_init() and
 * memory maps. */
void intr_init(void);

/* Takes a free vector of @cpu's pool and points it at @fn(@arg). Vector number, or -ENOSPC; a CPU
 * that no device can name has none. Any context. */
int intr_vector_alloc(unsigned cpu, intr_handler_t fn, void *arg);

/* Takes @cnt free vectors in a row (a power of two, to which the first is aligned) and points each
 * at @fn with its own of @args. The first, or -ENOSPC. Any context. */
int intr_vector_alloc_block(unsigned cpu, unsigned cnt, intr_handler_t fn, void *const *args);

/* Gives @vector back; a late interrupt on it is counted as spurious and acknowledged. */
void intr_vector_free(unsigned cpu, unsigned vector);

/* Vectors left in @cpu's pool. */
unsigned intr_vector_free_cnt(unsigned cpu);

/* Interrupts that arrived on vectors nobody owns. */
uint64_t intr_spurious_cnt(void);

/* The one place that knows the address and data format of message-signalled interrupts. */
void intr_msi_compose(unsigned cpu, unsigned vector, struct msi_message *msg);

/* Raises @vector on @cpu, as a message of a device would. Any context. */
void intr_raise(unsigned cpu, unsigned vector);

/* Routes input @gsi to @vector on @cpu, masked. 0, -ENODEV no controller has that input, -EINVAL it
 * cannot reach that CPU, -EBUSY its last interrupt is not acknowledged yet. */
int intr_gsi_route(unsigned gsi, unsigned cpu, unsigned vector, enum intr_trigger trigger);
void intr_gsi_mask(unsigned gsi);
void intr_gsi_unmask(unsigned gsi);

/* GSI and trigger of ISA interrupt @isa_irq (0..15), firmware overrides applied. */
unsigned intr_isa_gsi(unsigned isa_irq, enum intr_trigger *trigger);

/* True inside an interrupt handler on this CPU. */
bool intr_in_handler(void);

#endif
