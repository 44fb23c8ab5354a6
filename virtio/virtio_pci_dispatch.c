/* What the handlers of several rungs have in common: ISR, the walk over all queues, early
 * interrupts. */
#include "irq/irq.h"
#include "msix/pci_vectors.h"
#include "virtio/virtio_pci.h"

#define ISR_GONE 0xff /* what a register of a function that is gone reads as */

void virtio_pci_walk_setup(struct virtio_pci *vp, cpu_mask_t affinity)
{
    struct virtio_device *dev = &vp->vdev;

    vp->walk_cnt = 0;
    for (unsigned i = 0; i < dev->queue_cnt; i++) {
        struct virtqueue *vq = dev->queues[i];

        if (vq == NULL || vq->callback == NULL)
            continue;
        vq->affinity = affinity;
        vp->walk[vp->walk_cnt++] = vq;
    }
}

bool virtio_pci_walk(struct virtio_pci *vp)
{
    bool found = false;

    for (unsigned i = 0; i < vp->walk_cnt; i++)
        found |= virtqueue_interrupt(vp->walk[i]);
    return found;
}

/* All-ones twice: the first read would have cleared it. */
uint8_t virtio_pci_isr(struct virtio_pci *vp)
{
    struct virtio_device *dev = &vp->vdev;
    uint8_t isr = dev->transport->read_isr(dev);

    if (__builtin_expect(isr != ISR_GONE, 1))
        return isr;
    if (dev->transport->read_isr(dev) != ISR_GONE)
        return isr;
    virtio_device_gone(dev);
    return 0;
}

void virtio_pci_count_early(struct virtio_pci *vp, unsigned n)
{
    int irq = pci_vector_irq(vp->pdev, n);

    if (irq > 0)
        irq_count_early((unsigned)irq);
}
