/*
 * Network devices as raw frames in batches, for programs that want no IP stack in between. Frames
 * live in buffers of the device's pools: netdev_receive() lends them, netdev_buf_free() gives them
 * back; netdev_buf_alloc() and netdev_send() likewise for sending. Nothing is copied.
 *
 * A device may have several pairs of a receive and a transmit queue, each with buffers of its own:
 * a thread sends on the pair of its CPU; received frames wait in their pair until netdev_receive()
 * takes them.
 */
#ifndef VRING0_NETDEV_H
#define VRING0_NETDEV_H

#include <stdbool.h>
#include <stdint.h>

#define NETDEV_FRAME_MAX 1514u /* Ethernet frame without FCS */
#define NETDEV_BUF_SIZE  2048u /* a buffer's data room, headroom included */
#define NETDEV_HEADROOM  64u   /* kept in front of the frame for device headers */

struct netdev;
struct netdev_pair;

/* Checksum state of a frame. */
enum netbuf_csum {
    NETBUF_CSUM_NONE,  /* rx: unknown. tx: complete in the frame */
    NETBUF_CSUM_VALID, /* rx: verified by the device */
    /* csum_start/csum_off: pseudo-header sum stored, rest still to be computed. rx: it comes from
     * this very host, where nothing could damage it; may be sent on as it is */
    NETBUF_CSUM_PARTIAL,
};

struct netbuf {
    uint8_t *data; /* first byte of the frame */
    uint32_t len;  /* bytes of the frame in this buffer */
    uint16_t csum_start, csum_off;
    uint8_t csum;     /* enum netbuf_csum */
    uint8_t frag_cnt; /* rx: further buffers of a merged frame, linked by next; tx: must be 0 */
    struct netbuf *next;
    struct netdev *dev;
    struct netdev_pair *pair; /* pool owner */
    uint64_t pa;              /* of the buffer's first byte (headroom start) */
    uint8_t *base;
    void *user[10]; /* free for the holder (the IP stack keeps its descriptor here) */
};

struct netdev_info {
    const char *name; /* "net0" */
    uint8_t mac[6];
    uint16_t mtu;
    bool csum_tx, csum_rx;     /* checksum offloads negotiated */
    unsigned tx_ring, rx_ring; /* of each pair */
    unsigned pair_cnt;         /* pairs of queues in use */
    unsigned pair_max;         /* that the device has */
};

struct netdev_stats {
    uint64_t rx_frames, rx_bytes, rx_dropped, rx_errors;
    uint64_t tx_frames, tx_bytes, tx_dropped;
};

struct netdev *netdev_find(const char *name);
struct netdev *netdev_get(unsigned index);
const struct netdev_info *netdev_info(const struct netdev *dev);

/* Counters of all pairs together; of pair @index, below info's pair_cnt. */
void netdev_stats(struct netdev *dev, struct netdev_stats *stats);
void netdev_pair_stats(struct netdev *dev, unsigned index, struct netdev_stats *stats);

bool netdev_link_up(const struct netdev *dev);

/* An empty buffer for sending, data behind the headroom; NULL when the pool is empty. Any context.
 */
struct netbuf *netdev_buf_alloc(struct netdev *dev);

/* Gives a buffer (with its chain) back to its pool; rx buffers go back to the receive ring in
 * batches. Any context. */
void netdev_buf_free(struct netbuf *buf);

/*
 * Sends up to @cnt frames with at most one notification; returns how many were taken (they belong
 * to the device until sent, then return to the pool by themselves), which are fewer when the ring
 * is full, or -ENETDOWN while the link is down. Any context.
 */
int netdev_send(struct netdev *dev, struct netbuf *const *bufs, unsigned cnt);

/* Takes up to @cnt received frames, from any of the pairs. The receive rings are refilled on the
 * way. Any context. */
unsigned netdev_receive(struct netdev *dev, struct netbuf **bufs, unsigned cnt);

/* What happens to a device. */
enum netdev_event {
    NETDEV_LINK_DOWN, /* nothing is sent from now on */
    NETDEV_LINK_UP,
    NETDEV_ANNOUNCE, /* the device may be elsewhere now: tell the network who is here */
};
typedef void (*netdev_event_fn)(void *arg, enum netdev_event event);

/*
 * Makes the caller the device's user. @rx runs in interrupt context when frames wait, and then for
 * frames of the same pair not again before netdev_receive() has returned 0 (the device is told to
 * stay quiet meanwhile); several CPUs may run it at a time. @event runs in a thread of vring0's
 * own, which may be on another CPU than the program's, one event after the other. NULL: none. One
 * user per device; -EBUSY when taken. Thread context.
 */
int netdev_open(struct netdev *dev, void (*rx)(void *arg), netdev_event_fn event, void *arg);

/* Neither callback runs any more when it returns, but for an @event that calls it. Thread context,
 * so not from @rx. */
void netdev_close(struct netdev *dev);

/*
 * Has @fn called on each event from now on, as netdev_open() does @event; whoever calls need not be
 * the device's user. One watcher per device; -EBUSY when there is one. @fn NULL: no more, and none
 * that runs, unless it is the watcher itself that calls. Thread context.
 */
int netdev_watch(struct netdev *dev, netdev_event_fn fn, void *arg);

/* Blocks until frames wait or @timeout_ns passed. 0, -ETIMEDOUT. Thread context; for users that
 * gave no rx callback. */
int netdev_wait(struct netdev *dev, uint64_t timeout_ns);

#endif
