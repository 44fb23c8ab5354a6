/* Checks of features and status, of every device (virtio 1.3, chapters 2, 3 and 6). */
#include "virtio/virtio_check.h"
#include "virtio/virtio_impl.h"

#define BIT(n) (1ull << (n))
#define STATUS_LEGACY \
    (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_DRIVER_OK)
#define STATUS_MODERN (STATUS_LEGACY | VIRTIO_CONFIG_S_FEATURES_OK)

static bool is_legacy(const struct virtio_device *dev)
{
    return (dev->transport->features_required & BIT(VIRTIO_F_VERSION_1)) == 0;
}

static enum virtio_verdict check_accepted(struct virtio_device *dev, const char **why)
{
    uint64_t offered = dev->transport->get_features(dev);

    VIRTIO_CHECK_EXPECT((dev->features & ~offered) == 0, "a feature accepted that is not offered");
    for (const struct virtio_feature *f = dev->driver->features; f->name != NULL; f++) {
        bool taken = virtio_has_feature(dev, f->bit);

        VIRTIO_CHECK_EXPECT(!taken || (dev->features & f->needs) == f->needs,
                            "a feature accepted without what it depends on");
    }
    return VIRTIO_CHECK_PASS;
}

static enum virtio_verdict check_known(struct virtio_device *dev, const char **why)
{
    for (unsigned bit = 0; bit < 64; bit++)
        VIRTIO_CHECK_EXPECT(!virtio_has_feature(dev, bit) || virtio_feature_name(dev, bit) != NULL,
                            "a feature accepted that nobody here knows");
    return VIRTIO_CHECK_PASS;
}

static enum virtio_verdict check_rules(struct virtio_device *dev, const char **why)
{
    VIRTIO_CHECK_SKIP_IF(!is_legacy(dev), "driven by the modern interface");
    VIRTIO_CHECK_EXPECT(!virtio_has_feature(dev, VIRTIO_F_VERSION_1),
                        "VERSION_1 accepted on the legacy interface");
    return VIRTIO_CHECK_PASS;
}

static enum virtio_verdict check_start(struct virtio_device *dev, const char **why)
{
    VIRTIO_CHECK_SKIP_IF(is_legacy(dev), "driven by the legacy interface");
    VIRTIO_CHECK_EXPECT(dev->transport->get_status(dev) == STATUS_MODERN, "status is not 0xf");
    return VIRTIO_CHECK_PASS;
}

static enum virtio_verdict check_features_ok(struct virtio_device *dev, const char **why)
{
    VIRTIO_CHECK_SKIP_IF(is_legacy(dev), "driven by the legacy interface");
    VIRTIO_CHECK_EXPECT(dev->transport->get_status(dev) & VIRTIO_CONFIG_S_FEATURES_OK,
                        "used without FEATURES_OK");
    return VIRTIO_CHECK_PASS;
}

static enum virtio_verdict check_legacy_start(struct virtio_device *dev, const char **why)
{
    VIRTIO_CHECK_SKIP_IF(!is_legacy(dev), "driven by the modern interface");
    VIRTIO_CHECK_EXPECT(dev->transport->get_status(dev) == STATUS_LEGACY, "status is not 7");
    return VIRTIO_CHECK_PASS;
}

static enum virtio_verdict check_version_1(struct virtio_device *dev, const char **why)
{
    uint64_t offered = dev->transport->get_features(dev);

    VIRTIO_CHECK_SKIP_IF((offered & BIT(VIRTIO_F_VERSION_1)) == 0, "VERSION_1 is not offered");
    VIRTIO_CHECK_EXPECT(virtio_has_feature(dev, VIRTIO_F_VERSION_1), "VERSION_1 declined");
    return VIRTIO_CHECK_PASS;
}

static enum virtio_verdict check_preferred(struct virtio_device *dev, const char **why)
{
    const struct virtio_transport_ops *transport = dev->transport;
    uint64_t offered = transport->get_features(dev);
    uint64_t own = transport->own_features != NULL ? transport->own_features(dev) : 0;
    bool packed = (offered & BIT(VIRTIO_F_RING_PACKED)) != 0;

    VIRTIO_CHECK_EXPECT(!virtio_has_feature(dev, VIRTIO_F_SR_IOV) || (own & BIT(VIRTIO_F_SR_IOV)),
                        "SR_IOV accepted without its capability");
    VIRTIO_CHECK_SKIP_IF(!packed && (offered & BIT(VIRTIO_F_NOTIF_CONFIG_DATA)) == 0,
                         "neither RING_PACKED nor NOTIF_CONFIG_DATA is offered");
    VIRTIO_CHECK_EXPECT(!packed || !virtio_ring_packed_wanted(dev) ||
                            virtio_has_feature(dev, VIRTIO_F_RING_PACKED),
                        "RING_PACKED declined");
    VIRTIO_CHECK_EXPECT((offered & BIT(VIRTIO_F_NOTIF_CONFIG_DATA)) == 0 ||
                            virtio_has_feature(dev, VIRTIO_F_NOTIF_CONFIG_DATA),
                        "NOTIF_CONFIG_DATA declined");
    return VIRTIO_CHECK_PASS;
}

const struct virtio_check virtio_device_checks[] = {
    {5, "2.2.1", check_accepted},
    {6, "2.2.1", check_known},
    {8, "2.2.3", check_rules},
    {16, "3.1.1", check_start},
    {18, "3.1.1", check_features_ok},
    {20, "3.1.2", check_legacy_start},
    {22, "6.1", check_version_1},
    {25, "6.1", check_preferred},
    {0},
};

VIRTIO_CHECKS(device, .checks = virtio_device_checks);
