/* Virtio 1.3 block device (5.2): features, configuration layout, request layout. */
#ifndef DRIVERS_VIRTIO_BLK_SPEC_H
#define DRIVERS_VIRTIO_BLK_SPEC_H

#include <stdint.h>

#define VIRTIO_BLK_F_SIZE_MAX     1
#define VIRTIO_BLK_F_SEG_MAX      2
#define VIRTIO_BLK_F_GEOMETRY     4
#define VIRTIO_BLK_F_RO           5
#define VIRTIO_BLK_F_BLK_SIZE     6
#define VIRTIO_BLK_F_FLUSH        9
#define VIRTIO_BLK_F_TOPOLOGY     10
#define VIRTIO_BLK_F_CONFIG_WCE   11
#define VIRTIO_BLK_F_MQ           12
#define VIRTIO_BLK_F_DISCARD      13
#define VIRTIO_BLK_F_WRITE_ZEROES 14

#define VIRTIO_BLK_T_IN           0
#define VIRTIO_BLK_T_OUT          1
#define VIRTIO_BLK_T_FLUSH        4
#define VIRTIO_BLK_T_GET_ID       8
#define VIRTIO_BLK_T_DISCARD      11
#define VIRTIO_BLK_T_WRITE_ZEROES 13

#define VIRTIO_BLK_S_OK     0
#define VIRTIO_BLK_S_IOERR  1
#define VIRTIO_BLK_S_UNSUPP 2

#define VIRTIO_BLK_ID_BYTES 20

/* Configuration fields. */
#define VIRTIO_BLK_CFG_CAPACITY                 0  /* 64, sectors of 512 bytes */
#define VIRTIO_BLK_CFG_SIZE_MAX                 8  /* 32 */
#define VIRTIO_BLK_CFG_SEG_MAX                  12 /* 32 */
#define VIRTIO_BLK_CFG_BLK_SIZE                 20 /* 32 */
#define VIRTIO_BLK_CFG_PHYSICAL_BLOCK_EXP       24 /* 8 */
#define VIRTIO_BLK_CFG_OPT_IO_SIZE              28 /* 32, logical blocks */
#define VIRTIO_BLK_CFG_NUM_QUEUES               34 /* 16 */
#define VIRTIO_BLK_CFG_MAX_DISCARD_SECTORS      36 /* 32 */
#define VIRTIO_BLK_CFG_MAX_DISCARD_SEG          40 /* 32 */
#define VIRTIO_BLK_CFG_MAX_WRITE_ZEROES_SECTORS 48 /* 32 */
#define VIRTIO_BLK_CFG_MAX_WRITE_ZEROES_SEG     52 /* 32 */

/* Begins every request. */
struct virtio_blk_outhdr {
    uint32_t type;
    uint32_t ioprio;
    uint64_t sector;
};

/* The data of a discard or write-zeroes request. */
struct virtio_blk_discard_write_zeroes {
    uint64_t sector;
    uint32_t num_sectors;
    uint32_t flags;
};

_Static_assert(sizeof(struct virtio_blk_outhdr) == 16, "request header");
_Static_assert(sizeof(struct virtio_blk_discard_write_zeroes) == 16, "segment of a discard");

#endif
