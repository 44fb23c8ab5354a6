/* The last rung: no interrupt at all, a timer looks at ISR and queues. The function has no vectors,
 * and so its line is off. */
#include "arch/clock.h"
#include "virtio/virtio_pci.h"

#define POLL_NS 1000000ull

static void poll_tick(void *arg)
{
    struct virtio_pci *vp = arg;
    struct virtio_device *dev = &vp->vdev;

    if (dev->dead != NULL)
        return;
    timer_arm(&vp->poll_timer, clock_ns() + POLL_NS);
    if (!dev->driver_ok)
        return;
    if (virtio_pci_isr(vp) & VIRTIO_PCI_ISR_CONFIG)
        virtio_config_interrupt(dev);
    virtio_pci_walk(vp);
}

int virtio_pci_poll_setup(struct virtio_pci *vp, const struct virtio_pci_rung *rung)
{
    (void)rung;
    virtio_pci_walk_setup(vp, CPU_MASK(cpu_this()->id));
    timer_setup(&vp->poll_timer, poll_tick, vp);
    timer_arm(&vp->poll_timer, clock_ns() + POLL_NS);
    return 0;
}

void virtio_pci_poll_teardown(struct virtio_pci *vp)
{
    timer_cancel(&vp->poll_timer);
}
