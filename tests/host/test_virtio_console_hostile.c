/* The console driver against devices that lie. */
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

#include "fake_clock.h"
#include "fake_console_device.h"
#include "fake_log.h"
#include "fake_virtio.h"
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

static void test_impossible_numbers_of_ports(void **state)
{
    static const uint32_t counts[] = {PORTS_MAX + 1, 0x10000, 0x7fffffff, 0xffffffff};

    for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        fake_console_start(counts[i]);
        assert_true(fake_log_has("what=queue"));
        assert_int_equal(fake_console_dev.queue_cnt, VIRTIO_CONSOLE_QUEUE_CNT(PORTS_MAX));
        fake_console_add_port(PORTS_MAX - 1, "last");
        assert_non_null(port_find("last"));
        assert_int_equal(fake_console_teardown(state), 0);
        fake_console_setup(state);
    }
    fake_virtio.offered |= BIT(VIRTIO_CONSOLE_F_MULTIPORT);
    fake_console_start(0);
    assert_int_equal(fake_console_dev.queue_cnt, VIRTIO_CONSOLE_QUEUE_CNT(1));
}

static void test_queues_that_are_not_there(void **state)
{
    (void)state;
    fake_virtio.queue_size[VIRTIO_CONSOLE_TXQ(3)] = 0;
    fake_console_start(4);
    assert_true(fake_log_has("what=queue from=4 to=1"));
    assert_int_equal(fake_console_dev.queue_cnt, VIRTIO_CONSOLE_QUEUE_CNT(1));
    fake_console_add_port(0, "a");
    assert_non_null(port_find("a"));
}

static void test_messages_that_make_no_sense(void **state)
{
    static const struct {
        uint32_t id;
        uint16_t event, value;
        unsigned len;
        int64_t used_len;
        const char *why;
    } cases[] = {
        {4, OPEN, 1, 0, -1, "there is no such port"},
        {0xffffffff, NAME, 1, 4, -1, "there is no such port"},
        {0x80000000, REMOVE, 1, 0, -1, "there is no such port"},
        {1, ADD, 1, 0, -1, "the port is there already"},
        {2, REMOVE, 1, 0, -1, "the port is not there"},
        {3, NAME, 1, 4, -1, "the port is not there"},
        {1, 8, 1, 0, -1, "it is unknown"},
        {1, 0xffff, 1, 0, -1, "it is unknown"},
        {1, VIRTIO_CONSOLE_DEVICE_READY, 1, 0, -1, "it is unknown"},
        {1, VIRTIO_CONSOLE_PORT_READY, 1, 0, -1, "it is unknown"},
        {1, RESIZE, 1, 3, -1, "it is too short"},
        {1, OPEN, 0, 0, 7, "impossible length"},
        {1, OPEN, 0, 0, 0, "impossible length"},
        {1, OPEN, 0, 0, CTRL_RX_LEN + 1, "impossible length"},
        {1, OPEN, 0, 0, 0xffffffff, "impossible length"},
    };

    (void)state;
    fake_console_start(4);
    fake_console_add_port(1, "a");
    for (unsigned round = 0; round < 5; round++) {
        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            fake_log_clear();
            assert_true(fake_console_tell(cases[i].id, cases[i].event, cases[i].value, "zzzz",
                                          cases[i].len, cases[i].used_len));
            assert_true(fake_log_has(cases[i].why));
            assert_non_null(port_find("a"));
            assert_true(info_of("a").host_open);
        }
    }
    assert_string_equal(fake_console.sent, "READY:ffffffff=1 PORT_READY:1=1");
    tell(4, ADD, 0);
    assert_string_equal(fake_console.sent, "READY:ffffffff=1 PORT_READY:1=1 PORT_READY:4=0");
    assert_null(fake_console_dev.dead);
}

static void test_names(void **state)
{
    char name[CTRL_RX_LEN - sizeof(struct virtio_console_control)];

    (void)state;
    fake_console_start(4);
    fake_console_add_port(1, "");
    assert_string_equal(port_get(0)->label, "");
    fake_console_tell(1, NAME, 1, "with a NUL\0and more", 19, -1);
    assert_string_equal(port_get(0)->label, "with a NUL");
    fake_console_tell(1, NAME, 1, "\x01\x1b[2J\n\x7f\x80\xff", 9, -1);
    assert_string_equal(port_get(0)->label, "??[2J????");
    memset(name, 'n', sizeof(name));
    fake_console_tell(1, NAME, 1, name, sizeof(name), -1);
    assert_int_equal(strlen(port_get(0)->label), PORT_LABEL_MAX - 1);
    fake_console_tell(1, NAME, 1, name, 0, -1);
    assert_string_equal(port_get(0)->label, "");
}

