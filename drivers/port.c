/* Ports as programs use them: finding, opening, reading, writing with waiting. */
#include "vring0/port.h"

#include <errno.h>
#include <string.h>

#include "arch/clock.h"
#include "drivers/virtio_console.h"

void port_info(struct port *port, struct port_info *info)
{
    uint64_t irq = spin_lock(&port->rx_lock);

    *info = (struct port_info){
        .is_console = port->is_console,
        .host_open = port->host_open,
        .opened = port->opened,
        .stale = port->stale,
        .cols = port->cols,
        .rows = port->rows,
        .rx_bytes = port->rx_bytes,
        .tx_bytes = __atomic_load_n(&port->tx_bytes, __ATOMIC_RELAXED),
        .drop_bytes =
            __atomic_load_n(&port->drop_bytes, __ATOMIC_RELAXED) + port->terminal.drop_cnt,
    };
    memcpy(info->name, port->name, sizeof(info->name));
    memcpy(info->label, port->label, sizeof(info->label));
    spin_unlock(&port->rx_lock, irq);
}

struct port *port_find(const char *name)
{
    struct port *port, *labelled = NULL;
    struct port_info info;

    for (unsigned i = 0; (port = port_get(i)) != NULL; i++) {
        port_info(port, &info);
        if (strcmp(info.name, name) == 0)
            return port;
        if (labelled == NULL && info.label[0] != '\0' && strcmp(info.label, name) == 0)
            labelled = port;
    }
    return labelled;
}

static bool usable(const struct port *port)
{
    return port->present && !port->stale && port->con->dev->dead == NULL;
}

int port_open(struct port *port)
{
    uint64_t irq = spin_lock(&port->rx_lock);
    int rc = -ENODEV;

    if (port->opened || port->is_console)
        rc = -EBUSY;
    else if (usable(port))
        rc = 0;
    port->opened |= rc == 0;
    spin_unlock(&port->rx_lock, irq);
    if (rc == 0)
        virtio_console_send(port->con, port->id, VIRTIO_CONSOLE_PORT_OPEN, 1);
    return rc;
}

void port_close(struct port *port)
{
    uint64_t irq;

    if (usable(port))
        virtio_console_send(port->con, port->id, VIRTIO_CONSOLE_PORT_OPEN, 0);
    irq = spin_lock(&port->rx_lock);
    port->opened = port->stale = false;
    spin_unlock(&port->rx_lock, irq);
}

static uint64_t deadline_of(uint64_t timeout_ns)
{
    uint64_t now = clock_ns();

    return timeout_ns > WAIT_FOREVER - now ? WAIT_FOREVER : now + timeout_ns;
}

static bool received(struct port *port)
{
    uint64_t irq = spin_lock(&port->rx_lock);
    bool any = port->rx_in != port->rx_out || !port->host_open || !usable(port);

    spin_unlock(&port->rx_lock, irq);
    return any;
}

int64_t port_read(struct port *port, void *data, size_t len, uint64_t timeout_ns)
{
    uint64_t deadline = deadline_of(timeout_ns);

    while (len > 0) {
        bool open = port->host_open; /* before: what came until it closed counts */
        size_t done;

        if (!usable(port))
            return -ENODEV;
        done = virtio_console_take(port, data, len);
        if (done > 0)
            return (int64_t)done;
        if (!open)
            return 0;
        if (WAIT_UNTIL(&port->wait, deadline, received(port)) != 0)
            return -EAGAIN;
    }
    return 0;
}

static bool has_room(struct port *port)
{
    uint64_t irq = spin_lock(&port->tx_lock);
    bool any = port->tx_free_cnt > 0;

    spin_unlock(&port->tx_lock, irq);
    return any || !port->host_open || !usable(port);
}

int64_t port_write(struct port *port, const void *data, size_t len, uint64_t timeout_ns)
{
    uint64_t deadline = deadline_of(timeout_ns);
    size_t done = 0;
    int err = 0;

    while (done < len && err == 0) {
        if (!usable(port))
            err = -ENODEV;
        else if (!port->host_open)
            err = -EPIPE;
        else
            done += virtio_console_give(port, (const char *)data + done, len - done);
        if (done < len && err == 0 && WAIT_UNTIL(&port->wait, deadline, has_room(port)) != 0)
            err = -EAGAIN;
    }
    return done > 0 ? (int64_t)done : err;
}
