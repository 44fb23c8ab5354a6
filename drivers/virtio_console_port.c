/* A port: its buffers and queues, and what it is to the console. */
#include <errno.h>
#include <string.h>

#include "drivers/virtio_console.h"
#include "kernel/format.h"
#include "kernel/page.h"

/* Later: what is printed in the midst of something may have come here, with who knows which lock.
 */
static void report_broken(struct port *port, const struct virtqueue *vq)
{
    if (__builtin_expect(vq->broken != NULL && port->con->dev->dead == NULL, 0))
        work_queue(&port->con->broken_work);
}

void virtio_console_port_init(struct virtio_console *con, unsigned id)
{
    struct port *port = &con->ports[id];

    port->con = con;
    port->id = id;
    port->rxq = con->dev->queues[VIRTIO_CONSOLE_RXQ(id)];
    port->txq = con->dev->queues[VIRTIO_CONSOLE_TXQ(id)];
    port->rxq->driver_data = port;
    port->txq->driver_data = port;
    port->terminal.ops = &virtio_console_terminal_ops;
    wait_queue_init(&port->wait);
    format(port->name, sizeof(port->name), "%s.%u", con->dev->name, id);
}

static void give_back(struct port *port, struct port_buf *buf)
{
    struct virtqueue_seg seg = {.pa = buf->pa, .len = PORT_RX_LEN};

    virtqueue_add(port->rxq, &seg, 0, 1, buf);
}

static unsigned at_most(unsigned cnt, unsigned max)
{
    return cnt < max ? cnt : max;
}

/* The receive ring gets its buffers; the device hears of them with the next kick. */
static int alloc_buffers(struct port *port)
{
    uint64_t pa, irq;
    char *memory = dma_alloc(PORT_MEMORY, 0, &pa);

    if (memory == NULL)
        return -ENOMEM;
    port->tx_cnt = at_most(port->txq->size, PORT_TX_BUFS);
    for (unsigned i = 0; i < PORT_RX_BUFS; i++)
        port->rx[i] = (struct port_buf){.data = memory + (size_t)i * PORT_RX_LEN,
                                        .pa = pa + (uint64_t)i * PORT_RX_LEN};
    for (unsigned i = 0; i < port->tx_cnt; i++) {
        size_t off = PORT_TX_OFF + (size_t)i * PORT_TX_LEN;

        port->tx[i] = (struct port_buf){.data = memory + off, .pa = pa + off};
        port->tx_free[port->tx_free_cnt++] = &port->tx[i];
    }
    /* An interrupt may look at the ring already when a port comes later. */
    irq = spin_lock(&port->rx_lock);
    for (unsigned i = 0; i < at_most(port->rxq->size, PORT_RX_BUFS); i++)
        give_back(port, &port->rx[i]);
    spin_unlock(&port->rx_lock, irq);
    port->memory = memory;
    return 0;
}

/* What came for the port of this number that was there before. With rx_lock. */
static void forget_received(struct port *port)
{
    while (port->rx_out != port->rx_in)
        give_back(port, port->rx_full[port->rx_out++ % PORT_RX_BUFS]);
    port->label[0] = '\0';
    port->host_open = port->is_console = false;
}

int virtio_console_port_add(struct port *port)
{
    uint64_t irq = spin_lock(&port->rx_lock);

    forget_received(port);
    spin_unlock(&port->rx_lock, irq);
    if (port->memory == NULL && alloc_buffers(port) != 0)
        return -ENOMEM;
    irq = spin_lock(&port->rx_lock);
    port->present = true;
    if (port->con->multiport)
        virtqueue_kick(port->rxq);
    spin_unlock(&port->rx_lock, irq);
    return 0;
}

