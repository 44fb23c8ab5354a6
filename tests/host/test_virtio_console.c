/* The console driver against a device that keeps to the rules. */
/* sources: drivers/virtio_console_ctrl.c drivers/virtio_console_port.c drivers/port.c
 * virtio/virtio.c virtio/virtio_features.c virtio/virtio_watchdog.c virtio/virtio_queues.c
 * virtio/virtio_config.c virtio/virtqueue.c virtio/virtqueue_split.c
 * virtio/virtqueue_split_alloc.c kernel/bootopt.c kernel/error.c kernel/format.c kernel/timer.c
 * tests/host/fake/mutex.c tests/host/fake/work.c tests/host/fake/log.c tests/host/fake/clock.c
 * tests/host/fake/fake_dma.c tests/host/fake/fake_ring.c tests/host/fake/fake_virtio.c
 * tests/host/fake/wait.c tests/host/fake/fake_console_device.c virtio/virtio_ring.c
 * virtio/virtqueue_packed.c virtio/virtqueue_packed_in_order.c virtio/virtqueue_packed_alloc.c
 * virtio/virtqueue_split_in_order.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fake_console_device.h"
#include "fake_log.h"
#include "fake_virtio.h"
#include "fake_wait.h"
#include "fake_work.h"

#define ADD     VIRTIO_CONSOLE_DEVICE_ADD
#define REMOVE  VIRTIO_CONSOLE_DEVICE_REMOVE
#define CONSOLE VIRTIO_CONSOLE_CONSOLE_PORT
#define OPEN    VIRTIO_CONSOLE_PORT_OPEN
#define NAME    VIRTIO_CONSOLE_PORT_NAME
#define RESIZE  VIRTIO_CONSOLE_RESIZE

static bool tell(uint32_t id, uint16_t event, uint16_t value)
{
    return fake_console_tell(id, event, value, NULL, 0, -1);
}

static struct port_info info_of(const char *name)
{
    struct port_info info = {.name = ""};
    struct port *port = port_find(name);

    if (port != NULL)
        port_info(port, &info);
    return info;
}

static void test_the_handshake(void **state)
{
    char line[160];

    (void)state;
    fake_console_start(4);
    assert_string_equal(fake_console.sent, "READY:ffffffff=1");
    assert_null(port_get(0));
    fake_console_add_port(1, "org.example.agent");
    assert_string_equal(fake_console.sent, "READY:ffffffff=1 PORT_READY:1=1");
    assert_true(info_of("org.example.agent").host_open);
    assert_false(info_of("org.example.agent").is_console);
    snprintf(line, sizeof(line), "@event name=%s.1 kind=port state=added", fake_console_dev.name);
    assert_true(fake_log_has(line));
    tell(1, OPEN, 0);
    assert_true(fake_log_has("kind=port state=closed label=org.example.agent"));
    assert_int_equal(fake_console.terminals, 0);
    tell(1, REMOVE, 0);
    assert_true(fake_log_has("kind=port state=removed label=org.example.agent"));
    assert_null(port_get(0));
}

/* Once the host's end is open too, or what it is shown would be lost. */
static void test_a_console_port(void **state)
{
    char sent[64];
    struct port *port;

    (void)state;
    fake_console_start(2);
    tell(0, ADD, 0);
    tell(0, CONSOLE, 1);
    assert_string_equal(fake_console.sent, "READY:ffffffff=1 PORT_READY:0=1 PORT_OPEN:0=1");
    assert_int_equal(fake_console.terminals, 0);
    tell(0, OPEN, 1);
    assert_int_equal(fake_console.terminals, 1);
    tell(0, CONSOLE, 1);
    tell(0, OPEN, 1);
    assert_int_equal(fake_console.terminals, 1);
    port = port_get(0);
    assert_int_equal(port_open(port), -EBUSY);
    assert_int_equal(fake_console.terminal->ops->write(fake_console.terminal, "text", 4), 4);
    assert_int_equal(fake_console_sent(0, sent, sizeof(sent)), 4);
    assert_memory_equal(sent, "text", 4);
    assert_int_equal(fake_console.terminal->ops->getc(fake_console.terminal), -1);
    assert_true(fake_console_receive(0, "k\xff", 2, -1));
    assert_int_equal(fake_console.typed, 1);
    assert_int_equal(fake_console.terminal->ops->getc(fake_console.terminal), 'k');
    assert_int_equal(fake_console.terminal->ops->getc(fake_console.terminal), 0xff);
    assert_int_equal(fake_console.terminal->ops->getc(fake_console.terminal), -1);
    tell(0, OPEN, 0);
    assert_int_equal(fake_console.terminal->ops->write(fake_console.terminal, "lost", 4), 4);
    assert_int_equal(fake_console_sent(0, sent, sizeof(sent)), 0);
    assert_int_equal(info_of(port->name).drop_bytes, 4);
    tell(0, REMOVE, 0);
    assert_ptr_equal(fake_console.unregistered, fake_console.terminal);
}

/* Emergency writes go to port 0, a byte each. */
static void test_the_last_words(void **state)
{
    (void)state;
    fake_console_start(2);
    tell(0, ADD, 0);
    tell(0, CONSOLE, 1);
    tell(0, OPEN, 1);
    fake_console.terminal->ops->write_last(fake_console.terminal, "ab", 2);
    assert_int_equal(fake_virtio.config[VIRTIO_CONSOLE_CFG_EMERG_WR], 'b');
}

