/* The virtio network driver's life: probe, start, configuration change, being given up, remove. */
#include "drivers/virtio_net.h"

#include <errno.h>
#include <stdlib.h>

#include "kernel/format.h"

#define BIT(n) (1ull << (n))

static const struct virtio_feature features[] = {
    {.bit = VIRTIO_NET_F_CSUM, .name = "VIRTIO_NET_F_CSUM"},
    {.bit = VIRTIO_NET_F_GUEST_CSUM, .name = "VIRTIO_NET_F_GUEST_CSUM"},
    {.bit = VIRTIO_NET_F_MTU, .name = "VIRTIO_NET_F_MTU"},
    {.bit = VIRTIO_NET_F_MAC, .name = "VIRTIO_NET_F_MAC"},
    {.bit = VIRTIO_NET_F_MRG_RXBUF, .name = "VIRTIO_NET_F_MRG_RXBUF"},
    {.bit = VIRTIO_NET_F_STATUS, .name = "VIRTIO_NET_F_STATUS"},
    {.bit = VIRTIO_NET_F_CTRL_VQ, .name = "VIRTIO_NET_F_CTRL_VQ"},
    {.bit = VIRTIO_NET_F_GUEST_ANNOUNCE,
     .name = "VIRTIO_NET_F_GUEST_ANNOUNCE",
     .needs = BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_STATUS)},
    {.bit = VIRTIO_NET_F_MQ, .name = "VIRTIO_NET_F_MQ", .needs = BIT(VIRTIO_NET_F_CTRL_VQ)},
    {.bit = VIRTIO_F_IN_ORDER, .name = "VIRTIO_F_IN_ORDER", .needs = 1ull << VIRTIO_F_VERSION_1},
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

static int net_probe(struct virtio_device *dev)
{
    struct virtio_net *net = calloc(1, sizeof(*net));
    int err;

    if (net == NULL)
        return -ENOMEM;
    net->dev = dev;
    net->netdev.ops = &net_ops;
    net->netdev.driver_data = net;
    net->netdev.info.name = dev->name;
    netdev_init(&net->netdev);
    choose_header(net);
    virtio_net_configure(net);
    err = virtio_net_queues_create(net);
    if (err != 0) {
        free(net->pairs);
        free(net);
        return err;
    }
    dev->driver_data = net;
    return 0;
}

/* Peers learn where we are from the IP stack, then the device that they have been told (5.1.6.5.4).
 */
static void announce(struct virtio_net *net)
{
    int err;

    netdev_announce(&net->netdev);
    err = virtio_net_ctrl(net, VIRTIO_NET_CTRL_ANNOUNCE, VIRTIO_NET_CTRL_ANNOUNCE_ACK, NULL, 0);
    if (err != 0)
        log_limited(&net->announce_log, LOG_WARN, "%s: the announcement cannot be acknowledged",
                    net->dev->name);
}

static void net_config_changed(struct virtio_device *dev)
{
    struct virtio_net *net = dev->driver_data;
    uint16_t status = virtio_net_read_status(net);

    netdev_set_link(&net->netdev, (status & VIRTIO_NET_S_LINK_UP) != 0);
    if ((status & VIRTIO_NET_S_ANNOUNCE) != 0)
        announce(net);
}

static void net_start(struct virtio_device *dev)
{
    struct virtio_net *net = dev->driver_data;

    net->netdev.link_up = (virtio_net_read_status(net) & VIRTIO_NET_S_LINK_UP) != 0;
    virtio_net_queues_start(net);
    netdev_register(&net->netdev);
}

void virtio_net_release(struct virtio_net_pair *pair, const struct virtqueue *vq, uint64_t irq)
{
    const char *broken = pair->pair.gone ? NULL : vq->broken;

    spin_unlock(&pair->pair.lock, irq);
    if (__builtin_expect(broken != NULL, 0))
        virtio_device_kill(pair->net->dev, broken);
}

static void net_killed(struct virtio_device *dev)
{
    struct virtio_net *net = dev->driver_data;

    netdev_lost(&net->netdev);
    virtio_net_queues_stop(net);
}

static void net_remove(struct virtio_device *dev)
{
    struct virtio_net *net = dev->driver_data;
    bool unused;

    netdev_lost(&net->netdev);
    unused = netdev_unregister(&net->netdev);
    for (unsigned i = 0; i < dev->queue_cnt; i++) {
        if (dev->queues[i] != NULL)
            virtqueue_stop(dev->queues[i], "device removed");
    }
    virtio_net_queues_stop(net);
    if (virtio_net_queues_free(net) && unused) {
        free(net->pairs);
        free(net);
    }
}

static void net_describe(struct virtio_device *dev, char *buf, size_t size)
{
    const struct virtio_net *net = dev->driver_data;
    const struct netdev_info *info = &net->netdev.info;
    const uint8_t *m = info->mac;

    format(buf, size, " mac=%02x:%02x:%02x:%02x:%02x:%02x mtu=%u link=%s pairs=%u/%u", m[0], m[1],
           m[2], m[3], m[4], m[5], info->mtu, netdev_link_up(&net->netdev) ? "up" : "down",
           info->pair_cnt, info->pair_max);
}

VIRTIO_DRIVER(net, .name = "virtio-net", .dev_prefix = "net", .device_id = VIRTIO_ID_NET,
              .config_min = VIRTIO_NET_CFG_MAC + 6, .number_take = netdev_number_take,
              .number_put = netdev_number_put, .features = features, .probe = net_probe,
              .start = net_start, .remove = net_remove, .config_changed = net_config_changed,
              .killed = net_killed, .describe = net_describe);