/* A length beyond the buffer brings no data and costs no buffer. */
static void test_lengths_of_data(void **state)
{
    char got[PORT_RX_LEN];
    struct port *port;

    (void)state;
    fake_console_start(4);
    port = fake_console_add_port(1, "a");
    assert_int_equal(port_open(port), 0);
    for (unsigned i = 0; i < 3 * PORT_RX_BUFS; i++) {
        assert_true(fake_console_receive(1, "x", 1, 0));
        assert_true(fake_console_receive(1, "x", 1, PORT_RX_LEN + 1));
        assert_true(fake_console_receive(1, "x", 1, 0xffffffff));
        assert_int_equal(port_read(port, got, sizeof(got), 0), -EAGAIN);
    }
    assert_int_equal(fake_console_dev.queues[VIRTIO_CONSOLE_RXQ(1)]->bad_len_cnt, 6 * PORT_RX_BUFS);
    assert_null(fake_console_dev.dead);
    port_close(port);
}

static void test_a_lying_ring(void **state)
{
    struct fake_ring *ring = &fake_console_rings[VIRTIO_CONSOLE_RXQ(1)];
    struct port *port;
    char byte;

    (void)state;
    fake_console_start(4);
    port = fake_console_add_port(1, "a");
    assert_int_equal(port_open(port), 0);
    fake_ring_use(ring, 12345, 1);
    virtqueue_interrupt(fake_console_dev.queues[VIRTIO_CONSOLE_RXQ(1)]);
    fake_work_run();
    assert_non_null(fake_console_dev.dead);
    assert_int_equal(port_read(port, &byte, 1, PORT_WAIT_FOREVER), -ENODEV);
    assert_int_equal(port_write(port, &byte, 1, PORT_WAIT_FOREVER), -ENODEV);
    port_close(port);
    assert_int_equal(port_open(port), -ENODEV);
}

static void test_a_lying_control_ring(void **state)
{
    (void)state;
    fake_console_start(4);
    fake_ring_use(&fake_console_rings[VIRTIO_CONSOLE_CTRL_RXQ], 999, 8);
    virtqueue_interrupt(fake_console_dev.queues[VIRTIO_CONSOLE_CTRL_RXQ]);
    fake_work_run();
    assert_non_null(fake_console_dev.dead);
}

/* What it has told goes on; nothing waits for it again. */
static void test_a_device_that_takes_no_message(void **state)
{
    uint64_t before;

    (void)state;
    fake_console_start(4);
    fake_console_add_port(1, "a");
    fake_console.silent = true;
    before = fake_clock_now_ns;
    tell(2, ADD, 0);
    assert_in_range(fake_clock_now_ns - before, 1000000000ull, 10000000000ull);
    assert_true(fake_log_has("control queue not used any more: a message was not taken in time"));
    before = fake_clock_now_ns;
    assert_int_equal(port_open(port_find("a")), 0);
    assert_int_equal(fake_clock_now_ns, before);
    assert_true(fake_console_receive(1, "x", 1, -1));
    assert_int_equal(port_read(port_find("a"), (char[1]){0}, 1, 0), 1);
    port_close(port_find("a"));
    assert_null(fake_console_dev.dead);
}

static void test_a_console_that_dies(void **state)
{
    (void)state;
    fake_console_start(2);
    tell(0, ADD, 0);
    tell(0, CONSOLE, 1);
    tell(0, OPEN, 1);
    fake_ring_use(&fake_console_rings[VIRTIO_CONSOLE_TXQ(0)], 77, 0);
    virtqueue_interrupt(fake_console_dev.queues[VIRTIO_CONSOLE_TXQ(0)]);
    fake_work_run();
    assert_non_null(fake_console_dev.dead);
    assert_int_equal(fake_console.terminal->ops->write(fake_console.terminal, "text", 4), 4);
    assert_int_equal(fake_console.terminal->ops->getc(fake_console.terminal), -1);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(test_##name, fake_console_setup, fake_console_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(impossible_numbers_of_ports),
        TEST(queues_that_are_not_there),
        TEST(messages_that_make_no_sense),
        TEST(names),
        TEST(lengths_of_data),
        TEST(a_lying_ring),
        TEST(a_lying_control_ring),
        TEST(a_device_that_takes_no_message),
        TEST(a_console_that_dies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
