/* How many vectors a function gets, by which kind, and for which CPUs. */
#include "msix/pci_vectors.h"

#include <errno.h>
#include <stdlib.h>

#include "irq/irq.h"
#include "kernel/panic.h"

/* Kept for the console's line, and for INTx of functions that find nothing better. */
#define LINE_VECTOR_CNT 8

/* Best first. */
static const struct {
    unsigned flag;
    enum pci_irq_mode kind;
} order[] = {
    {PCI_VECTORS_MSIX, PCI_IRQ_MSIX},
    {PCI_VECTORS_MSI, PCI_IRQ_MSI},
    {PCI_VECTORS_INTX, PCI_IRQ_INTX},
};
#define ORDER_CNT (sizeof(order) / sizeof(order[0]))

struct request {
    struct pci_device *pdev;
    unsigned min, max;
    bool spread;
    const struct irq_affinity_spec *spec;
};

static void count_waiting(struct pci_device *pdev, void *arg)
{
    unsigned *cnt = arg;

    *cnt += pdev->driver && !pdev->probed && (pci_msix_cnt(pdev) > 0 || pci_msi_cnt(pdev) > 0);
}

/* CPU vectors that one function may take: all, but for those of lines, and one for each function
 * that waits for its driver. */
static unsigned budget(void)
{
    unsigned pool = irq_vectors_free(cpu_mask_all()), reserve = 0;

    pci_for_each(count_waiting, &reserve);
    if (pool <= LINE_VECTOR_CNT)
        return 0;
    pool -= LINE_VECTOR_CNT;
    return pool > reserve ? pool - reserve : 1;
}

static int enable_spread(const struct request *request, enum pci_irq_mode kind, unsigned cnt)
{
    cpu_mask_t *masks;
    int rc;

    /* The messages of MSI go to one CPU together, a line is shared: neither can be spread. */
    if (!request->spread || kind != PCI_IRQ_MSIX)
        return pci_irq_enable(request->pdev, kind, cnt, NULL);
    masks = calloc(cnt, sizeof(*masks));
    if (!masks)
        return -ENOMEM;
    rc = irq_spread(request->spec, cnt, masks);
    if (rc == 0)
        rc = pci_irq_enable(request->pdev, kind, cnt, masks);
    free(masks);
    return rc;
}

/* A CPU can be out of vectors that another has left; fewer may fit then. */
static int try_kind(const struct request *request, enum pci_irq_mode kind)
{
    const unsigned offered = pci_vectors_offered(request->pdev, kind);
    const unsigned allowed = kind == PCI_IRQ_INTX ? 1 : budget();
    unsigned cnt = request->max;
    int rc;

    if (offered == 0)
        return -ENODEV;
    cnt = cnt < offered ? cnt : offered;
    cnt = cnt < allowed ? cnt : allowed;
    if (cnt < request->min)
        return -ENOSPC;
    while ((rc = enable_spread(request, kind, cnt)) == -ENOSPC && cnt > request->min)
        cnt = cnt / 2 > request->min ? cnt / 2 : request->min;
    return rc ? rc : (int)cnt;
}

/* What the table of modes says, the kind that is on first. */
static int refuse(const struct pci_device *pdev, unsigned flags)
{
    for (unsigned i = 0; i < ORDER_CNT; i++)
        if ((flags & order[i].flag) && order[i].kind == pdev->irq_mode)
            return -EALREADY;
    return flags & (PCI_VECTORS_MSIX | PCI_VECTORS_MSI) && pdev->irq_mode != PCI_IRQ_INTX ? -ENXIO
                                                                                          : -EBUSY;
}

static bool sensible(const struct request *request, unsigned flags)
{
    const struct irq_affinity_spec *spec = request->spec;

    if (!(flags & (PCI_VECTORS_MSIX | PCI_VECTORS_MSI | PCI_VECTORS_INTX)))
        return false;
    if (request->min == 0 || request->min > request->max)
        return false;
    return !request->spread || !spec ||
           (spec->pre_vectors <= request->min &&
            spec->post_vectors <= request->min - spec->pre_vectors);
}

int pci_vectors_alloc(struct pci_device *pdev, unsigned min, unsigned max, unsigned flags,
                      const struct irq_affinity_spec *spec)
{
    const struct request request = {pdev, min, max, flags & PCI_VECTORS_AFFINITY, spec};
    int rc = -ENODEV;

    if (!sensible(&request, flags))
        return -EINVAL;
    if (pci_irq_mode(pdev) != PCI_IRQ_OFF)
        return refuse(pdev, flags);
    for (unsigned i = 0; i < ORDER_CNT; i++) {
        if (!(flags & order[i].flag))
            continue;
        rc = try_kind(&request, order[i].kind);
        if (rc > 0)
            return rc;
    }
    return rc;
}

void pci_vectors_free(struct pci_device *pdev)
{
    const int rc = pci_irq_disable(pdev, pci_irq_mode(pdev));

    ASSERT(rc == 0);
}
