/* A driver that notes what is done with it, and its device on the fake transport. Link
 * tests/host/fake/fake_driver.c and fake_virtio.c. */
#ifndef FAKE_DRIVER_H
#define FAKE_DRIVER_H

#include <stdbool.h>

#include "virtio/virtio.h"

#define BIT(n)  (1ull << (n))
/* Features of the driver: required, wanted, wanted with F_BASE only. */
#define F_NEED  3
#define F_BASE  5
#define F_EXTRA 6

struct fake_driver {
    int probe_error, irq_error;
    bool change_at_start, gone_at_probe;
    unsigned probes, starts, removes, config_changes, kills, irq_setups, irq_teardowns;
    void (*exit_hook)(void);
};

extern struct fake_driver fake_driver;
extern struct virtio_device fake_driver_dev;

/* For cmocka, around each test. The second fails when device memory is left. */
int fake_driver_setup(void **state);
int fake_driver_teardown(void **state);

/* Adds the device, which must succeed. */
void fake_driver_bring_up(void);

/* A start that failed has left nothing but FAILED. */
void fake_driver_assert_undone(void);

#endif