void virtio_console_port_remove(struct port *port)
{
    uint64_t irq = spin_lock(&port->rx_lock);

    port->present = false;
    port->stale = port->opened;
    port->host_open = false;
    spin_unlock(&port->rx_lock, irq);
    /* A sender that saw the port has ended when this lock is had. */
    irq = spin_lock(&port->tx_lock);
    spin_unlock(&port->tx_lock, irq);
    wait_queue_wake_all(&port->wait);
    if (port->registered)
        terminal_unregister(&port->terminal);
    port->registered = false;
}

void virtio_console_port_free(struct port *port)
{
    if (port->memory != NULL)
        dma_free(port->memory, PORT_MEMORY);
    port->memory = NULL;
    terminal_release(&port->terminal);
}

void virtio_console_port_lost(struct port *port)
{
    uint64_t irq = spin_lock(&port->rx_lock);

    port->host_open = false;
    port->stale = port->opened;
    spin_unlock(&port->rx_lock, irq);
    wait_queue_wake_all(&port->wait);
}

/* A console that nobody looks at yet would miss what was printed so far. */
static void show_console(struct port *port)
{
    uint64_t irq;
    int err;

    if (!port->is_console || !port->host_open || port->registered)
        return;
    /* Who reclaims buffers otherwise, and may print, has ended when this lock is had. */
    irq = spin_lock(&port->tx_lock);
    port->on_terminal = true;
    spin_unlock(&port->tx_lock, irq);
    err = terminal_register(&port->terminal);
    if (err != 0)
        log_warn("%s: cannot show the console: %s", port->name, strerror(-err));
    port->registered = err == 0;
}

void virtio_console_port_set_host(struct port *port, bool open)
{
    uint64_t irq = spin_lock(&port->rx_lock);

    port->host_open = open;
    spin_unlock(&port->rx_lock, irq);
    wait_queue_wake_all(&port->wait);
    show_console(port);
    if (port->registered)
        terminal_flush(&port->terminal);
}

void virtio_console_port_to_console(struct port *port)
{
    uint64_t irq = spin_lock(&port->rx_lock);
    bool taken = port->is_console || port->opened;

    port->is_console |= !port->opened;
    spin_unlock(&port->rx_lock, irq);
    if (taken)
        return;
    virtio_console_send(port->con, port->id, VIRTIO_CONSOLE_PORT_OPEN, 1);
    show_console(port);
}

/* ---- receiving ---- */

/* Takes what has been received into the list of full buffers; empty ones go back, once each. */
static void harvest(struct port *port)
{
    struct port_buf *empty[PORT_RX_BUFS], *buf;
    unsigned empty_cnt = 0;
    uint32_t len;

    while ((buf = virtqueue_get(port->rxq, &len)) != NULL) {
        buf->len = len;
        buf->off = 0;
        if (len == 0 || !port->present)
            empty[empty_cnt++] = buf;
        else
            port->rx_full[port->rx_in++ % PORT_RX_BUFS] = buf;
    }
    for (unsigned i = 0; i < empty_cnt; i++)
        give_back(port, empty[i]);
    if (empty_cnt > 0)
        virtqueue_kick(port->rxq);
}

void virtio_console_rx_interrupt(struct virtqueue *vq)
{
    struct port *port = vq->driver_data;
    uint64_t irq = spin_lock(&port->rx_lock);
    bool console = port->is_console;

    harvest(port);
    spin_unlock(&port->rx_lock, irq);
    report_broken(port, vq);
    wait_queue_wake_all(&port->wait);
    if (console)
        terminal_typed();
}

size_t virtio_console_take(struct port *port, void *data, size_t len)
{
    uint64_t irq = spin_lock(&port->rx_lock);
    size_t done = 0;
    bool returned = false;

    while (port->present && done < len && port->rx_out != port->rx_in) {
        struct port_buf *buf = port->rx_full[port->rx_out % PORT_RX_BUFS];
        size_t part = buf->len - buf->off < len - done ? buf->len - buf->off : len - done;

        memcpy((char *)data + done, buf->data + buf->off, part);
        buf->off += (uint32_t)part;
        done += part;
        if (buf->off == buf->len) {
            port->rx_out++;
            give_back(port, buf);
            returned = true;
        }
    }
    port->rx_bytes += done;
    if (returned)
        virtqueue_kick(port->rxq);
    spin_unlock(&port->rx_lock, irq);
    return done;
}

