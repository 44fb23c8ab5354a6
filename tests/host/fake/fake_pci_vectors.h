/* A PCI function's interrupts for host tests of what stands on them: pci_vectors_*() and
 * irq_*(). What happens goes into the trace of fake_virtio.h, in order. Link
 * tests/host/fake/fake_pci_vectors.c. */
#ifndef FAKE_PCI_VECTORS_H
#define FAKE_PCI_VECTORS_H

#include <stdbool.h>
#include <stdint.h>

#include "irq/irq.h"
#include "msix/pci_vectors.h"

#define FAKE_VECTORS_MAX 16

struct fake_vectors {
    /* What the function has. */
    unsigned msix_cnt, msi_cnt;
    bool intx;
    /* What goes wrong: allocation of any kind of @fail_kinds, the request for a vector (-1: none).
     */
    int alloc_error;
    unsigned fail_kinds;
    int request_error_vector;
    int affinity_error;
    /* What is in use now. */
    unsigned kind, cnt;
    struct {
        irq_handler_t handler;
        void *cookie;
        char name[IRQ_NAME_MAX];
    } actions[FAKE_VECTORS_MAX];
    unsigned early[FAKE_VECTORS_MAX], lost[FAKE_VECTORS_MAX];
    cpu_mask_t affinity[FAKE_VECTORS_MAX];
    /* How it was asked for last. */
    unsigned flags;
    bool spread;
    struct irq_affinity_spec spec;
};

extern struct fake_vectors fake_vectors;

/* No interrupts offered, nothing fails, vector N is for CPU N. */
void fake_vectors_reset(void);

/* Runs the handler of vector @n as its CPU would; the test fails when it has none. */
enum irq_return fake_vectors_raise(unsigned n);

#endif
