/*
 * Virtqueue: the driver's end of one vring. Life of a chain: virtqueue_add() describes buffers and
 * keeps the caller's token -> virtqueue_kick() publishes everything added since the last kick with
 * one store and notifies at most once -> the device uses it -> virtqueue_get() returns the
 * token and the length the device wrote.
 *
 * What the device can write is read once and checked; descriptor state (free list, chains in
 * flight, writable lengths) is private memory and never read back from the ring. A device that
 * breaks the rules makes the queue broken: virtqueue_get() returns NULL, virtqueue_add() -EIO, and
 * virtqueue_drain() hands out what was in flight.
 *
 * The length that the device claims is the one thing that may be wrong without harm: legacy devices
 * are known for it (2.7.8.1). More than the chain has room for is counted in bad_len_cnt and
 * reported as 0, since a device that says so has no credible first bytes either; whoever needs the
 * length finds the answer too short, and a legacy block driver, which goes by its status byte, does
 * not care. Everything else that is wrong breaks the queue; with VIRTIO_F_IN_ORDER, completion in
 * another order too.
 *
 * The caller serialises what it does with a virtqueue, on whichever CPUs. Any context, except where
 * noted. This code touches no register: the transport gives a notify function.
 */
#ifndef VIRTIO_VIRTQUEUE_H
#define VIRTIO_VIRTQUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/cpu.h"

#define VIRTQUEUE_NAME_MAX 24
#define VIRTQUEUE_SIZE_MAX 32768u

/* One physically contiguous piece of a chain. */
struct virtqueue_seg {
    uint64_t pa;
    uint32_t len; /* > 0 */
};

struct virtqueue;
struct virtio_device;

typedef void (*virtqueue_callback_t)(struct virtqueue *vq);

/* Parts of a ring as the transport tells them to the device; of a packed one avail_pa is the
 * driver's event area and used_pa the device's. */
struct virtqueue_layout {
    uint64_t desc_pa, avail_pa, used_pa;
    size_t len; /* whole ring memory, from desc_pa */
};

/* Layout and behaviour of one ring format; the functions below, which drivers call, say what each
 * slot does. */
struct virtqueue_ops {
    const char *name; /* "split", "packed" */
    int (*add)(struct virtqueue *vq, const struct virtqueue_seg *segs, unsigned out_cnt,
               unsigned in_cnt, void *token);
    bool (*kick)(struct virtqueue *vq);
    void *(*get)(struct virtqueue *vq, uint32_t *len);
    bool (*pending)(const struct virtqueue *vq);
    bool (*overdue)(const struct virtqueue *vq, uint16_t *taken);
    void (*disable_cb)(struct virtqueue *vq);
    bool (*enable_cb)(struct virtqueue *vq);
    bool (*enable_cb_delayed)(struct virtqueue *vq);
    void *(*drain)(struct virtqueue *vq);
    uint16_t (*position)(const struct virtqueue *vq);
    void (*layout)(const struct virtqueue *vq, struct virtqueue_layout *layout);
    void (*free)(struct virtqueue *vq);
};

struct virtqueue_params {
    const char *name;     /* "rx0" */
    const char *dev_name; /* "net0", for messages; must outlive the queue */
    struct virtio_device *dev;
    unsigned index;         /* queue number of the device */
    unsigned size;          /* entries, 1..VIRTQUEUE_SIZE_MAX; a power of two if split */
    bool event_idx;         /* VIRTIO_F_EVENT_IDX negotiated */
    bool indirect;          /* VIRTIO_F_INDIRECT_DESC negotiated */
    bool in_order;          /* VIRTIO_F_IN_ORDER negotiated */
    unsigned indirect_max;  /* longest chain put into an indirect table; 0: never */
    uint64_t ring_limit_pa; /* highest ring address + 1 the transport can express; 0: any */
    void (*notify)(struct virtqueue *vq);
    virtqueue_callback_t callback; /* may be NULL: polled, no interrupt wanted */
};

/* What the watchdog saw when it last looked. */
struct virtqueue_watch {
    uint64_t interrupt_cnt;
    uint16_t taken;
    bool overdue;
    bool suspect;         /* for a whole period; to be looked at once more */
    uint64_t chain_cnt;   /* published when the device was last seen to get on */
    uint16_t done;        /* and taken */
    uint16_t still_ticks; /* since then */
};

/* Public head of every virtqueue; ring formats append their private state. Read-only outside
 * virtio/. */
struct virtqueue {
    const struct virtqueue_ops *ops;
    struct virtio_device *dev;
    virtqueue_callback_t callback;
    void (*notify)(struct virtqueue *vq);
    void *driver_data;    /* free for the driver */
    void *transport_data; /* free for the transport: notify address, irq */
    const char *dev_name;
    const char *broken;    /* reason, NULL while sound */
    cpu_mask_t affinity;   /* CPUs that its interrupts were set up for, by which drivers say once
                            * which CPU submits where; moving them later does not change it */
    unsigned affinity_set; /* as in struct virtqueue_config */
    uint16_t index;
    uint16_t size;
    bool prompt;            /* as in struct virtqueue_config */
    uint16_t free_cnt;      /* descriptors left; 0 when broken */
    uint64_t notify_cnt;    /* notifications sent */
    uint64_t interrupt_cnt; /* callbacks run for an interrupt */
    uint64_t lost_cnt;      /* callbacks run for work that no interrupt had announced */
    uint64_t chain_cnt;     /* chains published */
    uint64_t again_cnt;     /* notifications that the watchdog sent */
    uint64_t bad_len_cnt;   /* used lengths beyond the writable bytes */
    struct virtqueue_watch watch;
    char name[VIRTQUEUE_NAME_MAX];
};

