/* Serving requests from shared memory: one copy in, checks on the copy, results out. */
#include "msix/pci_irq_request.h"

#include <errno.h>
#include <string.h>

#include "arch/barrier.h"
#include "kernel/error.h"
#include "kernel/log.h"
#include "kernel/mutex.h"
#include "msix/pci_irq_kind.h"
#include "msix/pci_vectors.h"

/* Of requests among themselves. Drivers switch only their own functions, which requests leave
 * alone. */
static struct mutex serve_lock = {.waiters = WAIT_QUEUE_INIT(serve_lock.waiters)};

struct search {
    uint32_t addr;
    struct pci_device *found;
};

static uint32_t address_number(struct pci_address addr)
{
    return (uint32_t)addr.segment << 16 | (uint32_t)addr.bus << 8 | (uint32_t)addr.device << 3 |
           addr.function;
}

static void compare(struct pci_device *pdev, void *arg)
{
    struct search *search = arg;

    if (address_number(pdev->addr) == search->addr)
        search->found = pdev;
}

static struct pci_device *find(uint32_t addr)
{
    struct search search = {.addr = addr};

    pci_for_each(compare, &search);
    return search.found;
}

/* A driver's function is the driver's to switch; what the table of modes says comes first. */
static int serve_enable(struct pci_device *pdev, const struct pci_irq_ask *ask)
{
    int rc;

    if (ask->cnt > PCI_IRQ_REQUEST_VECTORS_MAX)
        return -EINVAL;
    rc = pci_irq_enable_check(pdev, (enum pci_irq_mode)ask->kind, ask->cnt);
    if (rc)
        return rc;
    if (pdev->driver)
        return -EBUSY;
    return pci_irq_enable(pdev, (enum pci_irq_mode)ask->kind, ask->cnt, NULL);
}

static int serve_disable(struct pci_device *pdev, const struct pci_irq_ask *ask)
{
    const enum pci_irq_mode kind = (enum pci_irq_mode)ask->kind;

    if (ask->kind == PCI_IRQ_OFF || ask->kind >= PCI_IRQ_MODE_CNT)
        return -EINVAL;
    if (pdev->driver && pci_irq_mode(pdev) == kind)
        return -EBUSY;
    return pci_irq_disable(pdev, kind);
}

static int serve(struct pci_device *pdev, const struct pci_irq_ask *ask)
{
    switch (ask->op) {
    case PCI_IRQ_OP_STATE:
        return 0;
    case PCI_IRQ_OP_ENABLE:
        return serve_enable(pdev, ask);
    case PCI_IRQ_OP_DISABLE:
        return serve_disable(pdev, ask);
    default:
        return -EINVAL;
    }
}

static void write_state(struct pci_irq_answer *answer, const struct pci_device *pdev,
                        bool with_irqs)
{
    const unsigned cnt = pci_vector_cnt(pdev);

    WRITE_ONCE(answer->mode, (uint32_t)pci_irq_mode(pdev));
    WRITE_ONCE(answer->cnt, cnt);
    WRITE_ONCE(answer->line, pci_irq_line(pdev));
    for (unsigned n = 0; with_irqs && n < cnt; n++)
        WRITE_ONCE(answer->irqs[n], (uint32_t)pci_vector_irq(pdev, n));
}

int pci_irq_request_serve(struct pci_irq_request *shared)
{
    static struct log_limit limit;
    struct pci_irq_ask ask;
    struct pci_device *pdev;
    int rc = -ENODEV;

    memcpy(&ask, &shared->ask, sizeof(ask));
    compiler_barrier(); /* from here on the compiler cannot read the shared one instead */

    mutex_lock(&serve_lock);
    pdev = find(ask.addr);
    if (pdev) {
        rc = serve(pdev, &ask);
        write_state(&shared->answer, pdev, rc == 0 && ask.op == PCI_IRQ_OP_ENABLE);
    }
    mutex_unlock(&serve_lock);
    if (rc)
        log_limited(&limit, LOG_WARN, "pci %s: interrupt request %u for %s failed: %s",
                    pdev ? pdev->name : "(no such function)", (unsigned)ask.op,
                    pci_irq_mode_name((enum pci_irq_mode)ask.kind), error_name(rc));
    dma_wmb();
    WRITE_ONCE(shared->answer.err, rc);
    return rc;
}
