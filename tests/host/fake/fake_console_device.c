/* A virtio console device of host tests. */
#include "fake_console_device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fake_clock.h"
#include "fake_dma.h"
#include "fake_driver_set.h"
#include "fake_log.h"
#include "fake_virtio.h"
#include "fake_wait.h"
#include "fake_work.h"
#include "kernel/bootopt.h"
#include "kernel/panic.h"

/* Included for its entry of the linker set, which here is the whole set. */
#include "drivers/virtio_console.c"
FAKE_DRIVER_SET(console);

struct fake_console fake_console;
struct virtio_device fake_console_dev;
struct fake_ring fake_console_rings[VIRTIO_QUEUE_MAX];
static bool added;

int system_on_exit(void (*fn)(void))
{
    (void)fn;
    return 0;
}

int terminal_register(struct terminal *terminal)
{
    fake_console.terminals++;
    fake_console.terminal = terminal;
    return 0;
}

void terminal_unregister(struct terminal *terminal)
{
    fake_console.unregistered = terminal;
}

void terminal_release(struct terminal *terminal)
{
    (void)terminal;
}

void terminal_flush(struct terminal *terminal)
{
    terminal->ops->write(terminal, "", 0);
    fake_console.flushes++;
}

bool terminal_idle(const struct terminal *terminal)
{
    (void)terminal;
    return true;
}

void terminal_typed(void)
{
    fake_console.typed++;
}

void thread_yield(void)
{
}

/* The device reads control messages while the driver waits for that. */
static void take_control(void)
{
    static const char *const names[] = {[VIRTIO_CONSOLE_DEVICE_READY] = "READY",
                                        [VIRTIO_CONSOLE_PORT_READY] = "PORT_READY",
                                        [VIRTIO_CONSOLE_PORT_OPEN] = "PORT_OPEN"};
    struct fake_ring *ring = &fake_console_rings[VIRTIO_CONSOLE_CTRL_TXQ];
    struct virtio_console_control msg;
    struct fake_chain chain;
    size_t len = strlen(fake_console.sent);

    if (fake_console.silent || !fake_ring_pop(ring, &chain))
        return;
    assert_int_equal(chain.cnt, 1);
    assert_int_equal(chain.out_cnt, 1);
    assert_int_equal(chain.pieces[0].len, sizeof(msg));
    memcpy(&msg, (const void *)(uintptr_t)chain.pieces[0].pa, sizeof(msg));
    assert_true(msg.event <= VIRTIO_CONSOLE_PORT_OPEN && names[msg.event] != NULL);
    snprintf(fake_console.sent + len, sizeof(fake_console.sent) - len, "%s%s:%x=%u",
             len > 0 ? " " : "", names[msg.event], msg.id, msg.value);
    fake_console.cnt++;
    fake_ring_use(ring, chain.head + fake_console.lie, 0);
    fake_ring_want_notify(ring, 0);
}

void thread_sleep_ns(uint64_t ns)
{
    take_control();
    fake_clock_advance(ns);
}

static int irq_setup(struct virtio_device *dev)
{
    for (unsigned i = 0; i < dev->queue_cnt; i++) {
        if (dev->queues[i] != NULL)
            fake_ring_attach(&fake_console_rings[i], dev->queues[i], true);
    }
    return 0;
}

static void irq_teardown(struct virtio_device *dev)
{
    (void)dev;
}

static const struct virtio_irq_ops irq_ops = {irq_setup, irq_teardown};

int fake_console_setup(void **state)
{
    (void)state;
    bootopt_init("");
    fake_log_clear();
    fake_clock_now_ns = 0;
    fake_dma_in_use = 0;
    timers_init();
    fake_virtio_reset();
    fake_virtio_ops.irq = &irq_ops;
    fake_virtio.offered =
        BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_CONSOLE_F_EMERG_WRITE);
    for (unsigned i = 0; i < FAKE_VIRTIO_QUEUES; i++)
        fake_virtio.queue_size[i] = FAKE_CONSOLE_RING;
    memset(&fake_console_dev, 0, sizeof(fake_console_dev));
    list_init(&fake_console_dev.link);
    fake_console_dev.bus_name = "00:03.0";
    fake_console_dev.device_id = VIRTIO_ID_CONSOLE;
    fake_console_dev.transport = &fake_virtio_ops;
    memset(&fake_console, 0, sizeof(fake_console));
    fake_wait_step = NULL;
    added = false;
    return 0;
}

