/* Interrupt vectors, I/O APIC inputs and CPUs of host tests; interrupts are delivered by the test.
 * Link tests/host/fake/fake_intr.c. */
#ifndef FAKE_INTR_H
#define FAKE_INTR_H

#include <stdbool.h>

#include "arch/cpu.h"
#include "arch/intr.h"

#define FAKE_GSI_MAX 24

struct fake_gsi {
    unsigned cpu, vector;
    enum intr_trigger trigger;
    bool unmasked;
};

/* As the calls of arch/intr.h left them. */
extern struct fake_gsi fake_gsis[FAKE_GSI_MAX];

/* What intr_isa_gsi() says of each ISA interrupt; at first the input of its number, edge. */
extern struct fake_isa {
    unsigned gsi;
    enum intr_trigger trigger;
} fake_isas[16];

/* Messages are @address + CPU, @data + vector; at first values that need all bits there are. */
extern struct msi_message fake_msi_base;

/* One CPU, or @cnt, each with a pool of @vector_cnt vectors, none in use. */
void fake_intr_reset(unsigned vector_cnt);
void fake_intr_reset_cpus(unsigned cnt, unsigned vector_cnt);

/* Vectors in use now. */
unsigned fake_intr_used(void);
unsigned fake_intr_used_on(unsigned cpu);

/* Runs the handler of @vector, as the CPU (0 or @cpu) would; false when nobody owns it. */
bool fake_intr_deliver(unsigned vector);
bool fake_intr_deliver_on(unsigned cpu, unsigned vector);

/* Called by smp_sync(): what happens on other CPUs meanwhile. May be NULL. */
extern void (*fake_smp_sync_hook)(cpu_mask_t mask);

#endif
