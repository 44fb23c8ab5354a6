/* Virtio console device facts: configuration, features, queues, control messages (virtio 1.3, 5.3).
 */
#ifndef DRIVERS_VIRTIO_CONSOLE_SPEC_H
#define DRIVERS_VIRTIO_CONSOLE_SPEC_H

#include <stdint.h>

/* Features (5.3.3). */
#define VIRTIO_CONSOLE_F_SIZE        0
#define VIRTIO_CONSOLE_F_MULTIPORT   1
#define VIRTIO_CONSOLE_F_EMERG_WRITE 2

/* Device configuration (5.3.4). */
#define VIRTIO_CONSOLE_CFG_COLS      0 /* 16, with SIZE */
#define VIRTIO_CONSOLE_CFG_ROWS      2 /* 16, with SIZE */
#define VIRTIO_CONSOLE_CFG_MAX_PORTS 4 /* 32, with MULTIPORT */
#define VIRTIO_CONSOLE_CFG_EMERG_WR  8 /* 32, with EMERG_WRITE: a character */

/* Queues (5.3.2): port 0, the control queues, the other ports. */
#define VIRTIO_CONSOLE_CTRL_RXQ       2u
#define VIRTIO_CONSOLE_CTRL_TXQ       3u
#define VIRTIO_CONSOLE_RXQ(port)      ((port) == 0 ? 0u : 2u * (port) + 2u)
#define VIRTIO_CONSOLE_TXQ(port)      (VIRTIO_CONSOLE_RXQ(port) + 1u)
#define VIRTIO_CONSOLE_QUEUE_CNT(cnt) (2u * (cnt) + 2u) /* of a device with MULTIPORT */

/* Control messages (5.3.6.2), little endian. */
struct virtio_console_control {
    uint32_t id; /* of the port */
    uint16_t event;
    uint16_t value;
};
_Static_assert(sizeof(struct virtio_console_control) == 8, "5.3.6.2");

#define VIRTIO_CONSOLE_DEVICE_READY  0 /* driver: value 1, control queues work */
#define VIRTIO_CONSOLE_DEVICE_ADD    1
#define VIRTIO_CONSOLE_DEVICE_REMOVE 2
#define VIRTIO_CONSOLE_PORT_READY    3 /* driver: value 1, or 0 when the port cannot be used */
#define VIRTIO_CONSOLE_CONSOLE_PORT  4
#define VIRTIO_CONSOLE_RESIZE        5 /* struct virtio_console_resize follows */
#define VIRTIO_CONSOLE_PORT_OPEN     6 /* both: value 1 open, 0 closed */
#define VIRTIO_CONSOLE_PORT_NAME     7 /* the name follows, with or without a NUL */

struct virtio_console_resize {
    uint16_t cols, rows;
};
_Static_assert(sizeof(struct virtio_console_resize) == 4, "5.3.6.2");

#endif
