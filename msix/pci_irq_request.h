/*
 * Requests to change a function's mode that lie in memory which another party can write at any
 * time. What is asked is copied once, and only the copy is checked and used; the answer is written
 * field by field, the result last.
 */
#ifndef MSIX_PCI_IRQ_REQUEST_H
#define MSIX_PCI_IRQ_REQUEST_H

#include <stdint.h>

#define PCI_IRQ_REQUEST_VECTORS_MAX 128

enum pci_irq_op {
    PCI_IRQ_OP_STATE,
    PCI_IRQ_OP_ENABLE,
    PCI_IRQ_OP_DISABLE
};

struct pci_irq_request {
    /* written by who asks */
    struct pci_irq_ask {
        uint32_t op;   /* enum pci_irq_op */
        uint32_t kind; /* enum pci_irq_mode, not for PCI_IRQ_OP_STATE */
        uint32_t addr; /* segment << 16 | bus << 8 | device << 3 | function */
        uint32_t cnt;  /* vectors, for PCI_IRQ_OP_ENABLE */
    } ask;
    /* written by pci_irq_request_serve() */
    struct pci_irq_answer {
        uint32_t mode; /* enum pci_irq_mode that the function is in now */
        uint32_t cnt;  /* vectors in use now */
        uint32_t line; /* INTx line that firmware noted, 0: none */
        int32_t err;   /* 0 or negative errno */
        uint32_t
            irqs[PCI_IRQ_REQUEST_VECTORS_MAX]; /* of each vector; only when enabling succeeded */
    } answer;
};

/*
 * Serves @shared, logs a failure (at a limited rate) and returns the result that it also wrote
 * there: 0; -ENODEV no such function; -EINVAL unknown operation or kind, or more vectors than a
 * request may have; -EBUSY a driver uses the function; what pci_irq_enable() and pci_irq_disable()
 * say. Thread context.
 */
int pci_irq_request_serve(struct pci_irq_request *shared);

#endif
