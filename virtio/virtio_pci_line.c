/* One interrupt for everything, a line that is perhaps shared with other devices or a message: ISR
 * tells what for. */
#include <errno.h>

#include "irq/irq.h"
#include "kernel/error.h"
#include "msix/pci_vectors.h"
#include "pci/pci.h"
#include "virtio/virtio_pci.h"

/* Reading ISR also lets the line go, so that is done whatever state the device is in. The read is
 * the only one: bits that come later raise the line again. */
static enum irq_return line_handler(void *cookie)
{
    struct virtio_pci *vp = cookie;
    uint8_t isr = virtio_pci_isr(vp);

    if (isr == 0)
        return IRQ_NONE;
    if (__builtin_expect(!vp->vdev.driver_ok, 0)) {
        virtio_pci_count_early(vp, 0);
        return IRQ_HANDLED;
    }
    if (isr & VIRTIO_PCI_ISR_CONFIG)
        virtio_config_interrupt(&vp->vdev);
    virtio_pci_walk(vp);
    return IRQ_HANDLED;
}

int virtio_pci_line_setup(struct virtio_pci *vp, const struct virtio_pci_rung *rung)
{
    bool msi = rung->variant == PCI_VECTORS_MSI;
    int err = pci_vectors_alloc(vp->pdev, 1, 1, rung->variant, NULL);

    if (err < 0 && msi)
        return virtio_pci_refuse_alloc(vp, err, "MSI");
    if (err < 0)
        return virtio_pci_refuse(vp, err, "no interrupt line (%s)", error_name(err));
    for (unsigned i = 0; i < VIRTIO_QUEUE_MAX; i++)
        vp->queue_entries[i] = 0;
    virtio_pci_walk_setup(vp, pci_vector_affinity(vp->pdev, 0));
    err = irq_request((unsigned)pci_vector_irq(vp->pdev, 0), line_handler, vp, vp->vdev.name);
    if (err != 0) {
        pci_vectors_free(vp->pdev);
        return virtio_pci_refuse(vp, err, "no handler for %s (%s)", vp->vdev.name, error_name(err));
    }
    vp->vdev.vectors_used = msi;
    if (msi)
        vp->vdev.vectors_available = pci_msi_cnt(vp->pdev);
    return 0;
}

void virtio_pci_line_teardown(struct virtio_pci *vp)
{
    irq_release((unsigned)pci_vector_irq(vp->pdev, 0), vp);
    pci_vectors_free(vp->pdev);
}
