/* Private to the virtio console driver. */
#ifndef DRIVERS_VIRTIO_CONSOLE_H
#define DRIVERS_VIRTIO_CONSOLE_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/spinlock.h"
#include "drivers/virtio_console_spec.h"
#include "kernel/list.h"
#include "kernel/log.h"
#include "kernel/mutex.h"
#include "kernel/terminal.h"
#include "kernel/thread.h"
#include "kernel/work.h"
#include "virtio/virtio.h"
#include "vring0/port.h"

#define PORT_RX_BUFS   8u
#define PORT_RX_LEN    4096u
#define PORT_TX_BUFS   16u
#define PORT_TX_LEN    2048u
#define PORT_TX_OFF    ((size_t)PORT_RX_BUFS * PORT_RX_LEN)
#define PORT_MEMORY    (PORT_TX_OFF + (size_t)PORT_TX_BUFS * PORT_TX_LEN)
#define CTRL_RX_BUFS   32u /* a device drops what finds no buffer */
#define CTRL_RX_LEN    256u
#define CTRL_TX_OFF    ((size_t)CTRL_RX_BUFS * CTRL_RX_LEN)
#define CTRL_MEMORY    (CTRL_TX_OFF + sizeof(struct virtio_console_control))
#define PORTS_MAX      ((VIRTIO_QUEUE_MAX - 2u) / 2u)
#define PORT_QUEUE_MAX 64u /* entries asked for, where that can be chosen */

struct virtio_console;

/* A piece of a port's memory. */
struct port_buf {
    char *data;
    uint64_t pa;
    uint32_t len, off; /* received, and read of that */
};

/*
 * A port. Locks: rx_lock, then tx_lock. tx_lock of a console is taken in the midst of any message,
 * after it; so nothing prints while holding that of a console but from within terminal_flush().
 */
struct port {
    struct virtio_console *con;
    struct virtqueue *rxq, *txq;
    void *memory; /* NULL until the device adds the port for the first time; then the queue's */
    unsigned id;
    char name[PORT_NAME_MAX];
    struct wait_queue wait; /* readers and writers */

    struct spinlock rx_lock; /* of what follows, and the receive queue */
    bool present;            /* added by the device and not removed */
    bool stale;              /* removed while opened, and still opened */
    bool opened, host_open, is_console;
    char label[PORT_LABEL_MAX];
    uint16_t cols, rows;
    struct port_buf rx[PORT_RX_BUFS];
    struct port_buf *rx_full[PORT_RX_BUFS]; /* received, in order: a ring */
    unsigned rx_in, rx_out;
    uint64_t rx_bytes;

    struct spinlock tx_lock; /* of what follows, and the transmit queue */
    struct port_buf tx[PORT_TX_BUFS];
    struct port_buf *tx_free[PORT_TX_BUFS];
    unsigned tx_cnt, tx_free_cnt; /* buffers there are, and free ones */
    uint64_t tx_bytes, drop_bytes;
    bool on_terminal; /* from now on reclaimed by terminal_flush() alone; stays */

    struct terminal terminal;
    bool registered;  /* with the console; like what follows, the control work's alone */
    bool to_announce; /* PORT_READY is to be sent */
    bool told;        /* scripts know of it */
};

/* The control queues. */
struct virtio_console_ctrl {
    struct virtqueue *rxq, *txq;
    uint8_t *memory; /* receive buffers, then the message to send */
    uint64_t memory_pa;
    struct mutex lock;      /* one message at a time */
    struct work work;       /* serves what has been received */
    bool started;           /* the work may run */
    struct port *announced; /* the one that the device is telling about */
    const char *disabled;   /* why nothing is sent any more */
    struct log_limit log;
};

struct virtio_console {
    struct list link;
    struct virtio_device *dev;
    struct port *ports;
    unsigned port_cnt;
    uint32_t port_max; /* as the device says */
    bool multiport;
    struct virtio_console_ctrl ctrl;
    struct work broken_work; /* gives the device up, for a queue that is broken */
};

/* The control queues: memory and work; the first message; end. */
int virtio_console_ctrl_init(struct virtio_console *con);
void virtio_console_ctrl_start(struct virtio_console *con);
void virtio_console_ctrl_stop(struct virtio_console *con);
void virtio_console_ctrl_free(struct virtio_console *con);
void virtio_console_ctrl_interrupt(struct virtqueue *vq);

/*
 * Sends a message and waits, a bounded time, until the device has read it. 0, -EIO, -ETIMEDOUT,
 * -ENODEV no control queue, or disabled by an earlier failure. Thread context.
 */
int virtio_console_send(struct virtio_console *con, unsigned id, uint16_t event, uint16_t value);

/* A port's life, in thread context: memory and buffers when it is added for the first time; it goes
 * on after a removal. 0, -ENOMEM. */
void virtio_console_port_init(struct virtio_console *con, unsigned id);
int virtio_console_port_add(struct port *port);
void virtio_console_port_remove(struct port *port);
void virtio_console_port_free(struct port *port);

/* The host opened or closed its end. Thread context. */
void virtio_console_port_set_host(struct port *port, bool open);

/* The port shows the console from now on, once the host's end is open. Thread context. */
void virtio_console_port_to_console(struct port *port);

/* The device has been given up. Any context. */
void virtio_console_port_lost(struct port *port);

void virtio_console_rx_interrupt(struct virtqueue *vq);
void virtio_console_tx_interrupt(struct virtqueue *vq);

/* Bytes that were received and not read: up to @len of them; 0 none. */
size_t virtio_console_take(struct port *port, void *data, size_t len);

/* Hands as many of @len bytes to the device as there are buffers for; how many. */
size_t virtio_console_give(struct port *port, const void *data, size_t len);

/* Everything written has been read by the device. */
bool virtio_console_sent(struct port *port);

/* "@event name=console0.1 kind=port state=..." */
void virtio_console_event(struct port *port, const char *state);

extern const struct terminal_ops virtio_console_terminal_ops;

/* Devices that work; for port_find() and such. */
void virtio_console_register(struct virtio_console *con);
void virtio_console_unregister(struct virtio_console *con);

#endif
