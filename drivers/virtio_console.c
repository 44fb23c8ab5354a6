/* The virtio console driver's life: probe, queues, start, configuration changes, being given up,
 * remove. */
#include "drivers/virtio_console.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/clock.h"
#include "kernel/format.h"
#include "kernel/panic.h"

#define EXIT_WAIT_NS 300000000ull
#define EXIT_POLL_NS 100000ull

static const struct virtio_feature features[] = {
    {.bit = VIRTIO_CONSOLE_F_SIZE, .name = "VIRTIO_CONSOLE_F_SIZE"},
    {.bit = VIRTIO_CONSOLE_F_MULTIPORT, .name = "VIRTIO_CONSOLE_F_MULTIPORT"},
    {.bit = VIRTIO_CONSOLE_F_EMERG_WRITE, .name = "VIRTIO_CONSOLE_F_EMERG_WRITE"},
    {.bit = VIRTIO_F_ANY_LAYOUT, .name = "VIRTIO_F_ANY_LAYOUT"},
    {.name = NULL},
};

static struct list consoles = LIST_INIT(consoles);
static struct spinlock consoles_lock;

/* What virtio_queues_create() is told. */
struct plan {
    struct virtqueue_config configs[VIRTIO_QUEUE_MAX];
    char names[VIRTIO_QUEUE_MAX][8];
};

static void fallback(const struct virtio_console *con, uint32_t from, unsigned to,
                     const char *reason)
{
    char quoted[96];

    at_line("fallback", "name=%s what=queue from=%u to=%u reason=%s", con->dev->name, from, to,
            at_quote(quoted, sizeof(quoted), reason));
}

/* How many ports there can be, as the device says and as queues go round. */
static void count_ports(struct virtio_console *con)
{
    con->multiport = virtio_has_feature(con->dev, VIRTIO_CONSOLE_F_MULTIPORT);
    con->port_max =
        con->multiport ? virtio_config_read32(con->dev, VIRTIO_CONSOLE_CFG_MAX_PORTS) : 1;
    con->port_cnt = con->port_max;
    if (con->port_max == 0) {
        log_warn("%s: the device says that it can have no port, using one", con->dev->name);
        con->port_cnt = 1;
    }
    if (con->port_max > PORTS_MAX) {
        fallback(con, con->port_max, PORTS_MAX, "no more queues than that");
        con->port_cnt = PORTS_MAX;
    }
}

static void plan_queue(struct plan *plan, unsigned index, const char *kind, unsigned port,
                       virtqueue_callback_t callback)
{
    format(plan->names[index], sizeof(plan->names[index]), "%s%u", kind, port);
    plan->configs[index] = (struct virtqueue_config){.name = plan->names[index],
                                                     .callback = callback,
                                                     .size_max = PORT_QUEUE_MAX,
                                                     .affinity_set = VIRTQUEUE_NO_SET};
}

static int create_queues(struct virtio_console *con, unsigned port_cnt)
{
    struct plan *plan = calloc(1, sizeof(*plan));
    int err;

    if (plan == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < port_cnt; i++) {
        plan_queue(plan, VIRTIO_CONSOLE_RXQ(i), "rx", i, virtio_console_rx_interrupt);
        plan_queue(plan, VIRTIO_CONSOLE_TXQ(i), "tx", i, virtio_console_tx_interrupt);
    }
    if (con->multiport) {
        plan->configs[VIRTIO_CONSOLE_CTRL_RXQ] =
            (struct virtqueue_config){.name = "ctrl-rx",
                                      .callback = virtio_console_ctrl_interrupt,
                                      .affinity_set = VIRTQUEUE_NO_SET};
        plan->configs[VIRTIO_CONSOLE_CTRL_TXQ] =
            (struct virtqueue_config){.name = "ctrl-tx", .affinity_set = VIRTQUEUE_NO_SET};
    }
    err = virtio_queues_create(con->dev, plan->configs,
                               con->multiport ? VIRTIO_CONSOLE_QUEUE_CNT(port_cnt) : 2);
    free(plan);
    return err;
}

static int create_ports(struct virtio_console *con)
{
    int err = create_queues(con, con->port_cnt);

    if (err != 0 && con->port_cnt > 1) {
        fallback(con, con->port_max, 1, strerror(-err));
        con->port_cnt = 1;
        err = create_queues(con, 1);
    }
    if (err != 0)
        return err;
    con->ports = calloc(con->port_cnt, sizeof(*con->ports));
    if (con->ports == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < con->port_cnt; i++)
        virtio_console_port_init(con, i);
    return con->multiport ? virtio_console_ctrl_init(con) : virtio_console_port_add(&con->ports[0]);
}

static void free_console(struct virtio_console *con)
{
    virtio_console_ctrl_free(con);
    for (unsigned i = 0; con->ports != NULL && i < con->port_cnt; i++)
        virtio_console_port_free(&con->ports[i]);
    free(con->ports);
    free(con);
}

static void give_up(void *arg)
{
    struct virtio_console *con = arg;

    for (unsigned i = 0; i < con->dev->queue_cnt; i++) {
        const struct virtqueue *vq = con->dev->queues[i];

        if (vq != NULL && vq->broken != NULL)
            virtio_device_kill(con->dev, vq->broken);
    }
}

