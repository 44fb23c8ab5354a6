/* Which ring format a device's queues have: the packed one where the device has it, else the split
 * one, unless the boot option "ring" wants one of them. */
#include <errno.h>

#include "kernel/bootopt.h"
#include "kernel/log.h"
#include "virtio/virtio_impl.h"

enum ring_choice {
    RING_AUTO,
    RING_SPLIT,
    RING_PACKED
};

static const struct bootopt_choice ring_choices[] = {
    {"auto", RING_AUTO},
    {"split", RING_SPLIT},
    {"packed", RING_PACKED},
    {NULL, 0},
};

static int ring_choice(void)
{
    return bootopt_choice("ring", ring_choices, RING_AUTO);
}

bool virtio_ring_may_be_packed(const struct virtio_device *dev)
{
    return !dev->ring_split_only && ring_choice() != RING_SPLIT;
}

int virtio_ring_check(const struct virtio_device *dev)
{
    if (ring_choice() != RING_PACKED || virtio_has_feature(dev, VIRTIO_F_RING_PACKED))
        return 0;
    log_error("%s %s: device not used: ring=packed is not available: %s", dev->name, dev->bus_name,
              (dev->offered >> VIRTIO_F_RING_PACKED) & 1
                  ? "it offers VIRTIO_F_RING_PACKED without VIRTIO_F_VERSION_1"
                  : "it does not offer VIRTIO_F_RING_PACKED");
    return -ENOTSUP;
}

struct virtqueue *virtio_ring_alloc(const struct virtqueue_params *params)
{
    if (virtio_has_feature(params->dev, VIRTIO_F_RING_PACKED))
        return virtqueue_packed_alloc(params);
    return virtqueue_split_alloc(params);
}

void virtio_ring_refuse(struct virtio_device *dev, const char *reason)
{
    if (virtio_has_feature(dev, VIRTIO_F_RING_PACKED))
        dev->ring_refused = reason;
}

bool virtio_ring_fall_back(struct virtio_device *dev)
{
    char quoted[128];

    if (dev->ring_refused == NULL || dev->ring_split_only || ring_choice() != RING_AUTO)
        return false;
    at_line("fallback", "name=%s what=ring from=packed to=split reason=%s", dev->name,
            at_quote(quoted, sizeof(quoted), dev->ring_refused));
    dev->ring_split_only = true;
    return true;
}
