/* Network device facts of virtio 1.3, 5.1: feature bits, configuration layout, frame header. */
#ifndef DRIVERS_VIRTIO_NET_SPEC_H
#define DRIVERS_VIRTIO_NET_SPEC_H

#include <stdint.h>

#define VIRTIO_NET_F_CSUM       0
#define VIRTIO_NET_F_GUEST_CSUM 1
#define VIRTIO_NET_F_MTU        3
#define VIRTIO_NET_F_MAC        5
#define VIRTIO_NET_F_MRG_RXBUF  15
#define VIRTIO_NET_F_STATUS     16

/* Device configuration (5.1.4). */
#define VIRTIO_NET_CFG_MAC    0  /* 6 bytes */
#define VIRTIO_NET_CFG_STATUS 6  /* 16 */
#define VIRTIO_NET_CFG_MTU    10 /* 16 */

#define VIRTIO_NET_S_LINK_UP 1

#define VIRTIO_NET_RXQ 0
#define VIRTIO_NET_TXQ 1

#define VIRTIO_NET_HDR_F_NEEDS_CSUM 1
#define VIRTIO_NET_HDR_F_DATA_VALID 2
#define VIRTIO_NET_HDR_GSO_NONE     0

/* In front of every frame (5.1.6). num_buffers exists with MRG_RXBUF or VERSION_1 only. */
struct virtio_net_hdr {
    uint8_t flags;
    uint8_t gso_type;
    uint16_t hdr_len;
    uint16_t gso_size;
    uint16_t csum_start;
    uint16_t csum_offset;
    uint16_t num_buffers;
};
_Static_assert(sizeof(struct virtio_net_hdr) == 12, "5.1.6");
#define VIRTIO_NET_HDR_LEN_SHORT 10u

#endif
