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

_Static_assert(VIRTIO_NET_CTRLQ(NETDEV_PAIR_MAX) < VIRTIO_QUEUE_MAX, "room for the control queue");

struct virtio_net;

/* The control queue; see virtio_net_ctrl.c. */
struct virtio_net_ctrl {
    struct virtqueue *vq; /* NULL: the device has none */
    struct mutex lock;    /* one command at a time */
    struct virtio_net_ctrl_memory *memory;
    uint64_t memory_pa;
    const char *disabled; /* why it is not used any more; NULL while it is */
};

/* A pair of queues, on cache lines of its own. */
struct virtio_net_pair {
    struct netdev_pair pair; /* its lock guards this whole struct */
    struct virtio_net *net;
    struct virtqueue *rxq, *txq;
    bool tx_armed; /* the interrupt for what was sent is asked for and has not come */
    unsigned index;
    struct timer rx_timer; /* armed: the user is told of waiting frames again */
    struct log_limit rx_log;
} __attribute__((aligned(64)));

/* A network device. */
struct virtio_net {
    struct netdev netdev;
    struct virtio_device *dev;
    unsigned hdr_len;     /* of struct virtio_net_hdr on this device */
    bool split_header;    /* the header needs a descriptor of its own (legacy, no ANY_LAYOUT) */
    bool mergeable;       /* MRG_RXBUF: frames may span buffers */
    uint64_t rx_ready;    /* pairs that frames may wait in, a bit each; atomic */
    unsigned queue_pairs; /* pairs whose queues exist; netdev.info.pair_cnt of them are used */
    unsigned rx_next;     /* pair that the next look begins with */
    struct virtio_net_ctrl ctrl;
    struct virtio_net_pair *pairs;
    struct log_limit announce_log;
};
_Static_assert(NETDEV_PAIR_MAX <= 64, "a bit of rx_ready for each");

static inline struct virtio_net_pair *to_net_pair(struct netdev_pair *pair)
{
    return (struct virtio_net_pair *)pair;
}

/* MAC, MTU and number of queue pairs from configuration; checks and replaces what is unusable. */
void virtio_net_configure(struct virtio_net *net);

/* VIRTIO_NET_S_* as it is now; link up when the device does not tell. */
uint16_t virtio_net_read_status(struct virtio_net *net);

/* Unlocks @pair, after work on its queue @vq. If that broke the queue, gives the device up: its
 * buffers are ours again, the link is down. */
void virtio_net_release(struct virtio_net_pair *pair, const struct virtqueue *vq, uint64_t irq);

/*
 * Creates the queues and buffers of as many pairs as there are CPUs for, or of fewer, with the
 * reason on the console. 0, or why there is not even one. From probe().
 */
int virtio_net_queues_create(struct virtio_net *net);

/* Has the device use the pairs. Until then it uses the first alone. Thread context. */
void virtio_net_queues_start(struct virtio_net *net);

/* The device is reset: what was in its rings is ours again, and the queues are not touched any
 * more. Any context. */
void virtio_net_queues_stop(struct virtio_net *net);

/* Frees what virtio_net_queues_create() allocated; false when something is still in use. */
bool virtio_net_queues_free(struct virtio_net *net);

/* Receive half. */
void virtio_net_rx_interrupt(struct virtqueue *vq);
void virtio_net_rx_timer(void *arg);
unsigned virtio_net_receive(struct netdev *dev, struct netbuf **bufs, unsigned cnt);
bool virtio_net_rx_pending(struct netdev *dev);
void virtio_net_refill(struct netdev_pair *pair);

/* Transmit half, likewise. */
void virtio_net_tx_interrupt(struct virtqueue *vq);
unsigned virtio_net_send(struct netdev *dev, struct netbuf *const *bufs, unsigned cnt);

/* The control queue @vq; allocates memory for commands. 0, -ENOMEM. */
int virtio_net_ctrl_init(struct virtio_net *net, struct virtqueue *vq);
void virtio_net_ctrl_free(struct virtio_net *net);

/*
 * Sends a command with up to 8 bytes of data and waits, a bounded time, for the answer. 0; -EIO the
 * device refuses or answers nonsense; -ETIMEDOUT; -ENODEV no control queue, or disabled by an
 * earlier failure. Thread context.
 */
int virtio_net_ctrl(struct virtio_net *net, uint8_t class, uint8_t command, const void *data,
                    unsigned len);

#endif
