/* Private to the virtio network driver. */
#ifndef DRIVERS_VIRTIO_NET_H
#define DRIVERS_VIRTIO_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "drivers/netdev.h"
#include "drivers/virtio_net_spec.h"
#include "kernel/log.h"
#include "kernel/timer.h"
#include "virtio/virtio.h"

#define ETHERNET_HEADER_LEN 14u
#define VLAN_TAG_LEN        4u

/* A network device. */
struct virtio_net {
    struct netdev netdev;
    struct virtio_device *dev;
    struct virtqueue *rxq, *txq;
    unsigned hdr_len;  /* of struct virtio_net_hdr on this device */
    bool split_header; /* the header needs a descriptor of its own (legacy without ANY_LAYOUT) */
    bool tx_armed;     /* the interrupt for what was sent is asked for and has not come */
    bool mergeable;    /* MRG_RXBUF: frames may span buffers */
    struct timer rx_timer; /* armed: the user is told of waiting frames again */
    struct log_limit rx_log;
};

/* MAC, MTU and link state from configuration; checks and replaces what is unusable. */
void virtio_net_configure(struct virtio_net *net);
bool virtio_net_read_link(struct virtio_net *net);

/* Gives the device up when one of its queues broke: its buffers are ours again, the link is down.
 */
void virtio_net_check_queue(struct virtio_net *net, const struct virtqueue *vq);

/* Receive half. Interrupts are off but in virtio_net_rx_interrupt(), which is the queue's callback.
 */
void virtio_net_rx_interrupt(struct virtqueue *vq);
void virtio_net_rx_timer(void *arg);
unsigned virtio_net_receive(struct netdev *dev, struct netbuf **bufs, unsigned cnt);
bool virtio_net_rx_pending(struct netdev *dev);
void virtio_net_refill(struct netdev *dev);

/* Transmit half, likewise. */
void virtio_net_tx_interrupt(struct virtqueue *vq);
unsigned virtio_net_send(struct netdev *dev, struct netbuf *const *bufs, unsigned cnt);

#endif
