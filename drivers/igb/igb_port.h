/*
 * A function of the card as a network device: one receive and one transmit ring, the same on the
 * physical and on a virtual function, which differ in where its registers lie. Life:
 * igb_port_create() -> igb_port_start() when the function's reset is done -> netdev_register() ->
 * igb_port_stop() when a reset or disabled queues ended its access to memory -> start again, or
 * igb_port_free().
 */
#ifndef DRIVERS_IGB_IGB_PORT_H
#define DRIVERS_IGB_IGB_PORT_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/io.h"
#include "drivers/igb/igb_regs.h"
#include "drivers/netdev.h"
#include "kernel/log.h"

/* Where a function's queue is. */
struct igb_port_layout {
    unsigned rxq, txq;         /* bases of its registers */
    unsigned eics, eims, eimc; /* a bit a vector */
    unsigned rx_vector;
    unsigned ring_cnt; /* descriptors of a ring; a multiple of 8 */
};

struct igb_ring {
    union {
        union e1000_adv_rx_desc *rx;
        union e1000_adv_tx_desc *tx;
    };
    uint64_t pa;
    struct netbuf **bufs; /* of each descriptor that the card has */
    unsigned cnt;
    unsigned head; /* next that the card is to be through with */
    unsigned tail; /* next to be given to it; all but one can be */
};

struct igb_port {
    struct netdev netdev;
    struct netdev_pair pair; /* its lock guards both rings; gone while they are stopped */
    const struct igb_port_layout *layout;
    uint8_t *regs;
    struct igb_ring rx, tx;
    unsigned number;
    bool rx_skip; /* inside a frame that is longer than a buffer */
    struct log_limit rx_log;
    char name[NETDEV_NAME_MAX];
};

static inline uint32_t igb_read(const struct igb_port *port, unsigned off)
{
    return mmio_read32(port->regs + off);
}

static inline void igb_write(const struct igb_port *port, unsigned off, uint32_t value)
{
    mmio_write32(port->regs + off, value);
}

static inline struct igb_port *to_igb_port(struct netdev_pair *pair)
{
    return CONTAINER_OF(pair, struct igb_port, pair);
}

static inline unsigned igb_ring_next(const struct igb_ring *ring, unsigned index)
{
    return index + 1 < ring->cnt ? index + 1 : 0;
}

static inline unsigned igb_ring_free(const struct igb_ring *ring)
{
    return (ring->head + ring->cnt - ring->tail - 1) % ring->cnt;
}

/* Waits up to @ms for bits of a register to be as wanted. False when they are not. Thread
 * context. */
bool igb_wait_bits(const struct igb_port *port, unsigned off, uint32_t bits, uint32_t wanted,
                   unsigned ms);

/* A name, rings and buffers; the queues are stopped. 0, -ENOMEM. Thread context. */
int igb_port_create(struct igb_port *port, const struct igb_port_layout *layout, uint8_t *regs);

/* False when buffers or the device are still in use: then @port must stay in memory. */
bool igb_port_free(struct igb_port *port);

/* Gives the rings to the card and fills the receive ring. 0, -EIO a queue does not start. Thread
 * context. */
int igb_port_start(struct igb_port *port);

/* The buffers in the rings are ours again. The card must be through with them. Thread context. */
void igb_port_stop(struct igb_port *port);

/* A usable MAC address: unicast and not zero. */
bool igb_mac_usable(const uint8_t *mac);

/* A locally administered one that differs from the last. Any context. */
void igb_mac_random(uint8_t *mac);

/* Receive half. The handler is the receive vector's; interrupt context. */
void igb_rx_interrupt(struct igb_port *port);
void igb_rx_refill(struct netdev_pair *pair);
unsigned igb_rx_receive(struct netdev *dev, struct netbuf **bufs, unsigned cnt);
bool igb_rx_pending(struct netdev *dev);

/* Transmit half. */
void igb_tx_interrupt(struct igb_port *port);
unsigned igb_tx_send(struct netdev *dev, struct netbuf *const *bufs, unsigned cnt);

#endif