/* ---- sending ---- */

static void reclaim(struct port *port)
{
    struct port_buf *buf;
    uint32_t len;

    while ((buf = virtqueue_get(port->txq, &len)) != NULL)
        port->tx_free[port->tx_free_cnt++] = buf;
}

size_t virtio_console_give(struct port *port, const void *data, size_t len)
{
    uint64_t irq = spin_lock(&port->tx_lock);
    size_t done = 0;

    if (!port->present) {
        spin_unlock(&port->tx_lock, irq);
        return 0;
    }
    reclaim(port);
    while (done < len && port->tx_free_cnt > 0) {
        struct port_buf *buf = port->tx_free[port->tx_free_cnt - 1];
        uint32_t part = len - done < PORT_TX_LEN ? (uint32_t)(len - done) : PORT_TX_LEN;
        struct virtqueue_seg seg = {.pa = buf->pa, .len = part};

        memcpy(buf->data, (const char *)data + done, part);
        if (virtqueue_add(port->txq, &seg, 1, 0, buf) != 0)
            break;
        port->tx_free_cnt--;
        done += part;
    }
    port->tx_bytes += done;
    if (done > 0)
        virtqueue_kick(port->txq);
    spin_unlock(&port->tx_lock, irq);
    report_broken(port, port->txq);
    return done;
}

bool virtio_console_sent(struct port *port)
{
    uint64_t irq = spin_lock(&port->tx_lock);
    bool sent = port->tx_free_cnt == port->tx_cnt;

    spin_unlock(&port->tx_lock, irq);
    return sent;
}

void virtio_console_tx_interrupt(struct virtqueue *vq)
{
    struct port *port = vq->driver_data;
    uint64_t irq = spin_lock(&port->tx_lock);
    bool console = port->on_terminal;

    if (!console)
        reclaim(port);
    spin_unlock(&port->tx_lock, irq);
    report_broken(port, vq);
    if (console)
        terminal_flush(&port->terminal);
    wait_queue_wake_all(&port->wait);
}

/* ---- the console ---- */

/* With nobody at the other end there is nobody to wait for. */
static size_t terminal_write(struct terminal *terminal, const char *data, size_t len)
{
    struct port *port = CONTAINER_OF(terminal, struct port, terminal);

    if (port->con->dev->dead == NULL && port->host_open)
        return virtio_console_give(port, data, len);
    port->drop_bytes += len;
    if (port->con->dev->dead == NULL)
        virtio_console_give(port, NULL, 0);
    return len;
}

static int terminal_read(struct terminal *terminal)
{
    struct port *port = CONTAINER_OF(terminal, struct port, terminal);
    unsigned char key;

    return virtio_console_take(port, &key, 1) == 1 ? key : -1;
}

/* By emergency write (5.3.6): needs neither queues nor an initialised device; goes to port 0. */
static void terminal_write_last(struct terminal *terminal, const char *data, size_t len)
{
    struct port *port = CONTAINER_OF(terminal, struct port, terminal);
    struct virtio_device *dev = port->con->dev;

    if (port->id != 0 || !port->host_open || !virtio_has_feature(dev, VIRTIO_CONSOLE_F_EMERG_WRITE))
        return;
    for (size_t i = 0; i < len; i++) {
        virtio_config_write32(dev, VIRTIO_CONSOLE_CFG_EMERG_WR, (uint8_t)data[i]);
    }
}

const struct terminal_ops virtio_console_terminal_ops = {
    .write = terminal_write,
    .getc = terminal_read,
    .write_last = terminal_write_last,
};
