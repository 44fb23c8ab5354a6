/* Registers of a modern virtio function: where its capabilities say they are, and how they are
 * reached. */
#ifndef VIRTIO_VIRTIO_PCI_MODERN_H
#define VIRTIO_VIRTIO_PCI_MODERN_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/spinlock.h"
#include "virtio/virtio.h"

struct virtio_pci;
struct virtio_pci_region;

/* A stretch of a BAR. */
struct virtio_pci_place {
    uint64_t off;
    uint64_t len;
    uint8_t bar;
    bool by_window; /* the BAR itself cannot be used */
};

/* One way of reaching registers; @width is 1, 2 or 4, @off a multiple of it. Any context. */
struct virtio_pci_access {
    uint32_t (*read)(const struct virtio_pci_region *region, unsigned off, unsigned width);
    void (*write)(const struct virtio_pci_region *region, unsigned off, unsigned width,
                  uint32_t value);
};

/* Registers that can be reached. */
struct virtio_pci_region {
    const struct virtio_pci_access *access; /* NULL: not open */
    struct virtio_pci *vp;
    void *va;      /* where memory is mapped, else NULL */
    uint16_t port; /* of an I/O BAR */
    uint8_t bar;
    uint32_t bar_off;
    uint32_t len;
};

/* What the modern transport keeps of a function. */
struct virtio_pci_modern {
    struct virtio_pci_region common, isr;
    struct virtio_pci_region config; /* not open: the device has no configuration */
    struct virtio_pci_place notify;
    uint32_t notify_multiplier;
    uint16_t window; /* capability of the access window, 0: none */
    struct spinlock window_lock;
    struct virtio_pci_region doorbells[VIRTIO_QUEUE_MAX];
    uint16_t notify_ids[VIRTIO_QUEUE_MAX]; /* what tells the device which queue is meant */
};

/* Whether the place has an address and does not go beyond its BAR. */
bool virtio_pci_place_fits(const struct virtio_pci *vp, const struct virtio_pci_place *place);

/* Opens @place for accesses. 0, -ENXIO out of reach, with nothing left behind. Thread context. */
int virtio_pci_region_open(struct virtio_pci *vp, const struct virtio_pci_place *place,
                           struct virtio_pci_region *region);
void virtio_pci_region_close(struct virtio_pci_region *region); /* harmless when not open */

/*
 * Finds and opens what the modern transport needs. 0; -ENODEV the function has no modern interface;
 * -ENXIO it has one that cannot be used. virtio_pci_refuse() tells why. Thread context.
 */
int virtio_pci_modern_open(struct virtio_pci *vp);
void virtio_pci_modern_close(struct virtio_pci *vp);

static inline uint32_t virtio_pci_region_read(const struct virtio_pci_region *region, unsigned off,
                                              unsigned width)
{
    return region->access->read(region, off, width);
}

static inline void virtio_pci_region_write(const struct virtio_pci_region *region, unsigned off,
                                           unsigned width, uint32_t value)
{
    region->access->write(region, off, width, value);
}

#endif
