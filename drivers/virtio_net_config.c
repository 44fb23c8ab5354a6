/* What a network device's configuration says, checked: MAC, MTU, pairs, status (virtio 1.3, 5.1.4).
 */
#include <string.h>

#include "arch/clock.h"
#include "drivers/virtio_net.h"

#define MAC_LEN 6

static bool mac_usable(const uint8_t *mac)
{
    static const uint8_t zero[MAC_LEN];

    return (mac[0] & 1) == 0 && memcmp(mac, zero, MAC_LEN) != 0;
}

/* Locally administered and unicast; the counter's low bits differ from boot to boot. */
static void make_mac(struct virtio_net *net)
{
    uint64_t bits = clock_cycles() * 0x9e3779b97f4a7c15ull;

    net->netdev.info.mac[0] = 0x02;
    for (unsigned i = 1; i < MAC_LEN; i++)
        net->netdev.info.mac[i] = (uint8_t)(bits >> (8 * i + 16));
}

static void read_mac(struct virtio_net *net)
{
    uint8_t *mac = net->netdev.info.mac;

    if (!virtio_has_feature(net->dev, VIRTIO_NET_F_MAC)) {
        make_mac(net);
        log_info("%s: the device has no MAC address, made one", net->dev->name);
        return;
    }
    if (virtio_config_read_bytes(net->dev, VIRTIO_NET_CFG_MAC, mac, MAC_LEN) == 0 &&
        mac_usable(mac))
        return;
    make_mac(net);
    log_warn("%s: the device's MAC address is zero, multicast or unreadable, made one",
             net->dev->name);
}

static void read_mtu(struct virtio_net *net)
{
    struct netdev_info *info = &net->netdev.info;
    uint16_t mtu;

    info->mtu = NETDEV_MTU_MAX;
    if (!virtio_has_feature(net->dev, VIRTIO_NET_F_MTU))
        return;
    mtu = virtio_config_read16(net->dev, VIRTIO_NET_CFG_MTU);
    if (mtu < NETDEV_MTU_MIN)
        log_warn("%s: the device's MTU %u is below %u, using %u", net->dev->name, mtu,
                 NETDEV_MTU_MIN, info->mtu);
    else if (mtu < NETDEV_MTU_MAX)
        info->mtu = mtu;
}

/* 0 when the device says what cannot be (5.1.4.1). */
static void read_pairs(struct virtio_net *net)
{
    uint16_t max = 1;

    if (virtio_has_feature(net->dev, VIRTIO_NET_F_MQ))
        max = virtio_config_read16(net->dev, VIRTIO_NET_CFG_MAX_PAIRS);
    net->netdev.info.pair_max = max <= VIRTIO_NET_CTRL_MQ_VQ_PAIRS_MAX ? max : 0;
}

uint16_t virtio_net_read_status(struct virtio_net *net)
{
    uint16_t status;

    if (!virtio_has_feature(net->dev, VIRTIO_NET_F_STATUS))
        return VIRTIO_NET_S_LINK_UP;
    status = virtio_config_read16(net->dev, VIRTIO_NET_CFG_STATUS);
    if (!virtio_has_feature(net->dev, VIRTIO_NET_F_GUEST_ANNOUNCE))
        status &= (uint16_t)~VIRTIO_NET_S_ANNOUNCE;
    return status;
}

void virtio_net_configure(struct virtio_net *net)
{
    read_mac(net);
    read_mtu(net);
    read_pairs(net);
    net->netdev.info.csum_tx = virtio_has_feature(net->dev, VIRTIO_NET_F_CSUM);
    net->netdev.info.csum_rx = virtio_has_feature(net->dev, VIRTIO_NET_F_GUEST_CSUM);
}
