/* Checks of the network driver's duties on its devices (virtio 1.3, 5.1). */
#include <string.h>

#include "drivers/virtio_net.h"
#include "virtio/virtio_check.h"

#define BIT(n) (1ull << (n))

/* Not taken by this driver, and each only with the control queue. */
#define F_CTRL_RX_EXTRA 20
#define F_HASH_REPORT   57
#define F_RSS           60

#define BUFFER_MIN 1526u /* of the specification: header and largest frame, 5.1.6.3.1 */

static enum virtio_verdict check_mac(struct virtio_device *dev, const char **why)
{
    const struct virtio_net *net = dev->driver_data;
    const uint8_t *mac = net->netdev.info.mac;
    uint8_t told[6];

    VIRTIO_CHECK_EXPECT(virtio_has_feature(dev, VIRTIO_NET_F_MAC) ||
                            (dev->offered & BIT(VIRTIO_NET_F_MAC)) == 0,
                        "MAC declined");
    VIRTIO_CHECK_EXPECT((mac[0] & 1) == 0, "a multicast address as its own");
    if (!virtio_has_feature(dev, VIRTIO_NET_F_MAC) ||
        virtio_config_read_bytes(dev, VIRTIO_NET_CFG_MAC, told, sizeof(told)) != 0) {
        VIRTIO_CHECK_EXPECT((mac[0] & 2) != 0, "an address of its own that is not a local one");
        return VIRTIO_CHECK_PASS;
    }
    VIRTIO_CHECK_EXPECT(memcmp(mac, told, sizeof(told)) == 0 || (mac[0] & 2) != 0,
                        "neither the device's address nor a local one");
    return VIRTIO_CHECK_PASS;
}

static enum virtio_verdict check_link(struct virtio_device *dev, const char **why)
{
    struct virtio_net *net = dev->driver_data;
    bool up = (virtio_net_read_status(net) & VIRTIO_NET_S_LINK_UP) != 0;

    VIRTIO_CHECK_EXPECT(net->netdev.link_up == up, "the link is not as the device says");
    return VIRTIO_CHECK_PASS;
}

static enum virtio_verdict check_mtu(struct virtio_device *dev, const char **why)
{
    const struct virtio_net *net = dev->driver_data;
    unsigned told;

    VIRTIO_CHECK_SKIP_IF(!virtio_has_feature(dev, VIRTIO_NET_F_MTU), "the device tells no MTU");
    told = virtio_config_read16(dev, VIRTIO_NET_CFG_MTU);
    VIRTIO_CHECK_EXPECT(net->netdev.info.mtu <= told || told < NETDEV_MTU_MIN,
                        "larger frames than the device's MTU");
    VIRTIO_CHECK_EXPECT(NETDEV_BUF_SIZE >= net->netdev.info.mtu + ETHERNET_HEADER_LEN,
                        "buffers are smaller than a frame");
    return VIRTIO_CHECK_PASS;
}

static enum virtio_verdict check_mtu_taken(struct virtio_device *dev, const char **why)
{
    VIRTIO_CHECK_SKIP_IF((dev->offered & BIT(VIRTIO_NET_F_MTU)) == 0, "MTU is not offered");
    VIRTIO_CHECK_EXPECT(virtio_has_feature(dev, VIRTIO_NET_F_MTU), "MTU declined");
    return VIRTIO_CHECK_PASS;
}

static enum virtio_verdict check_needs_control(struct virtio_device *dev, const char **why)
{
    uint64_t need = BIT(F_CTRL_RX_EXTRA) | BIT(F_HASH_REPORT) | BIT(F_RSS) |
                    BIT(VIRTIO_NET_F_GUEST_ANNOUNCE) | BIT(VIRTIO_NET_F_MQ);

    VIRTIO_CHECK_EXPECT((dev->features & need) == 0 ||
                            virtio_has_feature(dev, VIRTIO_NET_F_CTRL_VQ),
                        "a feature of the control queue without the control queue");
    return VIRTIO_CHECK_PASS;
}

static enum virtio_verdict check_buffers(struct virtio_device *dev, const char **why)
{
    const struct virtio_net *net = dev->driver_data;

    VIRTIO_CHECK_EXPECT(NETDEV_BUF_SIZE >= BUFFER_MIN && net->hdr_len >= VIRTIO_NET_HDR_LEN_SHORT,
                        "buffers do not hold a header and a frame");
    VIRTIO_CHECK_EXPECT(net->hdr_len == sizeof(struct virtio_net_hdr) ||
                            !virtio_has_feature(dev, VIRTIO_F_VERSION_1),
                        "the header is not the modern one");
    return VIRTIO_CHECK_PASS;
}

static enum virtio_verdict check_filled(struct virtio_device *dev, const char **why)
{
    struct virtio_net *net = dev->driver_data;

    for (unsigned i = 0; i < net->netdev.info.pair_cnt; i++) {
        struct netdev_pair *pair = &net->pairs[i].pair;
        const struct virtqueue *rxq = net->pairs[i].rxq;
        uint64_t irq = spin_lock(&pair->lock);
        bool filled = pair->starved || rxq->free_cnt < rxq->size;

        spin_unlock(&pair->lock, irq);
        VIRTIO_CHECK_EXPECT(filled, "a receive queue in use has no buffer");
    }
    return VIRTIO_CHECK_PASS;
}

static enum virtio_verdict check_pairs(struct virtio_device *dev, const char **why)
{
    const struct virtio_net *net = dev->driver_data;
    unsigned cnt = net->netdev.info.pair_cnt;

    VIRTIO_CHECK_EXPECT(cnt >= 1 && cnt <= net->netdev.info.pair_max && cnt <= net->queue_pairs,
                        "pairs in use that are not there");
    VIRTIO_CHECK_EXPECT(cnt == 1 || virtio_has_feature(dev, VIRTIO_NET_F_MQ),
                        "several pairs without MQ");
    return VIRTIO_CHECK_PASS;
}

const struct virtio_check virtio_net_checks[] = {
    {81, "5.1.4.2", check_mac},
    {82, "5.1.4.2", check_link},
    {83, "5.1.4.2", check_mtu},
    {84, "5.1.4.2", check_mtu_taken},
    {85, "5.1.4.2", check_needs_control},
    {90, "5.1.6.3.1", check_buffers},
    {91, "5.1.6.3.1", check_filled},
    {96, "5.1.6.5.6.1", check_pairs},
    {0},
};

VIRTIO_CHECKS(net, .device_id = VIRTIO_ID_NET, .checks = virtio_net_checks);
