/* The device's end of a ring, for host tests: takes chains as a device does and fails the test when
 * the driver breaks a rule of virtio 1.3, 2.7 and 2.8. It can also lie. Link
 * tests/host/fake/fake_ring.c for a split ring, or fake_packed.c for a packed one. */
#ifndef FAKE_RING_H
#define FAKE_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "virtio/virtqueue.h"
#include "virtio/vring.h"

#define FAKE_RING_PIECE_MAX 64

struct fake_ring {
    struct vring_desc *desc;
    struct vring_avail *avail;
    struct vring_used *used;
    unsigned size;
    bool event_idx;
    uint16_t avail_seen; /* chains taken */
    uint16_t used_idx;   /* as published */
    unsigned interrupts; /* that the driver would have got */
};

struct fake_chain {
    unsigned head; /* the id, of a packed ring */
    unsigned cnt, out_cnt;
    bool indirect;
    struct virtqueue_seg pieces[FAKE_RING_PIECE_MAX];
    uint32_t writable_len;
};

void fake_ring_attach(struct fake_ring *ring, const struct virtqueue *vq, bool event_idx);

/* Next available chain; false when there is none. */
bool fake_ring_pop(struct fake_ring *ring, struct fake_chain *chain);

/* Writes a used entry, without publishing it. @slot counts from the published index. */
void fake_ring_put(struct fake_ring *ring, unsigned slot, uint32_t id, uint32_t len);

/* Publishes @cnt used entries, and counts an interrupt if the driver asked for it. */
void fake_ring_publish(struct fake_ring *ring, unsigned cnt);

/* Both for one chain. */
void fake_ring_use(struct fake_ring *ring, uint32_t id, uint32_t len);

/* One used entry for @cnt chains that were taken in this order, of which @id is the last (2.7.9).
 */
void fake_ring_use_batch(struct fake_ring *ring, uint32_t id, uint32_t len, unsigned cnt);

/* Tells the driver when to notify: at once (a lag of 0), or when that many more chains are
 * available. */
void fake_ring_want_notify(struct fake_ring *ring, uint16_t lag);

#endif
