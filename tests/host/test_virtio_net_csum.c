/* Checksums that the network device is asked to finish, vouches for, or leaves to software. */
/* sources: drivers/virtio_net_config.c drivers/virtio_net_rx.c drivers/virtio_net_tx.c
 * drivers/virtio_net_queues.c drivers/virtio_net_ctrl.c tests/host/fake/mutex.c
 * tests/host/fake/smp.c drivers/netdev.c drivers/netbuf.c virtio/virtio.c virtio/virtio_features.c
 * virtio/virtio_watchdog.c tests/host/fake/work.c
 * virtio/virtio_queues.c virtio/virtio_config.c virtio/virtqueue.c virtio/virtqueue_split.c
 * virtio/virtqueue_split_alloc.c kernel/bootopt.c kernel/error.c kernel/format.c kernel/timer.c
 * tests/host/fake/log.c tests/host/fake/clock.c tests/host/fake/fake_dma.c
 * tests/host/fake/fake_ring.c tests/host/fake/fake_virtio.c tests/host/fake/fake_net_device.c
 * tests/host/fake/wait.c */
/* sources: virtio/virtio_ring.c virtio/virtqueue_split_in_order.c virtio/virtqueue_packed.c
 * virtio/virtqueue_packed_alloc.c virtio/virtqueue_packed_in_order.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_net_device.h"

#define POOL_REST (FAKE_NET_POOL - FAKE_NET_RING) /* beside a full receive ring */

static const struct virtio_net_hdr no_wishes;

static struct netbuf *receive_with(struct virtio_net_hdr hdr)
{
    struct netbuf *buf;

    hdr.num_buffers = 1;
    fake_net_fill(0, &hdr, 60, 0, -1);
    fake_net_publish(1);
    assert_int_equal(netdev_receive(fake_net, &buf, 1), 1);
    assert_int_equal(buf->len, 60);
    netdev_buf_free(buf);
    return buf;
}

#define CSUM_OF(...) (receive_with((struct virtio_net_hdr){__VA_ARGS__})->csum)
#define NEEDS        .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM

static void test_what_the_device_says_of_checksums(void **state)
{
    const struct netbuf *buf;

    (void)state;
    fake_net_start(BIT(VIRTIO_NET_F_GUEST_CSUM));
    assert_true(netdev_info(fake_net)->csum_rx);
    assert_int_equal(CSUM_OF(.flags = 0), NETBUF_CSUM_NONE);
    assert_int_equal(CSUM_OF(.csum_start = 34, .csum_offset = 6), NETBUF_CSUM_NONE);
    assert_int_equal(CSUM_OF(.flags = VIRTIO_NET_HDR_F_DATA_VALID), NETBUF_CSUM_VALID);
    assert_int_equal(CSUM_OF(.flags = 0xf8), NETBUF_CSUM_NONE);
    buf = receive_with((struct virtio_net_hdr){NEEDS, .csum_start = 34, .csum_offset = 24});
    assert_int_equal(buf->csum, NETBUF_CSUM_PARTIAL);
    assert_int_equal(buf->csum_start, 34);
    assert_int_equal(buf->csum_off, 24);
    assert_int_equal(CSUM_OF(NEEDS, .csum_start = 34, .csum_offset = 25), NETBUF_CSUM_NONE);
    assert_int_equal(CSUM_OF(NEEDS, .csum_start = 60), NETBUF_CSUM_NONE);
    assert_int_equal(CSUM_OF(NEEDS, .csum_start = 0xffff, .csum_offset = 0xffff), NETBUF_CSUM_NONE);
    /* Segmentation was not agreed on: what is said of it means nothing. */
    assert_int_equal(CSUM_OF(.gso_type = 0x85, .gso_size = 0xffff, .hdr_len = 0xffff),
                     NETBUF_CSUM_NONE);
}

static void test_checksums_not_agreed_on(void **state)
{
    (void)state;
    fake_net_start(0);
    assert_false(netdev_info(fake_net)->csum_rx);
    assert_int_equal(CSUM_OF(.flags = VIRTIO_NET_HDR_F_DATA_VALID), NETBUF_CSUM_NONE);
    assert_int_equal(CSUM_OF(NEEDS, .csum_start = 34, .csum_offset = 6), NETBUF_CSUM_NONE);
}

static void test_the_device_finishes_checksums(void **state)
{
    struct fake_net_frame frame;

    (void)state;
    fake_net_start(BIT(VIRTIO_NET_F_CSUM));
    assert_true(netdev_info(fake_net)->csum_tx);
    assert_int_equal(fake_net_send(fake_net_make_partial(77, 4, 34, 16)), 1);
    assert_true(fake_net_take(&frame));
    assert_int_equal(frame.hdr.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
    assert_int_equal(frame.hdr.csum_start, 34);
    assert_int_equal(frame.hdr.csum_offset, 16);
    assert_int_equal(frame.hdr.gso_type, VIRTIO_NET_HDR_GSO_NONE);
    assert_int_equal(frame.hdr.num_buffers, 0);
    fake_net_check(frame.data, 77, 4, 0);
    fake_net_sent(&frame);
    assert_int_equal(fake_net_send(fake_net_make(60, 0)), 1);
    assert_true(fake_net_take(&frame));
    assert_memory_equal(&frame.hdr, &no_wishes, sizeof(no_wishes));
}

/* One's complement sums are remainders modulo 0xffff (RFC 1071). */
static uint16_t internet_checksum(const uint8_t *data, unsigned len)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < len; i++)
        sum += i % 2 == 0 ? data[i] * 256ull : data[i];
    return (uint16_t)(0xffff - (sum % 0xffff == 0 && sum != 0 ? 0xffff : sum % 0xffff));
}

