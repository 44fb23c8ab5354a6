/* A driver with two queues for the tests of the modern transport: the only one there is. */
#include "modern_driver.h"

#include <errno.h>

#include "fake_driver_set.h"
#include "kernel/panic.h"
#include "virtio/virtio.h"

unsigned modern_driver_size_max, modern_driver_tries;

static void on_used(struct virtqueue *vq)
{
    (void)vq;
}

static int drv_probe(struct virtio_device *dev)
{
    const struct virtqueue_config configs[] = {
        {.name = "rx0", .callback = on_used, .size_max = modern_driver_size_max},
        {.name = "tx0", .callback = on_used, .size_max = modern_driver_size_max},
    };
    int err = -EINVAL;

    for (unsigned i = 0; i < modern_driver_tries && err != 0; i++)
        err = virtio_queues_create(dev, configs, 2);
    return err;
}

static void drv_start(struct virtio_device *dev)
{
    (void)dev;
}

static const struct virtio_feature drv_features[] = {{.bit = 5, .name = "VIRTIO_X_F"},
                                                     {.name = NULL}};

VIRTIO_DRIVER(x, .name = "virtio-x", .dev_prefix = "x", .device_id = 77, .features = drv_features,
              .probe = drv_probe, .start = drv_start, .remove = drv_start);
FAKE_DRIVER_SET(x);

int system_on_exit(void (*fn)(void))
{
    (void)fn;
    return 0;
}
