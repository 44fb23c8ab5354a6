/* Control messages of a console with several ports (virtio 1.3, 5.3.6.2): the device's are served
 * in thread context, one of ours is in flight, with a time limit. */
#include <errno.h>
#include <string.h>

#include "arch/clock.h"
#include "drivers/virtio_console.h"
#include "kernel/page.h"

#define TIME_LIMIT_NS 3000000000ull
#define POLL_NS       20000u
#define BATCH_MAX     64u

/* A message as it was read, once, from where the device writes. */
struct message {
    struct virtio_console_control hdr;
    uint8_t data[CTRL_RX_LEN - sizeof(struct virtio_console_control)];
    uint32_t data_len;
};

static void add_buffer(struct virtio_console_ctrl *ctrl, uint8_t *data)
{
    struct virtqueue_seg seg = {.pa = ctrl->memory_pa + (uint64_t)(data - ctrl->memory),
                                .len = CTRL_RX_LEN};

    virtqueue_add(ctrl->rxq, &seg, 0, 1, data);
}

static void ignore(struct virtio_console *con, const struct message *msg, const char *why)
{
    log_limited(&con->ctrl.log, LOG_WARN, "%s: control message %u for port %u ignored: %s",
                con->dev->name, msg->hdr.event, msg->hdr.id, why);
}

/* A name is the host's word: it ends where it ends or at a NUL, and holds what can be printed. */
static void set_label(struct port *port, const struct message *msg)
{
    uint64_t irq = spin_lock(&port->rx_lock);
    size_t len = 0;

    while (len < msg->data_len && len < PORT_LABEL_MAX - 1 && msg->data[len] != '\0') {
        uint8_t c = msg->data[len];

        port->label[len++] = c < ' ' || c > '~' ? '?' : (char)c;
    }
    port->label[len] = '\0';
    spin_unlock(&port->rx_lock, irq);
}

static void handle_resize(struct virtio_console *con, struct port *port, const struct message *msg)
{
    struct virtio_console_resize size;
    uint64_t irq;

    if (msg->data_len < sizeof(size)) {
        ignore(con, msg, "it is too short");
        return;
    }
    memcpy(&size, msg->data, sizeof(size));
    irq = spin_lock(&port->rx_lock);
    port->cols = size.cols;
    port->rows = size.rows;
    spin_unlock(&port->rx_lock, irq);
}

static void handle_add(struct virtio_console *con, const struct message *msg)
{
    struct port *port = &con->ports[msg->hdr.id];

    if (port->present) {
        ignore(con, msg, "the port is there already");
        return;
    }
    if (virtio_console_port_add(port) != 0) {
        log_warn("%s: no memory for port %u", con->dev->name, port->id);
        virtio_console_send(con, port->id, VIRTIO_CONSOLE_PORT_READY, 0);
        return;
    }
    port->to_announce = true;
}

static void handle_remove(struct virtio_console *con, struct port *port, const struct message *msg)
{
    (void)con;
    (void)msg;
    virtio_console_port_remove(port);
    if (port->told)
        virtio_console_event(port, "removed");
    port->told = port->to_announce = false;
}

static void handle_console(struct virtio_console *con, struct port *port, const struct message *msg)
{
    (void)con;
    if (msg->hdr.value == 1)
        virtio_console_port_to_console(port);
}

static void handle_open(struct virtio_console *con, struct port *port, const struct message *msg)
{
    bool open = msg->hdr.value != 0;

    (void)con;
    if (open == port->host_open)
        return;
    virtio_console_port_set_host(port, open);
    if (port->told)
        virtio_console_event(port, open ? "open" : "closed");
}

static void handle_name(struct virtio_console *con, struct port *port, const struct message *msg)
{
    (void)con;
    set_label(port, msg);
}

/* For ports that are there. */
static void (*const handlers[])(struct virtio_console *con, struct port *port,
                                const struct message *msg) = {
    [VIRTIO_CONSOLE_DEVICE_REMOVE] = handle_remove, [VIRTIO_CONSOLE_CONSOLE_PORT] = handle_console,
    [VIRTIO_CONSOLE_RESIZE] = handle_resize,        [VIRTIO_CONSOLE_PORT_OPEN] = handle_open,
    [VIRTIO_CONSOLE_PORT_NAME] = handle_name,
};