static void test_checksums_in_software(void **state)
{
    static const unsigned cases[][3] = {
        {60, 34, 6}, {61, 34, 6}, {1514, 34, 16}, {1513, 54, 16}, {14, 0, 12}, {36, 34, 0},
    };
    struct fake_net_frame frame;
    uint8_t expected[2048];

    (void)state;
    fake_net_start(0);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned len = cases[i][0], start = cases[i][1], off = cases[i][2];
        struct netbuf *buf =
            fake_net_make_partial(len, (uint8_t)(200 + i), (uint16_t)start, (uint16_t)off);
        uint16_t sum = internet_checksum(buf->data + start, len - start);

        memcpy(expected, buf->data, len);
        if (sum == 0)
            sum = 0xffff;
        expected[start + off] = (uint8_t)(sum >> 8);
        expected[start + off + 1] = (uint8_t)sum;
        assert_int_equal(fake_net_send(buf), 1);
        assert_true(fake_net_take(&frame));
        assert_memory_equal(&frame.hdr, &no_wishes, sizeof(no_wishes));
        assert_int_equal(frame.len, len);
        assert_memory_equal(frame.data, expected, len);
        fake_net_sent(&frame);
    }
}

/* A UDP datagram from 10.0.0.1:1000 to 10.0.0.2:2000 with the byte pair @word, so that the sum is
 * known. */
static void expect_udp_sum(uint16_t word, uint16_t expected)
{
    static const uint8_t udp[] = {0x03, 0xe8, 0x07, 0xd0, 0x00, 0x0a};
    const uint16_t pseudo = 0x0a00 + 0x0001 + 0x0a00 + 0x0002 + 17 + 10;
    struct netbuf *buf = fake_net_make_partial(44, 0, 34, 6);
    struct fake_net_frame frame;

    memcpy(buf->data + 34, udp, sizeof(udp));
    buf->data[40] = pseudo >> 8;
    buf->data[41] = pseudo & 0xff;
    buf->data[42] = (uint8_t)(word >> 8);
    buf->data[43] = (uint8_t)word;
    assert_int_equal(fake_net_send(buf), 1);
    assert_true(fake_net_take(&frame));
    assert_int_equal(frame.data[40] << 8 | frame.data[41], expected);
    fake_net_sent(&frame);
}

static void test_a_known_datagram(void **state)
{
    (void)state;
    fake_net_start(0);
    /* 1400 (pseudo header 1e) 141e + 03e8 + 07d0 + 000a = 1fe0 */
    expect_udp_sum(0x0000, 0xe01f);
    expect_udp_sum(0x1234, 0xcdeb);
    expect_udp_sum(0xf000, 0xf01e); /* a carry */
    expect_udp_sum(0xe01f, 0xffff); /* 0 would mean that there is none */
}

static void test_checksums_outside_the_frame(void **state)
{
    static const uint16_t cases[][2] = {{34, 25}, {58, 1}, {59, 0},
                                        {60, 0},  {0, 59}, {0xffff, 0xffff}};

    (void)state;
    for (unsigned pass = 0; pass < 2; pass++) {
        fake_net_start(pass == 0 ? 0 : BIT(VIRTIO_NET_F_CSUM));
        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            assert_int_equal(fake_net_send(fake_net_make_partial(60, 0, cases[i][0], cases[i][1])),
                             1);
            assert_int_equal(fake_net_send_all(), 0);
            assert_int_equal(fake_net_pair->pool.free_cnt, POOL_REST);
            assert_int_equal(fake_net_pair->stats.tx_dropped, i + 1);
        }
        assert_int_equal(fake_net_send(fake_net_make_partial(60, 0, 34, 24)), 1);
        assert_int_equal(fake_net_send_all(), 1);
        assert_int_equal(fake_net_teardown(NULL), 0);
        fake_net_setup(NULL);
    }
}

static void test_received_buffers_may_be_sent(void **state)
{
    struct virtio_net_hdr hdr = {.num_buffers = 1};
    struct fake_net_frame frame;
    struct netbuf *buf;

    (void)state;
    fake_net_start(BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_GUEST_CSUM));
    for (unsigned i = 0; i < 1000; i++) {
        bool partial = i % 2 != 0;

        hdr.flags = partial ? VIRTIO_NET_HDR_F_NEEDS_CSUM : VIRTIO_NET_HDR_F_DATA_VALID;
        hdr.csum_start = 34;
        hdr.csum_offset = (uint16_t)(i % 20);
        fake_net_fill(0, &hdr, 100, (uint8_t)i, -1);
        fake_net_publish(1);
        assert_int_equal(netdev_receive(fake_net, &buf, 1), 1);
        assert_int_equal(fake_net_send(buf), 1);
        assert_true(fake_net_take(&frame));
        fake_net_check(frame.data, 100, (uint8_t)i, 0);
        assert_int_equal(frame.hdr.flags, partial ? VIRTIO_NET_HDR_F_NEEDS_CSUM : 0);
        assert_int_equal(frame.hdr.csum_start, partial ? 34 : 0);
        assert_int_equal(frame.hdr.csum_offset, partial ? i % 20 : 0);
        assert_int_equal(frame.hdr.num_buffers, 0);
        fake_net_sent(&frame);
    }
    assert_int_equal(fake_net_pair->pool.free_cnt, POOL_REST);
    fake_net_check_refilled();
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, fake_net_setup, fake_net_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_the_device_says_of_checksums),
        TEST(checksums_not_agreed_on),
        TEST(the_device_finishes_checksums),
        TEST(checksums_in_software),
        TEST(a_known_datagram),
        TEST(checksums_outside_the_frame),
        TEST(received_buffers_may_be_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
