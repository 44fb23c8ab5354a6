/* Memory layout of a packed ring (virtio 1.3, 2.8): descriptors, their bits, event suppression. */
#ifndef VIRTIO_VRING_PACKED_H
#define VIRTIO_VRING_PACKED_H

#include <stdint.h>

/* Flags of a descriptor beside VRING_DESC_F_*. Available: AVAIL is the driver's wrap counter and
 * USED is not. Used: both are the device's wrap counter. (2.8.1) */
#define VRING_PACKED_DESC_F_AVAIL (1u << 7)
#define VRING_PACKED_DESC_F_USED  (1u << 15)

struct vring_packed_desc {
    uint64_t addr;
    uint32_t len;
    uint16_t id;
    uint16_t flags;
};

/* An event suppression area is one 32-bit word: a position, and what it means (2.8.14). */
#define VRING_PACKED_EVENT_F_ENABLE        0u
#define VRING_PACKED_EVENT_F_DISABLE       1u
#define VRING_PACKED_EVENT_F_DESC          2u /* when the descriptor at the position is passed */
#define VRING_PACKED_EVENT_FLAGS(word)     (((word) >> 16) & 3u)
#define VRING_PACKED_EVENT_AT(word)        ((uint16_t)(word))
#define VRING_PACKED_EVENT_WORD(flags, at) ((uint32_t)(flags) << 16 | (at))

/* A position is a slot of the ring and the wrap counter there. */
#define VRING_PACKED_AT(slot, wrap) ((uint16_t)((slot) | (unsigned)(wrap) << 15))
#define VRING_PACKED_SLOT(at)       ((uint16_t)((at)&0x7fffu))
#define VRING_PACKED_WRAP(at)       ((unsigned)(at) >> 15)

_Static_assert(sizeof(struct vring_packed_desc) == 16, "descriptor");

/* Offsets from the descriptors of the two event suppression areas, the driver's and the device's,
 * and the length of it all, for any @num up to 32768. */
static inline uint64_t vring_packed_driver_off(uint32_t num)
{
    return (uint64_t)num * sizeof(struct vring_packed_desc);
}

static inline uint64_t vring_packed_device_off(uint32_t num)
{
    return vring_packed_driver_off(num) + sizeof(uint32_t);
}

static inline uint64_t vring_packed_size(uint32_t num)
{
    return vring_packed_device_off(num) + sizeof(uint32_t);
}

/* @at moved on by @cnt slots, at most @num, in a ring of @num. */
static inline uint16_t vring_packed_advance(uint16_t at, unsigned cnt, unsigned num)
{
    unsigned slot = VRING_PACKED_SLOT(at) + cnt, wrap = VRING_PACKED_WRAP(at);

    if (slot >= num)
        return VRING_PACKED_AT(slot - num, wrap ^ 1);
    return VRING_PACKED_AT(slot, wrap);
}

/* Slots from @from to @to, which lies less than two laps ahead; as a 16-bit number where @to lies
 * behind. */
static inline uint16_t vring_packed_distance(uint16_t from, uint16_t to, unsigned num)
{
    unsigned lap = VRING_PACKED_WRAP(from) != VRING_PACKED_WRAP(to) ? num : 0;

    return (uint16_t)(VRING_PACKED_SLOT(to) + lap - VRING_PACKED_SLOT(from));
}

#endif