/* A split ring in zeroed, 4096-aligned, contiguous memory (virtio 1.3, 2.7.2). NULL: no memory,
 * beyond ring_limit_pa, or bad size. Thread context. */
struct virtqueue *virtqueue_split_alloc(const struct virtqueue_params *params);

/* Likewise a packed ring (2.8). */
struct virtqueue *virtqueue_packed_alloc(const struct virtqueue_params *params);

/* Frees ring and state; the device must no longer know the ring. Thread context. */
void virtqueue_free(struct virtqueue *vq);

static inline void virtqueue_layout(const struct virtqueue *vq, struct virtqueue_layout *layout)
{
    vq->ops->layout(vq, layout);
}

/*
 * Adds a chain of @out_cnt device-readable then @in_cnt device-writable pieces. @token comes back
 * from virtqueue_get() and must not be NULL. Not visible to the device before virtqueue_kick(). 0;
 * -ENOSPC too few descriptors; -EINVAL no pieces or more than the ring has; -EIO queue broken.
 */
static inline int virtqueue_add(struct virtqueue *vq, const struct virtqueue_seg *segs,
                                unsigned out_cnt, unsigned in_cnt, void *token)
{
    return vq->ops->add(vq, segs, out_cnt, in_cnt, token);
}

/* Publishes what was added and notifies if the device wants it. True when a notification was sent.
 */
static inline bool virtqueue_kick(struct virtqueue *vq)
{
    return vq->ops->kick(vq);
}

/* Where the device will find the next chain, as a notification with data says it (2.9). */
static inline uint16_t virtqueue_position(const struct virtqueue *vq)
{
    return vq->ops->position(vq);
}

/* Notifies whatever the device said, for watchdogs. */
void virtqueue_notify_force(struct virtqueue *vq);

/*
 * Next used chain: its token and in *@len what the device says it wrote, never more than the
 * chain's writable bytes (see above). NULL: none, or broken; before it says none, interrupts are
 * armed again unless virtqueue_disable_cb() or _enable_cb_delayed() asked otherwise, so a loop
 * "until NULL" misses nothing.
 */
static inline void *virtqueue_get(struct virtqueue *vq, uint32_t *len)
{
    return vq->ops->get(vq, len);
}

/* Used chains wait. */
static inline bool virtqueue_pending(const struct virtqueue *vq)
{
    return vq->ops->pending(vq);
}

/* Used chains wait that the device was to announce by an interrupt, which may be on its way.
 * @taken: chains that virtqueue_get() has given so far, modulo 2^16. */
static inline bool virtqueue_overdue(const struct virtqueue *vq, uint16_t *taken)
{
    return vq->ops->overdue(vq, taken);
}

/*
 * Asks for no interrupts (a hint), and for them again. virtqueue_enable_cb() is true when chains
 * were used in the meantime: the caller must look once more (2.7.7 and 2.7.14). _delayed asks for
 * one interrupt once about three quarters of what was added, kicked or not, has been used.
 */
static inline void virtqueue_disable_cb(struct virtqueue *vq)
{
    vq->ops->disable_cb(vq);
}

static inline bool virtqueue_enable_cb(struct virtqueue *vq)
{
    return vq->ops->enable_cb(vq);
}

static inline bool virtqueue_enable_cb_delayed(struct virtqueue *vq)
{
    return vq->ops->enable_cb_delayed(vq);
}

/* Tokens still in flight, one a call, after the device was reset and the queue broke; NULL when
 * none is left. virtqueue_stop() may meet another CPU's add or get; this is where the caller's lock
 * has ended both, and from here on nothing can be added any more. */
static inline void *virtqueue_drain(struct virtqueue *vq)
{
    return vq->ops->drain(vq);
}

/*
 * Marks the queue broken with a reason, which must stay valid. _stop() needs no lock, so it leaves
 * the count of descriptors to whoever is adding: what is added before virtqueue_drain() stays with
 * us and comes out there. _break() is for the owner of the queue, and logs the reason, once.
 */
void virtqueue_stop(struct virtqueue *vq, const char *reason);
void virtqueue_break(struct virtqueue *vq, const char *reason);

/* Runs the queue's callback: returns true when there was used work (or the queue has no callback).
 * Called by the interrupt code. A broken queue is left alone. */
static inline bool virtqueue_interrupt(struct virtqueue *vq)
{
    if (vq->broken != NULL || vq->callback == NULL)
        return true;
    if (!virtqueue_pending(vq))
        return false;
    vq->interrupt_cnt++;
    vq->callback(vq);
    return true;
}

/* For ring formats: fills in the public head. False when the parameters make no queue. */
bool virtqueue_setup(struct virtqueue *vq, const struct virtqueue_ops *ops,
                     const struct virtqueue_params *params);

#endif
