/* Private to the split ring's files: the ring's state. */
#ifndef VIRTIO_VIRTQUEUE_SPLIT_H
#define VIRTIO_VIRTQUEUE_SPLIT_H

#include "kernel/list.h"
#include "kernel/log.h"
#include "virtio/virtqueue.h"
#include "virtio/vring.h"

/* What is known of a chain, at the index of its head. */
struct split_chain {
    void *token; /* NULL: no chain in flight begins here */
    uint32_t writable_len;
    uint16_t tail;     /* last ring descriptor */
    uint16_t desc_cnt; /* ring descriptors taken */
};

struct split {
    struct virtqueue vq;
    struct vring_desc *desc;
    struct vring_avail *avail;
    struct vring_used *used;
    struct split_chain *chains;
    uint16_t *next; /* links the descriptors of a chain, and the free ones; in order, always to the
                     * one that follows */
    uint16_t mask;
    uint16_t free_head;
    uint16_t avail_idx; /* chains added */
    uint16_t published; /* chains the device may see */
    uint16_t used_seen; /* used index as last read and checked */
    uint16_t last_used; /* used entries taken */
    uint16_t armed;     /* used_event as last written */
    uint16_t next_head; /* in order: the chain that is used next */
    uint16_t batch_end; /* in order: last_used when the last used entry's batch is taken */
    uint32_t batch_len; /* length that it said, which is the last chain's */
    bool event_idx;
    bool cb_off;        /* no interrupt is wanted */
    bool auto_arm;      /* ask for an interrupt whenever no used entry is left */
    uint32_t table_cnt; /* descriptors of an indirect table; 1: there are none */
    uint32_t table_len;
    struct vring_desc *tables; /* one for each head */
    uint64_t tables_pa;
    uint64_t desc_pa;
    unsigned drain_idx;
    struct log_limit bad_len_log;
};

static inline struct split *to_split(const struct virtqueue *vq)
{
    return CONTAINER_OF(vq, struct split, vq);
}

/* The data path, in virtqueue_split.c; the second for VIRTIO_F_IN_ORDER. */
extern const struct virtqueue_ops virtqueue_split_ops, virtqueue_split_in_order_ops;

/* Looks for used entries beyond those seen, and asks for an interrupt when there are none. False:
 * none, or broken. */
bool virtqueue_split_look(struct split *s);

/* Counts a used length that is too much for the chain. */
void virtqueue_split_bad_len(struct split *s, const struct split_chain *chain, uint32_t used_len);

/* virtqueue_get() when chains are used in order, in virtqueue_split_in_order.c. */
void *virtqueue_split_in_order_get(struct virtqueue *vq, uint32_t *len);

/* Its ends, in virtqueue_split_alloc.c. */
void virtqueue_split_layout(const struct virtqueue *vq, struct virtqueue_layout *layout);
void virtqueue_split_free(struct virtqueue *vq);

#endif
