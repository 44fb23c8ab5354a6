/* The virtio network driver's life: probe, start, configuration change, being given up, remove. */
#include "drivers/virtio_net.h"

#include <errno.h>
#include <stdlib.h>

#include "arch/cpu.h"
#include "kernel/format.h"

#define POOL_SPARE 64u /* buffers beyond full rings and what the IP stack may hold */

static const struct virtio_feature features[] = {
    {.bit = VIRTIO_NET_F_CSUM, .name = "VIRTIO_NET_F_CSUM"},
    {.bit = VIRTIO_NET_F_GUEST_CSUM, .name = "VIRTIO_NET_F_GUEST_CSUM"},
    {.bit = VIRTIO_NET_F_MTU, .name = "VIRTIO_NET_F_MTU"},
    {.bit = VIRTIO_NET_F_MAC, .name = "VIRTIO_NET_F_MAC"},
    {.bit = VIRTIO_NET_F_MRG_RXBUF, .name = "VIRTIO_NET_F_MRG_RXBUF"},
    {.bit = VIRTIO_NET_F_STATUS, .name = "VIRTIO_NET_F_STATUS"},
    {.bit = VIRTIO_F_ANY_LAYOUT, .name = "VIRTIO_F_ANY_LAYOUT"},
    {.name = NULL},
};

static const struct netdev_ops net_ops = {
    .send = virtio_net_send,
    .receive = virtio_net_receive,
    .pending = virtio_net_rx_pending,
    .refill = virtio_net_refill,
};

/* Layout of the frame header on this device (5.1.6.1, and 5.1.6.6 for the legacy interface). */
static void choose_header(struct virtio_net *net)
{
    const struct virtio_device *dev = net->dev;
    bool modern = virtio_has_feature(dev, VIRTIO_F_VERSION_1);

    net->mergeable = virtio_has_feature(dev, VIRTIO_NET_F_MRG_RXBUF);
    net->hdr_len = net->mergeable || modern ? (unsigned)sizeof(struct virtio_net_hdr)
                                            : VIRTIO_NET_HDR_LEN_SHORT;
    net->split_header = !modern && !virtio_has_feature(dev, VIRTIO_F_ANY_LAYOUT);
}

static int create_pool(struct virtio_net *net)
{
    struct netdev_info *info = &net->netdev.info;

    info->rx_ring = net->rxq->size;
    info->tx_ring = net->txq->size;
    return netbuf_pool_init(&net->netdev,
                            info->rx_ring + info->rx_ring / 2 + info->tx_ring + POOL_SPARE);
}

static int net_probe(struct virtio_device *dev)
{
    static const struct virtqueue_config queues[] = {
        [VIRTIO_NET_RXQ] = {.name = "rx0", .callback = virtio_net_rx_interrupt},
        [VIRTIO_NET_TXQ] = {.name = "tx0", .callback = virtio_net_tx_interrupt},
    };
    struct virtio_net *net = calloc(1, sizeof(*net));
    int err;

    if (net == NULL)
        return -ENOMEM;
    net->dev = dev;
    net->netdev.ops = &net_ops;
    net->netdev.driver_data = net;
    net->netdev.info.name = dev->name;
    timer_setup(&net->rx_timer, virtio_net_rx_timer, net);
    wait_queue_init(&net->netdev.rx_wait); /* the device may interrupt before start() */
    choose_header(net);
    err = virtio_queues_create(dev, queues, sizeof(queues) / sizeof(queues[0]));
    if (err != 0)
        goto fail;
    net->rxq = dev->queues[VIRTIO_NET_RXQ];
    net->txq = dev->queues[VIRTIO_NET_TXQ];
    net->rxq->driver_data = net;
    net->txq->driver_data = net;
    err = create_pool(net);
    if (err != 0)
        goto fail;
    virtio_net_configure(net);
    dev->driver_data = net;
    return 0;

fail:
    free(net);
    return err;
}

static void net_start(struct virtio_device *dev)
{
    struct virtio_net *net = dev->driver_data;
    uint64_t irq = cpu_irq_save();

    net->netdev.link_up = virtio_net_read_link(net);
    netdev_register(&net->netdev);
    virtio_net_refill(&net->netdev);
    cpu_irq_restore(irq);
}

void virtio_net_check_queue(struct virtio_net *net, const struct virtqueue *vq)
{
    if (__builtin_expect(vq->broken != NULL, 0))
        virtio_device_kill(net->dev, vq->broken);
}

/* The device is reset: what was in its rings is ours again. */
static void take_back(struct virtio_net *net)
{
    struct virtqueue *const queues[] = {net->rxq, net->txq};
    struct netbuf *buf;

    for (unsigned i = 0; i < 2; i++) {
        while ((buf = virtqueue_drain(queues[i])) != NULL)
            netbuf_give(&net->netdev.pool, buf);
    }
}

static void net_killed(struct virtio_device *dev)
{
    struct virtio_net *net = dev->driver_data;

    net->netdev.starved = false;
    timer_cancel(&net->rx_timer);
    netdev_set_link(&net->netdev, false);
    take_back(net);
}

static void net_remove(struct virtio_device *dev)
{
    struct virtio_net *net = dev->driver_data;
    bool unused = netdev_unregister(&net->netdev);

    timer_cancel(&net->rx_timer);
    virtqueue_stop(net->rxq, "device removed");
    virtqueue_stop(net->txq, "device removed");
    net->netdev.starved = false;
    take_back(net);
    if (netbuf_pool_free(&net->netdev) && unused)
        free(net);
}

static void net_config_changed(struct virtio_device *dev)
{
    struct virtio_net *net = dev->driver_data;

    netdev_set_link(&net->netdev, virtio_net_read_link(net));
}

static void net_describe(struct virtio_device *dev, char *buf, size_t size)
{
    const struct virtio_net *net = dev->driver_data;
    const struct netdev_info *info = &net->netdev.info;
    const uint8_t *m = info->mac;

    format(buf, size, " mac=%02x:%02x:%02x:%02x:%02x:%02x mtu=%u link=%s", m[0], m[1], m[2], m[3],
           m[4], m[5], info->mtu, net->netdev.link_up ? "up" : "down");
}

VIRTIO_DRIVER(net, .name = "virtio-net", .dev_prefix = "net", .device_id = VIRTIO_ID_NET,
              .features = features, .probe = net_probe, .start = net_start, .remove = net_remove,
              .config_changed = net_config_changed, .killed = net_killed, .describe = net_describe);
