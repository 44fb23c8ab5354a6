/* Memory layout of a packed ring (virtio 1.3, 2.8): descriptors, flags, event suppression, and
 * where each part lies. */
#ifndef VIRTIO_VRING_PACKED_H
#define VIRTIO_VRING_PACKED_H

#include <stddef.h>
#include <stdint.h>

#include "virtio/vring.h" /* the flags NEXT, WRITE and INDIRECT are the split ring's */

#define VRING_PACKED_DESC_F_AVAIL (1u << 7)
#define VRING_PACKED_DESC_F_USED  (1u << 15)
/* Both bits: what differs from one lap of the ring to the next (2.8.1). */
#define VRING_PACKED_DESC_F_LAP   (VRING_PACKED_DESC_F_AVAIL | VRING_PACKED_DESC_F_USED)

#define VRING_PACKED_EVENT_FLAG_ENABLE  0u
#define VRING_PACKED_EVENT_FLAG_DISABLE 1u
#define VRING_PACKED_EVENT_FLAG_DESC    2u
#define VRING_PACKED_EVENT_FLAGS        3u
#define VRING_PACKED_WRAP               (1u << 15) /* the wrap counter, above a position */

/* In the ring, and in an indirect table, where @id and the lap's bits mean nothing. */
struct vring_packed_desc {
    uint64_t addr;
    uint32_t len;
    uint16_t id;
    uint16_t flags;
};

/* When one side wants to hear from the other. */
struct vring_packed_event {
    uint16_t off_wrap; /* position and wrap counter, with FLAG_DESC */
    uint16_t flags;
};

_Static_assert(sizeof(struct vring_packed_desc) == 16, "packed descriptor");
_Static_assert(offsetof(struct vring_packed_desc, id) == 12, "packed descriptor");
_Static_assert(sizeof(struct vring_packed_event) == 4, "event suppression");

/* The event areas follow the descriptors, each in a cache line that one side writes. */
#define VRING_PACKED_LINE 64u

static inline uint64_t vring_packed_driver_off(uint32_t num)
{
    uint64_t end = (uint64_t)num * sizeof(struct vring_packed_desc);

    return (end + VRING_PACKED_LINE - 1) & ~(uint64_t)(VRING_PACKED_LINE - 1);
}

static inline uint64_t vring_packed_device_off(uint32_t num)
{
    return vring_packed_driver_off(num) + VRING_PACKED_LINE;
}

static inline uint64_t vring_packed_size(uint32_t num)
{
    return vring_packed_device_off(num) + sizeof(struct vring_packed_event);
}

/* Has the position, having moved @moved slots (at least one) to @pos in a lap with @wrap, passed
 * the one that @off_wrap says? (2.8.10) */
static inline int vring_packed_need_event(uint32_t num, uint16_t off_wrap, uint16_t pos,
                                          uint16_t wrap, uint16_t moved)
{
    unsigned event = off_wrap & (VRING_PACKED_WRAP - 1u);

    if ((off_wrap & VRING_PACKED_WRAP) != wrap)
        event -= num;
    return vring_need_event((uint16_t)event, pos, (uint16_t)(pos - moved));
}

#endif
