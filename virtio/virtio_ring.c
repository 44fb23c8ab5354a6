/* Which ring format a device gets: the boot option, what was negotiated, and the step down from a
 * packed ring that cannot be made. */
#include <errno.h>

#include "kernel/bootopt.h"
#include "kernel/format.h"
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

bool virtio_ring_packed_wanted(const struct virtio_device *dev)
{
    return ring_choice() != RING_SPLIT && !dev->no_packed;
}

int virtio_ring_check(const struct virtio_device *dev)
{
    const char *missing = "the device does not offer VIRTIO_F_RING_PACKED";

    if (ring_choice() != RING_PACKED || dev->driver->ringless ||
        virtio_has_feature(dev, VIRTIO_F_RING_PACKED))
        return 0;
    if ((dev->transport->features_required & (1ull << VIRTIO_F_VERSION_1)) == 0)
        missing = "the legacy transport has split rings only";
    log_error("%s %s: device not used: ring=packed is not available: %s", dev->name, dev->bus_name,
              missing);
    return -ENOTSUP;
}

struct virtqueue *virtio_ring_alloc(const struct virtio_device *dev,
                                    const struct virtqueue_params *params)
{
    if (virtio_has_feature(dev, VIRTIO_F_RING_PACKED))
        return virtqueue_packed_alloc(params);
    return virtqueue_split_alloc(params);
}

bool virtio_ring_step_down(struct virtio_device *dev)
{
    char quoted[64];

    if (dev->ring_failed == NULL || ring_choice() != RING_AUTO ||
        !virtio_has_feature(dev, VIRTIO_F_RING_PACKED))
        return false;
    at_line("fallback", "name=%s what=ring from=packed to=split reason=%s", dev->name,
            at_quote(quoted, sizeof(quoted), dev->ring_failed));
    dev->no_packed = true;
    dev->ring_failed = NULL;
    return true;
}
