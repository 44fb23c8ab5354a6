/* Memory layout of a split ring (virtio 1.3, 2.7): structures, flags, and where each part lies. */
#ifndef VIRTIO_VRING_H
#define VIRTIO_VRING_H

#include <stdint.h>

#define VRING_DESC_F_NEXT     1
#define VRING_DESC_F_WRITE    2
#define VRING_DESC_F_INDIRECT 4

#define VRING_AVAIL_F_NO_INTERRUPT 1
#define VRING_USED_F_NO_NOTIFY     1

#define VRING_ALIGN 4096u /* of the used ring, fixed on PCI for legacy devices and fine for all */

struct vring_desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags;
    uint16_t next;
};

struct vring_avail {
    uint16_t flags;
    uint16_t idx;
    uint16_t ring[]; /* num entries, then used_event */
};

struct vring_used_elem {
    uint32_t id;
    uint32_t len;
};

struct vring_used {
    uint16_t flags;
    uint16_t idx;
    struct vring_used_elem ring[]; /* num entries, then avail_event */
};

_Static_assert(sizeof(struct vring_desc) == 16, "descriptor");
_Static_assert(sizeof(struct vring_avail) == 4, "avail header");
_Static_assert(sizeof(struct vring_used_elem) == 8, "used element");
_Static_assert(sizeof(struct vring_used) == 4, "used header");

/* Offsets from the descriptor table, for a power of two @num. */
static inline uint64_t vring_avail_off(uint32_t num)
{
    return (uint64_t)num * sizeof(struct vring_desc);
}

static inline uint64_t vring_used_off(uint32_t num)
{
    uint64_t end = vring_avail_off(num) + sizeof(struct vring_avail) + 2ull * num + 2;

    return (end + VRING_ALIGN - 1) & ~(uint64_t)(VRING_ALIGN - 1);
}

static inline uint64_t vring_size(uint32_t num)
{
    return vring_used_off(num) + sizeof(struct vring_used) + 8ull * num + 2;
}

/* Has the index, moving from @old_idx to @new_idx, passed @event? (2.7.7, 2.7.10) */
static inline int vring_need_event(uint16_t event, uint16_t new_idx, uint16_t old_idx)
{
    return (uint16_t)(new_idx - event - 1) < (uint16_t)(new_idx - old_idx);
}

#endif
