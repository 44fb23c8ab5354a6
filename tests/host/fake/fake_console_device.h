/* A virtio console device of host tests that does, and says, what the test wants; with the driver
 * in it, and a console that notes which port shows it. Link tests/host/fake/fake_console_device.c.
 */
#ifndef FAKE_CONSOLE_DEVICE_H
#define FAKE_CONSOLE_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "drivers/virtio_console.h"
#include "fake_ring.h"

#define BIT(n)            (1ull << (n))
#define FAKE_CONSOLE_RING 16u

struct fake_console {
    bool silent;     /* takes no control message */
    unsigned lie;    /* added to the id of the used entry of one it takes */
    unsigned cnt;    /* control messages taken */
    char sent[4096]; /* "READY:ffffffff=1 PORT_READY:0=1 ..." */
    unsigned terminals, flushes, typed;
    struct terminal *terminal; /* registered last */
    struct terminal *unregistered;
};

extern struct fake_console fake_console;
extern struct virtio_device fake_console_dev;
extern struct fake_ring fake_console_rings[VIRTIO_QUEUE_MAX];

/* For cmocka. Afterwards nothing may be left allocated. */
int fake_console_setup(void **state);
int fake_console_teardown(void **state);

/* Adds a device with @max ports; 0: without MULTIPORT. */
void fake_console_start(uint32_t max);

/* The device sends a control message with @len bytes behind it, and says it were @used_len long
 * (-1: as it is). Serves it unless the ring has no buffer: then false. */
bool fake_console_tell(uint32_t id, uint16_t event, uint16_t value, const void *data, unsigned len,
                       int64_t used_len);

/* A port that is there: added, named, and open at the host's end. */
struct port *fake_console_add_port(unsigned id, const char *label);

/* The device fills the port's next receive buffer; false when it has none. */
bool fake_console_receive(unsigned id, const void *data, unsigned len, int64_t used_len);

/* Bytes that were sent on the port, all of them taken. */
unsigned fake_console_sent(unsigned id, void *data, unsigned max);

#endif
