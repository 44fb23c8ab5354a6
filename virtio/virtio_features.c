/* Feature negotiation: what is offered, wanted by the driver, and possible with the rings built in
 * here. */
#include <errno.h>

#include "kernel/log.h"
#include "virtio/virtio_impl.h"

#define BIT(n) (1ull << (n))

static const struct virtio_feature ring_features[] = {
    {.bit = VIRTIO_RING_F_INDIRECT_DESC, .name = "VIRTIO_RING_F_INDIRECT_DESC"},
    {.bit = VIRTIO_RING_F_EVENT_IDX, .name = "VIRTIO_RING_F_EVENT_IDX"},
    {.bit = VIRTIO_F_VERSION_1, .name = "VIRTIO_F_VERSION_1"},
    {.bit = VIRTIO_F_RING_PACKED, .name = "VIRTIO_F_RING_PACKED", .needs = BIT(VIRTIO_F_VERSION_1)},
    {.bit = VIRTIO_F_ORDER_PLATFORM,
     .name = "VIRTIO_F_ORDER_PLATFORM",
     .needs = BIT(VIRTIO_F_VERSION_1)},
    {.name = NULL},
};

/* Known by name; accepted when the driver or the transport asks for them. */
static const struct virtio_feature other_features[] = {
    {.bit = VIRTIO_F_NOTIFY_ON_EMPTY, .name = "VIRTIO_F_NOTIFY_ON_EMPTY"},
    {.bit = VIRTIO_F_ANY_LAYOUT, .name = "VIRTIO_F_ANY_LAYOUT"},
    {.bit = VIRTIO_F_ACCESS_PLATFORM, .name = "VIRTIO_F_ACCESS_PLATFORM"},
    {.bit = VIRTIO_F_IN_ORDER, .name = "VIRTIO_F_IN_ORDER"},
    {.bit = VIRTIO_F_SR_IOV, .name = "VIRTIO_F_SR_IOV"},
    {.bit = VIRTIO_F_NOTIFICATION_DATA, .name = "VIRTIO_F_NOTIFICATION_DATA"},
    {.bit = VIRTIO_F_NOTIF_CONFIG_DATA, .name = "VIRTIO_F_NOTIF_CONFIG_DATA"},
    {.bit = VIRTIO_F_RING_RESET, .name = "VIRTIO_F_RING_RESET"},
    {.name = NULL},
};

static const char *find_name(const struct virtio_feature *table, unsigned bit)
{
    for (; table->name != NULL; table++) {
        if (table->bit == bit)
            return table->name;
    }
    return NULL;
}

const char *virtio_feature_name(const struct virtio_device *dev, unsigned bit)
{
    const char *name = find_name(dev->driver->features, bit);

    if (name == NULL)
        name = find_name(ring_features, bit);
    return name != NULL ? name : find_name(other_features, bit);
}

static uint64_t table_mask(const struct virtio_feature *table)
{
    uint64_t mask = 0;

    for (; table->name != NULL; table++)
        mask |= BIT(table->bit);
    return mask;
}

/* Takes features away whose prerequisites are not there, until none is left that must go. */
static uint64_t drop_unsupported(const struct virtio_feature *table, uint64_t features)
{
    uint64_t before;

    do {
        before = features;
        for (const struct virtio_feature *f = table; f->name != NULL; f++) {
            if ((features & f->needs) != f->needs)
                features &= ~BIT(f->bit);
        }
    } while (features != before);
    return features;
}

/* What this side can do with @dev's transport, rings and driver. */
static uint64_t usable_features(struct virtio_device *dev)
{
    const struct virtio_transport_ops *transport = dev->transport;
    uint64_t own = transport->own_features != NULL ? transport->own_features(dev) : 0;
    uint64_t rings = table_mask(ring_features);

    if (!virtio_ring_packed_wanted(dev))
        rings &= ~BIT(VIRTIO_F_RING_PACKED);
    return table_mask(dev->driver->features) | rings | own;
}

/* 0, -ENOTSUP with the reason on the console. */
static int check_access(struct virtio_device *dev, uint64_t offered)
{
    const char *objection = NULL;

    if (dev->transport->access_objection != NULL)
        objection = dev->transport->access_objection(dev, offered);
    if (objection == NULL)
        return 0;
    log_error(
        "%s %s: device not used: it %s VIRTIO_F_ACCESS_PLATFORM, and %s", dev->name, dev->bus_name,
        (offered & BIT(VIRTIO_F_ACCESS_PLATFORM)) != 0 ? "offers" : "does not offer", objection);
    return -ENOTSUP;
}

int virtio_features_negotiate(struct virtio_device *dev)
{
    const struct virtio_feature *table = dev->driver->features;
    uint64_t offered = dev->transport->get_features(dev);
    uint64_t features = offered & usable_features(dev);
    uint64_t missing = dev->transport->features_required & ~features;
    int err = check_access(dev, offered);

    dev->offered = offered;
    if (err != 0)
        return err;
    features = drop_unsupported(table, drop_unsupported(ring_features, features));
    if (missing != 0) {
        log_error("%s %s: the %s transport is not usable: %s missing", dev->name, dev->bus_name,
                  dev->transport->name,
                  virtio_feature_name(dev, (unsigned)__builtin_ctzll(missing)));
        err = -ENOTSUP;
    }
    for (const struct virtio_feature *f = table; f->name != NULL; f++) {
        if (f->required && (features & BIT(f->bit)) == 0) {
            log_error("%s %s: device offers no usable features: %s missing", dev->name,
                      dev->bus_name, f->name);
            err = -ENOTSUP;
        }
    }
    if (err != 0)
        return err;
    dev->features = features;
    err = virtio_ring_check(dev);
    if (err != 0)
        return err;
    dev->transport->set_features(dev, features);
    return 0;
}