int fake_console_teardown(void **state)
{
    (void)state;
    if (added)
        virtio_device_remove(&fake_console_dev);
    return fake_dma_in_use != 0;
}

void fake_console_start(uint32_t max)
{
    if (max > 0)
        fake_virtio.offered |= BIT(VIRTIO_CONSOLE_F_MULTIPORT);
    memcpy(fake_virtio.config + VIRTIO_CONSOLE_CFG_MAX_PORTS, &max, sizeof(max));
    assert_int_equal(virtio_device_add(&fake_console_dev), 0);
    added = true;
    fake_work_run();
}

/* Writes to the next buffer of a queue. */
static bool fill(unsigned queue, const void *data, unsigned len, int64_t used_len)
{
    struct fake_ring *ring = &fake_console_rings[queue];
    unsigned before = ring->interrupts;
    struct fake_chain chain;

    if (!fake_ring_pop(ring, &chain))
        return false;
    assert_int_equal(chain.cnt, 1);
    assert_true(chain.writable_len >= len);
    memcpy((void *)(uintptr_t)chain.pieces[0].pa, data, len);
    fake_ring_use(ring, chain.head, used_len < 0 ? len : (uint32_t)used_len);
    fake_ring_want_notify(ring, 0);
    if (ring->interrupts != before)
        virtqueue_interrupt(fake_console_dev.queues[queue]);
    return true;
}

bool fake_console_tell(uint32_t id, uint16_t event, uint16_t value, const void *data, unsigned len,
                       int64_t used_len)
{
    struct virtio_console_control hdr = {.id = id, .event = event, .value = value};
    uint8_t bytes[CTRL_RX_LEN];

    assert_true(len <= sizeof(bytes) - sizeof(hdr));
    memcpy(bytes, &hdr, sizeof(hdr));
    if (len > 0)
        memcpy(bytes + sizeof(hdr), data, len);
    if (!fill(VIRTIO_CONSOLE_CTRL_RXQ, bytes, len + (unsigned)sizeof(hdr), used_len))
        return false;
    fake_work_run();
    return true;
}

struct port *fake_console_add_port(unsigned id, const char *label)
{
    const struct virtio_console *con = fake_console_dev.driver_data;

    fake_console_tell(id, VIRTIO_CONSOLE_DEVICE_ADD, 0, NULL, 0, -1);
    fake_console_tell(id, VIRTIO_CONSOLE_PORT_NAME, 1, label, (unsigned)strlen(label), -1);
    fake_console_tell(id, VIRTIO_CONSOLE_PORT_OPEN, 1, NULL, 0, -1);
    return &con->ports[id];
}

bool fake_console_receive(unsigned id, const void *data, unsigned len, int64_t used_len)
{
    return fill(VIRTIO_CONSOLE_RXQ(id), data, len, used_len);
}

unsigned fake_console_sent(unsigned id, void *data, unsigned max)
{
    struct fake_ring *ring = &fake_console_rings[VIRTIO_CONSOLE_TXQ(id)];
    struct fake_chain chain;
    unsigned len = 0;

    while (fake_ring_pop(ring, &chain)) {
        unsigned before = ring->interrupts;

        assert_int_equal(chain.out_cnt, chain.cnt);
        assert_int_equal(chain.cnt, 1);
        assert_true(len + chain.pieces[0].len <= max);
        memcpy((char *)data + len, (const void *)(uintptr_t)chain.pieces[0].pa,
               chain.pieces[0].len);
        len += chain.pieces[0].len;
        fake_ring_use(ring, chain.head, 0);
        fake_ring_want_notify(ring, 0);
        if (ring->interrupts != before)
            virtqueue_interrupt(fake_console_dev.queues[VIRTIO_CONSOLE_TXQ(id)]);
    }
    return len;
}
