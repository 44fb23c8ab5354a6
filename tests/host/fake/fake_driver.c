/* A driver that notes what is done with it, and its device. */
#include "fake_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "fake_dma.h"
#include "fake_driver_set.h"
#include "fake_log.h"
#include "fake_virtio.h"
#include "fake_work.h"
#include "kernel/bootopt.h"
#include "kernel/panic.h"

struct fake_driver fake_driver;
struct virtio_device fake_driver_dev;

static const struct virtqueue_config configs[] = {
    {.name = "rx0"},
    {.name = NULL},
    {.name = "tx0"},
};

static int drv_probe(struct virtio_device *dev)
{
    int err = virtio_queues_create(dev, configs, 3);

    if (fake_driver.gone_at_probe) {
        virtio_device_gone(dev);
        if (fake_driver.probe_error == 0)
            fake_work_run(); /* another CPU's worker, say */
    }
    fake_driver.probes++;
    return err != 0 ? err : fake_driver.probe_error;
}

static void drv_start(struct virtio_device *dev)
{
    assert_true(fake_virtio.status & VIRTIO_CONFIG_S_DRIVER_OK);
    assert_true(dev->driver_ok);
    if (fake_driver.change_at_start) {
        assert_true(virtio_config_interrupt(dev));
        fake_work_run(); /* another CPU's worker, say */
        assert_int_equal(fake_driver.config_changes, 0);
    }
    fake_driver.starts++;
}

static void drv_remove(struct virtio_device *dev)
{
    assert_int_equal(fake_virtio.status, 0);
    assert_non_null(dev->queues[0]);
    fake_driver.removes++;
}

static void drv_config_changed(struct virtio_device *dev)
{
    (void)dev;
    fake_driver.config_changes++;
}

static void drv_killed(struct virtio_device *dev)
{
    assert_int_equal(fake_virtio.status, 0);
    assert_non_null(dev->queues[0]->broken);
    fake_driver.kills++;
}

static const struct virtio_feature drv_features[] = {
    {.bit = F_NEED, .name = "VIRTIO_X_F_NEED", .required = true},
    {.bit = F_BASE, .name = "VIRTIO_X_F_BASE"},
    {.bit = F_EXTRA, .name = "VIRTIO_X_F_EXTRA", .needs = BIT(F_BASE)},
    {.name = NULL},
};

VIRTIO_DRIVER(x, .name = "virtio-x", .dev_prefix = "x", .device_id = 77, .config_min = 8,
              .features = drv_features, .probe = drv_probe, .start = drv_start,
              .remove = drv_remove, .config_changed = drv_config_changed, .killed = drv_killed);
FAKE_DRIVER_SET(x);

int system_on_exit(void (*fn)(void))
{
    fake_driver.exit_hook = fn;
    return 0;
}

static int irq_setup(struct virtio_device *dev)
{
    (void)dev;
    fake_driver.irq_setups++;
    return fake_driver.irq_error;
}

static void irq_teardown(struct virtio_device *dev)
{
    (void)dev;
    fake_driver.irq_teardowns++;
}

static bool irq_watched(struct virtio_device *dev)
{
    (void)dev;
    return false;
}

unsigned cpu_count(void)
{
    return 1;
}

static int irq_set_affinity(struct virtqueue *vq, cpu_mask_t mask)
{
    vq->affinity = mask;
    return 0;
}

static const struct virtio_irq_ops irq_ops = {.set_affinity = irq_set_affinity,
                                              .setup = irq_setup,
                                              .teardown = irq_teardown,
                                              .watched = irq_watched};
int fake_driver_setup(void **state)
{
    (void)state;
    /* The hook is given once for all devices. */
    fake_driver = (struct fake_driver){.exit_hook = fake_driver.exit_hook};
    bootopt_init("");
    fake_log_clear();
    fake_virtio_reset();
    fake_virtio.offered = BIT(F_NEED);
    fake_virtio_ops.irq = &irq_ops;
    fake_virtio_ops.queue_size_fixed = true;
    memset(&fake_driver_dev, 0, sizeof(fake_driver_dev));
    list_init(&fake_driver_dev.link);
    fake_driver_dev.bus_name = "00:03.0";
    fake_driver_dev.device_id = 77;
    fake_driver_dev.transport = &fake_virtio_ops;
    return 0;
}

int fake_driver_teardown(void **state)
{
    (void)state;
    return fake_dma_in_use != 0;
}

void fake_driver_assert_undone(void)
{
    assert_int_equal(fake_driver.starts, 0);
    assert_false(fake_virtio.queue_live[0] || fake_virtio.queue_live[2]);
    assert_int_equal(fake_dma_in_use, 0);
    assert_true(fake_virtio.status & VIRTIO_CONFIG_S_FAILED);
    assert_false(fake_virtio.status & VIRTIO_CONFIG_S_DRIVER_OK);
    assert_null(virtio_find(fake_driver_dev.name));
}

/* The device up, with what it has the driver look at after the start done. */
void fake_driver_bring_up(void)
{
    assert_int_equal(virtio_device_add(&fake_driver_dev), 0);
    assert_int_equal(fake_work_run(), 1);
    assert_int_equal(fake_driver.config_changes, 1);
    fake_driver.config_changes = 0;
}