static void test_one_port_alone(void **state)
{
    uint16_t size[] = {132, 43};

    (void)state;
    fake_virtio.offered |= BIT(VIRTIO_CONSOLE_F_SIZE);
    memcpy(fake_virtio.config, size, sizeof(size));
    fake_console_start(0);
    assert_int_equal(fake_console.terminals, 1);
    assert_int_equal(fake_console_dev.queue_cnt, 2);
    assert_string_equal(fake_console.sent, "");
    assert_int_equal(port_get(0)->cols, 132);
    assert_int_equal(port_get(0)->rows, 43);
    assert_null(port_get(1));
    assert_true(fake_console_receive(0, "x", 1, -1));
    assert_int_equal(fake_console.terminal->ops->getc(fake_console.terminal), 'x');
    size[0] = 80;
    memcpy(fake_virtio.config, size, sizeof(size));
    virtio_config_interrupt(&fake_console_dev);
    fake_work_run();
    assert_int_equal(port_get(0)->cols, 80);
}

static void test_data_both_ways(void **state)
{
    char data[PORT_RX_LEN], got[3 * PORT_RX_LEN];
    struct port *port;

    (void)state;
    fake_console_start(4);
    port = fake_console_add_port(2, "a");
    assert_int_equal(port_open(port), 0);
    assert_int_equal(port_open(port), -EBUSY);
    assert_int_equal(port_read(port, got, sizeof(got), 0), -EAGAIN);
    for (unsigned i = 0; i < 3 * PORT_RX_BUFS; i++) {
        memset(data, (int)i, sizeof(data));
        assert_true(fake_console_receive(2, data, sizeof(data), -1));
        assert_true(fake_console_receive(2, data, i + 1, -1));
        assert_int_equal(port_read(port, got, 100, 0), 100);
        assert_int_equal(port_read(port, got + 100, sizeof(got) - 100, 0),
                         PORT_RX_LEN + i + 1 - 100);
        assert_memory_equal(got, data, sizeof(data));
        assert_int_equal(got[sizeof(data)], (char)i);
    }
    memset(data, 'w', sizeof(data));
    assert_int_equal(port_write(port, data, sizeof(data), 0), sizeof(data));
    assert_int_equal(fake_console_sent(2, got, sizeof(got)), sizeof(data));
    assert_memory_equal(got, data, sizeof(data));
    port_close(port);
    assert_int_equal(port_open(port), 0);
    port_close(port);
}

/* The sender waits, but no longer than it said; what it has sent is counted. */
static void test_a_host_that_does_not_read(void **state)
{
    static char data[(PORT_TX_BUFS + 4) * PORT_TX_LEN], got[sizeof(data)];
    const size_t fits = (size_t)PORT_TX_BUFS * PORT_TX_LEN;
    struct port *port;

    (void)state;
    fake_console_start(4);
    port = fake_console_add_port(1, "a");
    assert_int_equal(port_open(port), 0);
    assert_int_equal(port_write(port, data, sizeof(data), 1000000000), fits);
    assert_int_equal(port_write(port, data, sizeof(data), 1000000000), -EAGAIN);
    assert_int_equal(fake_console_sent(1, got, sizeof(got)), fits);
    assert_int_equal(port_write(port, data, 10, 0), 10);
    tell(1, OPEN, 0);
    assert_int_equal(port_write(port, data, 10, 0), -EPIPE);
    assert_int_equal(port_read(port, got, 10, 1000), 0);
    port_close(port);
}

static struct port *removed_port;

static void remove_port(void)
{
    fake_wait_step = NULL;
    tell(removed_port->id, REMOVE, 0);
}

static void test_removed_while_open(void **state)
{
    char byte;

    (void)state;
    fake_console_start(4);
    for (unsigned i = 0; i < 5; i++) {
        struct port *port = removed_port = fake_console_add_port(3, "a");

        assert_int_equal(port_open(port), 0);
        assert_true(fake_console_receive(3, "old", 3, -1));
        assert_int_equal(port_read(port, &byte, 1, 0), 1);
        assert_true(fake_console_receive(3, "older", 5, -1));
        virtio_console_take(port, (char[2]){0}, 2);
        virtio_console_take(port, (char[5]){0}, 5);
        fake_wait_step = remove_port;
        assert_int_equal(port_read(port, &byte, 1, PORT_WAIT_FOREVER), -ENODEV);
        assert_int_equal(port_write(port, &byte, 1, 0), -ENODEV);
        assert_int_equal(port_open(port), -EBUSY);
        fake_console_add_port(3, "b");
        assert_int_equal(port_read(port, &byte, 1, 0), -ENODEV);
        port_close(port);
        assert_int_equal(port_open(port), 0);
        assert_int_equal(port_read(port, &byte, 1, 0), -EAGAIN);
        port_close(port);
        tell(3, REMOVE, 0);
    }
}

/* What came for a port that has gone is not read from the one that comes in its place; its buffers
 * are. */
static void test_what_was_left_unread(void **state)
{
    char got[16];

    (void)state;
    fake_console_start(4);
    for (unsigned i = 0; i < 3 * PORT_RX_BUFS; i++) {
        struct port *port = fake_console_add_port(1, "a");

        assert_int_equal(port_open(port), 0);
        assert_int_equal(port_read(port, got, sizeof(got), 0), -EAGAIN);
        assert_true(fake_console_receive(1, "unread", 6, -1));
        assert_true(fake_console_receive(1, "unread", 6, -1));
        port_close(port);
        tell(1, REMOVE, 0);
        assert_true(fake_console_receive(1, "late", 4, -1));
    }
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(test_##name, fake_console_setup, fake_console_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_handshake),      TEST(a_console_port),       TEST(the_last_words),
        TEST(one_port_alone),     TEST(data_both_ways),       TEST(a_host_that_does_not_read),
        TEST(removed_while_open), TEST(what_was_left_unread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
