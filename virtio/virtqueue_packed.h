/* Private to the packed ring's files: the ring's state. */
#ifndef VIRTIO_VIRTQUEUE_PACKED_H
#define VIRTIO_VIRTQUEUE_PACKED_H

#include "kernel/list.h"
#include "kernel/log.h"
#include "virtio/virtqueue.h"
#include "virtio/vring.h"
#include "virtio/vring_packed.h"

/* What is known of a chain, at its buffer id. */
struct packed_chain {
    void *token; /* NULL: the id is free */
    uint32_t writable_len;
    uint16_t desc_cnt; /* slots taken */
    uint16_t next;     /* links the free ids */
};

struct packed {
    struct virtqueue vq;
    struct vring_packed_desc *desc;
    uint32_t *driver_event, *device_event;
    struct packed_chain *chains;
    uint64_t first_word; /* of the first descriptor that is not published, held back */
    uint64_t avail_bits; /* AVAIL and USED of what is added now, as in a descriptor's second word */
    uint16_t avail_slot; /* to be filled next */
    uint16_t first_slot; /* of first_word */
    uint16_t staged_cnt; /* slots filled and not published */
    uint16_t free_id;
    uint16_t added; /* chains, modulo 2^16; likewise what follows */
    uint16_t published;
    uint16_t taken;
    uint16_t used_at; /* where the device's next used descriptor appears */
    uint16_t published_at;
    uint32_t armed; /* the driver's event word as last written */
    bool event_idx;
    bool auto_arm; /* ask for an interrupt whenever no used descriptor is left */
    bool in_batch; /* in order: a used descriptor stands for chains up to batch_id */
    uint16_t batch_id;
    uint32_t batch_len;
    uint16_t oldest_id;
    uint32_t table_cnt; /* descriptors of an indirect table; 1: there are none */
    uint32_t table_len;
    struct vring_packed_desc *tables; /* one for each id */
    uint64_t tables_pa;
    uint64_t desc_pa;
    unsigned drain_idx;
    struct log_limit bad_len_log;
};

static inline struct packed *to_packed(const struct virtqueue *vq)
{
    return CONTAINER_OF(vq, struct packed, vq);
}

/* The data path, in virtqueue_packed.c, and the same for VIRTIO_F_IN_ORDER. */
extern const struct virtqueue_ops virtqueue_packed_ops, virtqueue_packed_in_order_ops;

/* Its ends, in virtqueue_packed_alloc.c. */
void virtqueue_packed_layout(const struct virtqueue *vq, struct virtqueue_layout *layout);
void virtqueue_packed_free(struct virtqueue *vq);

#endif