static int console_probe(struct virtio_device *dev)
{
    struct virtio_console *con = calloc(1, sizeof(*con));
    int err;

    if (con == NULL)
        return -ENOMEM;
    con->dev = dev;
    list_init(&con->link);
    mutex_init(&con->ctrl.lock);
    work_setup(&con->broken_work, give_up, con);
    count_ports(con);
    err = create_ports(con);
    if (err != 0) {
        free_console(con);
        return err;
    }
    dev->driver_data = con;
    return 0;
}

/* What has been printed reaches the host before the devices are reset. */
static void drain_at_exit(void)
{
    uint64_t deadline = clock_ns() + EXIT_WAIT_NS;

    LIST_FOR_EACH(it, &consoles) {
        struct virtio_console *con = CONTAINER_OF(it, struct virtio_console, link);

        for (unsigned i = 0; i < con->port_cnt; i++) {
            struct port *port = &con->ports[i];

            while (port->registered && con->dev->dead == NULL && clock_ns() < deadline) {
                terminal_flush(&port->terminal);
                if (terminal_idle(&port->terminal) && virtio_console_sent(port))
                    break;
                thread_sleep_ns(EXIT_POLL_NS);
            }
        }
    }
}

void virtio_console_register(struct virtio_console *con)
{
    static bool hooked;
    uint64_t irq = spin_lock(&consoles_lock);

    list_append(&consoles, &con->link);
    spin_unlock(&consoles_lock, irq);
    if (!hooked && system_on_exit(drain_at_exit) == 0)
        hooked = true;
}

void virtio_console_unregister(struct virtio_console *con)
{
    uint64_t irq = spin_lock(&consoles_lock);

    list_remove(&con->link);
    spin_unlock(&consoles_lock, irq);
}

/* With SIZE, of port 0 (5.3.4). */
static void read_size(struct virtio_console *con)
{
    struct port *port = &con->ports[0];
    uint16_t size[2];
    uint64_t irq;

    if (!virtio_has_feature(con->dev, VIRTIO_CONSOLE_F_SIZE) ||
        virtio_config_read_bytes(con->dev, VIRTIO_CONSOLE_CFG_COLS, size, sizeof(size)) != 0)
        return;
    irq = spin_lock(&port->rx_lock);
    port->cols = size[0];
    port->rows = size[1];
    spin_unlock(&port->rx_lock, irq);
}

static void console_start_device(struct virtio_device *dev)
{
    struct virtio_console *con = dev->driver_data;

    read_size(con);
    virtio_console_register(con);
    if (con->multiport) {
        virtio_console_ctrl_start(con);
        return;
    }
    virtqueue_kick(con->ports[0].rxq);
    virtio_console_port_set_host(&con->ports[0], true);
    virtio_console_port_to_console(&con->ports[0]);
}

static void console_config_changed(struct virtio_device *dev)
{
    read_size(dev->driver_data);
}

static void console_killed(struct virtio_device *dev)
{
    struct virtio_console *con = dev->driver_data;

    for (unsigned i = 0; i < con->port_cnt; i++)
        virtio_console_port_lost(&con->ports[i]);
}

static void console_remove(struct virtio_device *dev)
{
    struct virtio_console *con = dev->driver_data;
    bool used = false;

    for (unsigned i = 0; i < dev->queue_cnt; i++) {
        if (dev->queues[i] != NULL)
            virtqueue_stop(dev->queues[i], "device removed");
    }
    virtio_console_ctrl_stop(con);
    work_cancel(&con->broken_work);
    virtio_console_unregister(con);
    for (unsigned i = 0; i < con->port_cnt; i++) {
        virtio_console_port_remove(&con->ports[i]);
        used |= con->ports[i].opened;
    }
    if (used)
        log_warn("%s: ports are still open, their memory is kept", dev->name);
    else
        free_console(con);
}

static void console_describe(struct virtio_device *dev, char *buf, size_t size)
{
    const struct virtio_console *con = dev->driver_data;

    format(buf, size, " ports=%u/%u multiport=%s", con->port_cnt, con->port_max,
           con->multiport ? "yes" : "no");
}

void virtio_console_event(struct port *port, const char *state)
{
    struct port_info info;
    char label[2 * PORT_LABEL_MAX + 2];

    port_info(port, &info);
    at_line("event", "name=%s kind=port state=%s label=%s console=%s host=%s", info.name, state,
            at_quote(label, sizeof(label), info.label), info.is_console ? "yes" : "no",
            info.host_open ? "open" : "closed");
}

struct port *port_get(unsigned index)
{
    uint64_t irq = spin_lock(&consoles_lock);
    struct port *found = NULL;

    LIST_FOR_EACH(it, &consoles) {
        struct virtio_console *con = CONTAINER_OF(it, struct virtio_console, link);

        for (unsigned i = 0; i < con->port_cnt && found == NULL; i++) {
            if (con->ports[i].present && index-- == 0)
                found = &con->ports[i];
        }
    }
    spin_unlock(&consoles_lock, irq);
    return found;
}

VIRTIO_DRIVER(console, .name = "virtio-console", .dev_prefix = "console",
              .device_id = VIRTIO_ID_CONSOLE, .features = features, .probe = console_probe,
              .start = console_start_device, .remove = console_remove,
              .config_changed = console_config_changed, .killed = console_killed,
              .describe = console_describe);
