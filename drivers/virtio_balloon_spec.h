/* The memory balloon device (virtio 1.3, 5.5): features, configuration, statistics. */
#ifndef DRIVERS_VIRTIO_BALLOON_SPEC_H
#define DRIVERS_VIRTIO_BALLOON_SPEC_H

#include <stdint.h>

#define VIRTIO_BALLOON_F_MUST_TELL_HOST 0
#define VIRTIO_BALLOON_F_STATS_VQ       1
#define VIRTIO_BALLOON_F_DEFLATE_ON_OOM 2
#define VIRTIO_BALLOON_F_FREE_PAGE_HINT 3
#define VIRTIO_BALLOON_F_PAGE_POISON    4
#define VIRTIO_BALLOON_F_PAGE_REPORTING 5
#define VIRTIO_BALLOON_PFN_SHIFT        12

/* Queues; the third is there with the feature. */
#define VIRTIO_BALLOON_INFLATEQ 0
#define VIRTIO_BALLOON_DEFLATEQ 1
#define VIRTIO_BALLOON_STATSQ   2

/* Configuration, little-endian on the legacy interface too (5.5.4.1). */
#define VIRTIO_BALLOON_CFG_NUM_PAGES 0 /* 32: how many pages the host wants */
#define VIRTIO_BALLOON_CFG_ACTUAL    4 /* 32: how many it has, written by the driver */
#define VIRTIO_BALLOON_CFG_LEN       8

/* Tags of statistics in use here; values are bytes (5.5.6.4). */
#define VIRTIO_BALLOON_S_MEMFREE 4
#define VIRTIO_BALLOON_S_MEMTOT  5
#define VIRTIO_BALLOON_S_AVAIL   6

struct virtio_balloon_stat {
    uint16_t tag;
    uint64_t val;
} __attribute__((packed));
_Static_assert(sizeof(struct virtio_balloon_stat) == 10, "statistics entry");

#endif
