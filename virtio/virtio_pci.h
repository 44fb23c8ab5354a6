/* Virtio over PCI: what boot code calls, and what the virtio_pci files share. */
#ifndef VIRTIO_VIRTIO_PCI_H
#define VIRTIO_VIRTIO_PCI_H

#include <stdint.h>

#include "kernel/timer.h"
#include "virtio/virtio.h"

struct pci_device;
struct virtio_pci_rung;

/*
 * For pci_quiesce(): resets a virtio device that firmware left running, before its memory is used
 * for something else. Needs nothing but configuration space: no mapping, no allocation.
 */
void virtio_pci_quiesce(struct pci_device *pdev);

/* A virtio device on PCI. */
struct virtio_pci {
    struct virtio_device vdev;
    struct pci_device *pdev;
    uint16_t io_base;                   /* legacy header */
    const struct virtio_pci_rung *rung; /* how it interrupts; NULL: not set up */
    /* MSI-X entry of each queue, VIRTIO_MSI_NO_VECTOR for none. */
    uint16_t queue_entries[VIRTIO_QUEUE_MAX];
    struct timer poll_timer;
};

static inline struct virtio_pci *to_virtio_pci(struct virtio_device *vdev)
{
    return CONTAINER_OF(vdev, struct virtio_pci, vdev);
}

extern const struct virtio_transport_ops virtio_pci_legacy_ops;
extern const struct virtio_irq_ops virtio_pci_irq_ops;

/* One way of getting interrupts from the device to its handlers. */
struct virtio_pci_rung {
    const char *name; /* as the boot option and @device spell it */
    /* 0, or negative errno with nothing left behind and *@reason saying why. NULL: not built in. */
    int (*setup)(struct virtio_pci *vp, const char **reason);
    void (*teardown)(struct virtio_pci *vp);
};

/* One MSI-X entry for configuration changes, one for each queue with a callback. */
int virtio_pci_per_queue_setup(struct virtio_pci *vp, const char **reason);
void virtio_pci_per_queue_teardown(struct virtio_pci *vp);

/* A timer looks at ISR and queues. */
int virtio_pci_poll_setup(struct virtio_pci *vp, const char **reason);
void virtio_pci_poll_teardown(struct virtio_pci *vp);

#endif
