/* Virtio over PCI: what boot code calls, and what the virtio_pci files share. */
#ifndef VIRTIO_VIRTIO_PCI_H
#define VIRTIO_VIRTIO_PCI_H

#include <stdint.h>

#include "kernel/timer.h"
#include "virtio/virtio.h"
#include "virtio/virtio_pci_modern.h"

struct pci_device;
struct virtio_pci_rung;

/*
 * For pci_quiesce(): resets a virtio device that firmware left running, before its memory is used
 * for something else. Needs nothing but configuration space: no mapping, no allocation.
 */
void virtio_pci_quiesce(struct pci_device *pdev);

#define VIRTIO_PCI_WHY_MAX 96

/* A virtio device on PCI. */
struct virtio_pci {
    struct virtio_device vdev;
    struct pci_device *pdev;
    uint16_t io_base; /* legacy header */
    struct virtio_pci_modern modern;
    const struct virtio_pci_rung *rung;  /* how it interrupts; NULL: not set up */
    char why[VIRTIO_PCI_WHY_MAX];        /* the last rung that was tried is not to be had */
    char why_legacy[VIRTIO_PCI_WHY_MAX]; /* the modern transport is there, but not usable */
    /* MSI-X entry of each queue, VIRTIO_MSI_NO_VECTOR for none. */
    uint16_t queue_entries[VIRTIO_QUEUE_MAX];
    /* Queues with a callback, for handlers that serve all of them; complete before the first such
     * handler can run, and unchanged until none can. */
    struct virtqueue *walk[VIRTIO_QUEUE_MAX];
    unsigned walk_cnt;
    bool isr_unread; /* an interrupt for a queue may have been one for the configuration too */
    struct timer poll_timer;
};

static inline struct virtio_pci *to_virtio_pci(struct virtio_device *vdev)
{
    return CONTAINER_OF(vdev, struct virtio_pci, vdev);
}

extern const struct virtio_transport_ops virtio_pci_legacy_ops, virtio_pci_modern_ops;
extern const struct virtio_irq_ops virtio_pci_irq_ops;

/* A transport's access_objection(). */
const char *virtio_pci_access_objection(struct virtio_device *dev, uint64_t offered);

/* A transport's reset(). */
int virtio_pci_reset(struct virtio_device *dev);

/* One way of getting interrupts from the device to its handlers. */
struct virtio_pci_rung {
    const char *name; /* as the boot option and @device spell it */
    unsigned variant; /* of what several rungs have in common */
    /* 0, or negative errno from virtio_pci_refuse() with nothing left behind. Thread context. */
    int (*setup)(struct virtio_pci *vp, const struct virtio_pci_rung *rung);
    void (*teardown)(struct virtio_pci *vp);
};

/* Notes why a rung or transport is not to be had, for "@fallback" and errors; returns @err. */
int virtio_pci_refuse(struct virtio_pci *vp, int err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for what pci_vectors_alloc() said of a @kind of interrupts: "MSI-X". */
int virtio_pci_refuse_alloc(struct virtio_pci *vp, int err, const char *kind);

/* MSI-X; the variant says which entry serves what. */
enum virtio_pci_plan {
    VIRTIO_PCI_PER_QUEUE, /* one for configuration changes, one for each queue with a callback */
    VIRTIO_PCI_SHARED,    /* one for configuration changes, one for all queues */
    VIRTIO_PCI_SINGLE,    /* one for everything */
};
int virtio_pci_msix_setup(struct virtio_pci *vp, const struct virtio_pci_rung *rung);
void virtio_pci_msix_teardown(struct virtio_pci *vp);

/* One interrupt, and ISR tells what for; the variant is the kind: PCI_VECTORS_MSI or _INTX. */
int virtio_pci_line_setup(struct virtio_pci *vp, const struct virtio_pci_rung *rung);
void virtio_pci_line_teardown(struct virtio_pci *vp);

/* A timer looks at ISR and queues. */
int virtio_pci_poll_setup(struct virtio_pci *vp, const struct virtio_pci_rung *rung);
void virtio_pci_poll_teardown(struct virtio_pci *vp);

/* Fills vp->walk with the queues that have a callback, which are meant for the CPUs @affinity. */
void virtio_pci_walk_setup(struct virtio_pci *vp, cpu_mask_t affinity);

/* Calls each of these queues that has used work; true when one had. Interrupt context. */
bool virtio_pci_walk(struct virtio_pci *vp);

/* ISR, which reading clears. 0 also when the device is gone, which is then given up. Interrupt
 * context. */
uint8_t virtio_pci_isr(struct virtio_pci *vp);

/* Counts an interrupt of vector @n that came before DRIVER_OK. Interrupt context. */
void virtio_pci_count_early(struct virtio_pci *vp, unsigned n);

#endif