static void handle(struct virtio_console *con, const struct message *msg)
{
    uint16_t event = msg->hdr.event;

    if (msg->hdr.id >= con->port_cnt) {
        ignore(con, msg, "there is no such port");
        if (event == VIRTIO_CONSOLE_DEVICE_ADD)
            virtio_console_send(con, msg->hdr.id, VIRTIO_CONSOLE_PORT_READY, 0);
        return;
    }
    if (event == VIRTIO_CONSOLE_DEVICE_ADD) {
        handle_add(con, msg);
        return;
    }
    if (event >= sizeof(handlers) / sizeof(handlers[0]) || handlers[event] == NULL)
        ignore(con, msg, "it is unknown");
    else if (!con->ports[msg->hdr.id].present)
        ignore(con, msg, "the port is not there");
    else
        handlers[event](con, &con->ports[msg->hdr.id], msg);
}

/* Takes the next message and gives its buffer back; false when there is none. */
static bool next_message(struct virtio_console *con, struct message *msg, bool *sound)
{
    struct virtio_console_ctrl *ctrl = &con->ctrl;
    uint32_t len;
    uint8_t *data = virtqueue_get(ctrl->rxq, &len);

    if (data == NULL)
        return false;
    *sound = len >= sizeof(msg->hdr) && len <= CTRL_RX_LEN;
    if (*sound) {
        memcpy(&msg->hdr, data, sizeof(msg->hdr));
        msg->data_len = len - (uint32_t)sizeof(msg->hdr);
        memcpy(msg->data, data + sizeof(msg->hdr), msg->data_len);
    }
    add_buffer(ctrl, data);
    virtqueue_kick(ctrl->rxq);
    return true;
}

/* False when it leaves off to let others run, for there may be more. */
static bool receive(struct virtio_console *con)
{
    struct message msg;
    bool sound;

    for (unsigned i = 0; i < BATCH_MAX; i++) {
        if (con->dev->dead != NULL || !next_message(con, &msg, &sound))
            return true;
        if (sound)
            handle(con, &msg);
        else
            log_limited(&con->ctrl.log, LOG_WARN,
                        "%s: control message of impossible length ignored", con->dev->name);
    }
    return false;
}

/* Scripts are told of a port when what the device had to say of it has been read. */
static void tell(struct virtio_console *con)
{
    struct port *port = con->ctrl.announced;

    con->ctrl.announced = NULL;
    if (port == NULL || !port->present || port->told)
        return;
    port->told = true;
    virtio_console_event(port, "added");
}

static struct port *next_to_announce(struct virtio_console *con)
{
    for (unsigned i = 0; i < con->port_cnt; i++) {
        if (con->ports[i].to_announce)
            return &con->ports[i];
    }
    return NULL;
}

/*
 * QEMU drops a message that finds no buffer, and answers PORT_READY with up to three. So one port
 * at a time is announced, and the answer is read before the next one's turn.
 */
static void serve(void *arg)
{
    struct virtio_console *con = arg;

    while (receive(con)) {
        struct port *port;

        if (con->dev->dead != NULL)
            return;
        if (con->ctrl.rxq->broken != NULL) {
            virtio_device_kill(con->dev, con->ctrl.rxq->broken);
            return;
        }
        tell(con);
        port = next_to_announce(con);
        if (port == NULL)
            return;
        port->to_announce = false;
        if (virtio_console_send(con, port->id, VIRTIO_CONSOLE_PORT_READY, 1) == 0)
            con->ctrl.announced = port;
    }
    work_queue(&con->ctrl.work);
    thread_yield();
}

void virtio_console_ctrl_interrupt(struct virtqueue *vq)
{
    struct virtio_console_ctrl *ctrl = vq->driver_data;

    if (__atomic_load_n(&ctrl->started, __ATOMIC_ACQUIRE))
        work_queue(&ctrl->work);
}

