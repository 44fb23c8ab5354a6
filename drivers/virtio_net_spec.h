/* Network device facts of virtio 1.3, 5.1: feature bits, configuration layout, frame header,
 * control commands. */
#ifndef DRIVERS_VIRTIO_NET_SPEC_H
#define DRIVERS_VIRTIO_NET_SPEC_H

#include <stdint.h>

#define VIRTIO_NET_F_CSUM           0
#define VIRTIO_NET_F_GUEST_CSUM     1
#define VIRTIO_NET_F_MTU            3
#define VIRTIO_NET_F_MAC            5
#define VIRTIO_NET_F_MRG_RXBUF      15
#define VIRTIO_NET_F_STATUS         16
#define VIRTIO_NET_F_CTRL_VQ        17
#define VIRTIO_NET_F_GUEST_ANNOUNCE 21
#define VIRTIO_NET_F_MQ             22

/* Device configuration (5.1.4). */
#define VIRTIO_NET_CFG_MAC       0  /* 6 bytes */
#define VIRTIO_NET_CFG_STATUS    6  /* 16 */
#define VIRTIO_NET_CFG_MAX_PAIRS 8  /* 16 */
#define VIRTIO_NET_CFG_MTU       10 /* 16 */

#define VIRTIO_NET_S_LINK_UP  1
#define VIRTIO_NET_S_ANNOUNCE 2

/* Queues of pair @pair from 0 on; the control queue is behind those of all pairs (5.1.2). */
#define VIRTIO_NET_RXQ(pair)  (2 * (pair))
#define VIRTIO_NET_TXQ(pair)  (2 * (pair) + 1)
#define VIRTIO_NET_CTRLQ(max) (2 * (max))

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

/* A control command: header, data, then a byte that the device answers with (5.1.6.5). */
struct virtio_net_ctrl_hdr {
    uint8_t class;
    uint8_t command;
};
_Static_assert(sizeof(struct virtio_net_ctrl_hdr) == 2, "5.1.6.5");

#define VIRTIO_NET_OK  0
#define VIRTIO_NET_ERR 1

#define VIRTIO_NET_CTRL_ANNOUNCE     3
#define VIRTIO_NET_CTRL_ANNOUNCE_ACK 0

#define VIRTIO_NET_CTRL_MQ              4
#define VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET 0
#define VIRTIO_NET_CTRL_MQ_VQ_PAIRS_MIN 1
#define VIRTIO_NET_CTRL_MQ_VQ_PAIRS_MAX 0x8000

#endif