int virtio_console_ctrl_init(struct virtio_console *con)
{
    struct virtio_console_ctrl *ctrl = &con->ctrl;
    unsigned cnt;

    ctrl->rxq = con->dev->queues[VIRTIO_CONSOLE_CTRL_RXQ];
    ctrl->txq = con->dev->queues[VIRTIO_CONSOLE_CTRL_TXQ];
    ctrl->rxq->driver_data = ctrl;
    work_setup(&ctrl->work, serve, con);
    ctrl->memory = dma_alloc(CTRL_MEMORY, 0, &ctrl->memory_pa);
    if (ctrl->memory == NULL)
        return -ENOMEM;
    cnt = ctrl->rxq->size < CTRL_RX_BUFS ? ctrl->rxq->size : CTRL_RX_BUFS;
    for (unsigned i = 0; i < cnt; i++)
        add_buffer(ctrl, ctrl->memory + (size_t)i * CTRL_RX_LEN);
    virtqueue_disable_cb(ctrl->txq); /* answers are polled for */
    return 0;
}

/* The ports that are there are served at once, so that they are known when the machine is up. */
void virtio_console_ctrl_start(struct virtio_console *con)
{
    struct virtio_console_ctrl *ctrl = &con->ctrl;

    for (unsigned i = 0; i < con->port_cnt; i++)
        virtqueue_kick(con->ports[i].rxq);
    virtqueue_kick(ctrl->rxq);
    virtio_console_send(con, UINT32_MAX, VIRTIO_CONSOLE_DEVICE_READY, 1);
    serve(con);
    __atomic_store_n(&ctrl->started, true, __ATOMIC_RELEASE);
    work_queue(&ctrl->work);
}

/* Who waits for an answer sees the queue broken, and is out of it when the lock is had. */
void virtio_console_ctrl_stop(struct virtio_console *con)
{
    struct virtio_console_ctrl *ctrl = &con->ctrl;

    if (!con->multiport)
        return;
    work_cancel(&ctrl->work);
    mutex_lock(&ctrl->lock);
    ctrl->disabled = "device removed";
    mutex_unlock(&ctrl->lock);
}

void virtio_console_ctrl_free(struct virtio_console *con)
{
    if (con->ctrl.memory != NULL)
        dma_free(con->ctrl.memory, CTRL_MEMORY);
    con->ctrl.memory = NULL;
}

/* What is in flight stays so: the memory is the device's until it is reset. */
static int disable(struct virtio_console *con, const char *reason, int err)
{
    con->ctrl.disabled = reason;
    log_warn("%s: control queue not used any more: %s", con->dev->name, reason);
    return err;
}

static int send_and_wait(struct virtio_console *con)
{
    struct virtqueue *vq = con->ctrl.txq;
    uint64_t deadline = clock_ns() + TIME_LIMIT_NS;
    struct virtqueue_seg seg = {.pa = con->ctrl.memory_pa + CTRL_TX_OFF,
                                .len = sizeof(struct virtio_console_control)};
    uint32_t len;

    if (virtqueue_add(vq, &seg, 1, 0, con) != 0)
        return disable(con, "the ring takes no message", -EIO);
    virtqueue_kick(vq);
    while (virtqueue_get(vq, &len) == NULL) {
        if (vq->broken != NULL)
            return disable(con, vq->broken, -EIO);
        if (clock_ns() >= deadline)
            return disable(con, "a message was not taken in time", -ETIMEDOUT);
        thread_sleep_ns(POLL_NS);
    }
    return 0;
}

int virtio_console_send(struct virtio_console *con, unsigned id, uint16_t event, uint16_t value)
{
    struct virtio_console_ctrl *ctrl = &con->ctrl;
    struct virtio_console_control msg = {.id = id, .event = event, .value = value};
    int rc = -ENODEV;

    if (!con->multiport)
        return 0;
    mutex_lock(&ctrl->lock);
    if (ctrl->disabled == NULL && con->dev->dead == NULL) {
        memcpy(ctrl->memory + CTRL_TX_OFF, &msg, sizeof(msg));
        rc = send_and_wait(con);
    }
    mutex_unlock(&ctrl->lock);
    return rc;
}
