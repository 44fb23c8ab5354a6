/* Frames through a function of an 82576, from a card that keeps to the rules and one that does not.
 */
/* sources: drivers/igb/igb_port.c drivers/igb/igb_rx.c drivers/igb/igb_tx.c drivers/netdev.c
 * drivers/netbuf.c drivers/igb/mbx.c drivers/igb/mbx_vf.c drivers/igb/mbx_pf.c kernel/format.c
 * tests/host/fake/fake_igb.c tests/host/fake/fake_mbx.c tests/host/fake/fake_dma.c
 * tests/host/fake/log.c tests/host/fake/clock.c tests/host/fake/wait.c tests/host/fake/work.c
 * tests/host/fake/mutex.c tests/host/fake/smp.c */
/* cflags: -include tests/host/fake/fake_igb.h */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/igb/igb_port.h"
#include "fake_clock.h"
#include "fake_dma.h"
#include "fake_log.h"

#define RING   16u
#define VECTOR 1u

static const struct igb_port_layout layout = {
    .rxq = E1000_RXQ(7),
    .txq = E1000_TXQ(7),
    .eics = E1000_EICS,
    .eims = E1000_EIMS,
    .eimc = E1000_EIMC,
    .rx_vector = VECTOR,
    .ring_cnt = RING,
};
static const uint8_t own_mac[] = {2, 0, 0, 0, 0, 7};
static struct igb_port port;
static struct netdev *const dev = &port.netdev;
static unsigned rx_head, tx_head; /* the card's */

void thread_sleep_ns(uint64_t ns)
{
    fake_clock_advance(ns);
}

static int setup(void **state)
{
    (void)state;
    fake_igb_reset();
    fake_log_clear();
    fake_dma_fail_after = -1;
    memset(&port, 0, sizeof(port));
    rx_head = tx_head = 0;
    assert_int_equal(igb_port_create(&port, &layout, (uint8_t *)fake_igb.pf), 0);
    assert_string_equal(port.name, "net0");
    memcpy(dev->info.mac, own_mac, 6);
    assert_int_equal(igb_port_start(&port), 0);
    dev->link_up = true;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    igb_port_stop(&port);
    assert_true(igb_port_free(&port));
    return fake_dma_in_use != 0;
}

static union e1000_adv_rx_desc *rx_ring(void)
{
    return (void *)(uintptr_t)(FAKE_IGB_PF(layout.rxq) |
                               (uint64_t)FAKE_IGB_PF(layout.rxq + E1000_Q_BAH) << 32);
}

static union e1000_adv_tx_desc *tx_ring(void)
{
    return (void *)(uintptr_t)(FAKE_IGB_PF(layout.txq) |
                               (uint64_t)FAKE_IGB_PF(layout.txq + E1000_Q_BAH) << 32);
}

/* The card writes a frame into the next buffer; false when it has none. */
static bool deliver(uint32_t status, unsigned len, uint8_t first)
{
    union e1000_adv_rx_desc *desc = &rx_ring()[rx_head];
    uint8_t *data = (uint8_t *)(uintptr_t)desc->read.pkt_addr;

    if (rx_head == FAKE_IGB_PF(layout.rxq + E1000_Q_TAIL))
        return false;
    assert_int_equal(desc->read.hdr_addr, 0);
    memset(data, 0x5a, 64);
    data[0] = first;
    desc->wb.length = (uint16_t)len;
    desc->wb.status_error = status;
    rx_head = (rx_head + 1) % RING;
    return true;
}

static bool deliver_good(unsigned len)
{
    return deliver(E1000_RXD_STAT_DD | E1000_RXD_STAT_EOP, len, 0);
}

/* The card sends all that it was given. Returns how many frames. */
static unsigned transmit(void)
{
    unsigned cnt = 0;

    for (; tx_head != FAKE_IGB_PF(layout.txq + E1000_Q_TAIL); cnt++) {
        union e1000_adv_tx_desc *desc = &tx_ring()[tx_head];
        const uint32_t cmd = desc->read.cmd_type_len;

        assert_int_equal(cmd & (E1000_TXD_DEXT | E1000_TXD_EOP | E1000_TXD_IFCS),
                         E1000_TXD_DEXT | E1000_TXD_EOP | E1000_TXD_IFCS);
        if ((cmd & E1000_TXD_RS) != 0)
            desc->wb.status |= E1000_TXD_STAT_DD;
        tx_head = (tx_head + 1) % RING;
    }
    return cnt;
}

static bool rx_masked(void)
{
    return (FAKE_IGB_PF(E1000_EIMS) & 1u << VECTOR) == 0;
}

static void frames_come_in(void **state)
{
    static const unsigned lens[] = {14, 60, 1514, 1518};
    struct netbuf *bufs[8];
    struct netdev_stats stats;

    (void)state;
    for (unsigned round = 0; round < 3 * RING; round++) {
        for (unsigned i = 0; i < 4; i++)
            assert_true(deliver_good(lens[i]));
        igb_rx_interrupt(&port);
        assert_true(rx_masked());
        assert_true(igb_rx_pending(dev));
        assert_int_equal(igb_rx_receive(dev, bufs, 8), 4);
        for (unsigned i = 0; i < 4; i++) {
            assert_int_equal(bufs[i]->len, lens[i]);
            assert_ptr_equal(bufs[i]->data, bufs[i]->base);
            netdev_buf_free(bufs[i]);
        }
        assert_true(rx_masked()); /* until the user has seen that there is no more */
        assert_int_equal(igb_rx_receive(dev, bufs, 8), 0);
        assert_false(rx_masked());
    }
    netdev_stats(dev, &stats);
    assert_int_equal(stats.rx_frames, 3 * RING * 4);
    assert_int_equal(stats.rx_errors, 0);
    assert_string_equal(fake_log_text(), "");
}

/* Each is dropped, its buffer goes back to the card, and the next frame is as good as ever. */
static void bad_frames_are_dropped(void **state)
{
    static const struct {
        uint32_t status;
        unsigned len;
        const char *why;
    } bad[] = {
        {E1000_RXD_STAT_EOP, 0, "shorter"},
        {E1000_RXD_STAT_EOP, 13, "shorter"},
        {E1000_RXD_STAT_EOP, 1519, "longer than a frame"},
        {E1000_RXD_STAT_EOP, 2048, "longer than a frame"},
        {E1000_RXD_STAT_EOP, 65535, "longer than a frame"},
        {E1000_RXD_STAT_EOP | E1000_RXD_ERR_RXE, 60, "error"},
        {UINT32_MAX, 65535, "error"},
    };
    struct netbuf *bufs[4];
    struct netdev_stats stats;

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        fake_log_clear();
        assert_true(deliver(E1000_RXD_STAT_DD | bad[i].status, bad[i].len, 0));
        assert_true(deliver_good(100));
        assert_int_equal(igb_rx_receive(dev, bufs, 4), 1);
        assert_int_equal(bufs[0]->len, 100);
        assert_true(fake_log_has(bad[i].why));
        netdev_buf_free(bufs[0]);
    }
    netdev_stats(dev, &stats);
    assert_int_equal(stats.rx_errors, sizeof(bad) / sizeof(bad[0]));
}

static void frame_longer_than_a_buffer(void **state)
{
    struct netbuf *bufs[4];

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        assert_true(deliver(E1000_RXD_STAT_DD, 2048, 0));
    assert_int_equal(igb_rx_receive(dev, bufs, 4), 0);
    assert_true(deliver_good(500)); /* its end */
    assert_true(deliver_good(99));
    assert_int_equal(igb_rx_receive(dev, bufs, 4), 1);
    assert_int_equal(bufs[0]->len, 99);
    netdev_buf_free(bufs[0]);
}

static void own_frames_do_not_come_back(void **state)
{
    struct netbuf *bufs[4];
    uint8_t *data = (uint8_t *)(uintptr_t)rx_ring()[0].read.pkt_addr;

    (void)state;
    assert_true(deliver(E1000_RXD_STAT_DD | E1000_RXD_STAT_EOP, 60, 0xff));
    memcpy(data + 6, own_mac, 6);
    assert_true(deliver(E1000_RXD_STAT_DD | E1000_RXD_STAT_EOP, 61, 0xff));
    assert_int_equal(igb_rx_receive(dev, bufs, 4), 1);
    assert_int_equal(bufs[0]->len, 61);
    netdev_buf_free(bufs[0]);
    assert_string_equal(fake_log_text(), "");
}

static void deliver_once(void)
{
    fake_igb.tail_hook = NULL;
    assert_true(deliver_good(60));
}

/* A frame that comes while the last look says that there is none. */
static void frame_between_look_and_unmask(void **state)
{
    struct netbuf *bufs[4];

    (void)state;
    while (deliver(E1000_RXD_STAT_DD | E1000_RXD_STAT_EOP, 1, 0))
        ;
    fake_igb.tail_hook = deliver_once;
    assert_int_equal(igb_rx_receive(dev, bufs, 4), 0);
    assert_false(rx_masked());
    assert_int_equal(fake_igb.eics, 1u << VECTOR);
    assert_int_equal(igb_rx_receive(dev, bufs, 4), 1);
    netdev_buf_free(bufs[0]);
}

static void empty_pool_starves_the_ring(void **state)
{
    struct netbuf *held[256], *bufs[1];
    unsigned cnt = 0;

    (void)state;
    while ((held[cnt] = netdev_buf_alloc(dev)) != NULL)
        cnt++;
    for (unsigned i = 0; i < RING - 1; i++) {
        assert_true(deliver_good(60));
        assert_int_equal(igb_rx_receive(dev, bufs, 1), 1);
        held[cnt++] = bufs[0];
    }
    assert_true(port.pair.starved);
    assert_false(deliver_good(60));
    netdev_buf_free(held[--cnt]);
    assert_true(deliver_good(60));
    while (cnt > 0)
        netdev_buf_free(held[--cnt]);
    assert_false(port.pair.starved);
}

static struct netbuf *make_frame(unsigned len)
{
    struct netbuf *buf = netdev_buf_alloc(dev);

    assert_non_null(buf);
    memset(buf->data, 0, len);
    buf->len = len;
    return buf;
}

static void frames_go_out_in_batches(void **state)
{
    struct netbuf *bufs[4];
    const unsigned before = port.pair.pool.free_cnt;

    (void)state;
    for (unsigned round = 0; round < 3 * RING; round++) {
        const unsigned writes = fake_igb.tail_write_cnt;

        for (unsigned i = 0; i < 4; i++)
            bufs[i] = make_frame(60 + i);
        assert_int_equal(netdev_send(dev, bufs, 4), 4);
        assert_int_equal(fake_igb.tail_write_cnt, writes + 1);
        for (unsigned i = 0; i < 4; i++) {
            const union e1000_adv_tx_desc *desc = &tx_ring()[(tx_head + i) % RING];

            assert_int_equal(desc->read.buffer_addr, (uintptr_t)bufs[i]->data);
            assert_int_equal(desc->read.cmd_type_len & 0xffff, 60 + i);
            assert_int_equal(desc->read.olinfo_status >> E1000_TXD_PAYLEN_SHIFT, 60 + i);
            assert_int_equal((desc->read.cmd_type_len & E1000_TXD_RS) != 0, i == 3);
        }
        assert_int_equal(transmit(), 4);
        igb_tx_interrupt(&port);
        assert_int_equal(port.pair.pool.free_cnt, before);
    }
}

static void full_ring_takes_what_fits(void **state)
{
    struct netbuf *bufs[RING + 4];

    (void)state;
    for (unsigned i = 0; i < RING + 4; i++)
        bufs[i] = make_frame(60);
    assert_int_equal(netdev_send(dev, bufs, RING + 4), RING - 1);
    assert_int_equal(netdev_send(dev, bufs + RING - 1, 5), 0);
    assert_int_equal(transmit(), RING - 1);
    assert_int_equal(netdev_send(dev, bufs + RING - 1, 5), 5); /* taken on the way */
    assert_int_equal(transmit(), 5);
}

/* Done is done, in whatever order the card says so: a batch behind another counts with it. */
static void completion_out_of_order(void **state)
{
    struct netbuf *bufs[1];
    const unsigned before = port.pair.pool.free_cnt;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        bufs[0] = make_frame(60);
        assert_int_equal(netdev_send(dev, bufs, 1), 1);
    }
    tx_ring()[1].wb.status = E1000_TXD_STAT_DD;
    igb_tx_interrupt(&port);
    assert_int_equal(port.pair.pool.free_cnt, before - 1);
    tx_ring()[2].wb.status = UINT32_MAX;
    igb_tx_interrupt(&port);
    assert_int_equal(port.pair.pool.free_cnt, before);
}

static void what_cannot_be_sent(void **state)
{
    struct netdev other = {0};
    struct netbuf *bufs[6];
    struct netdev_stats stats;

    (void)state;
    for (unsigned i = 0; i < 6; i++)
        bufs[i] = make_frame(60);
    bufs[0]->len = 13;
    bufs[1]->len = 1519;
    bufs[2]->data = bufs[2]->base - 1;
    bufs[3]->data = bufs[3]->base + NETDEV_BUF_SIZE - 59;
    bufs[4]->csum = NETBUF_CSUM_PARTIAL;
    bufs[4]->csum_start = 59;
    bufs[5]->dev = &other;
    assert_int_equal(netdev_send(dev, bufs, 6), 6);
    assert_int_equal(fake_igb.tail_write_cnt, 3); /* both rings' set-up and the first filling */
    netdev_stats(dev, &stats);
    assert_true(stats.tx_dropped == 6 && stats.tx_frames == 0);
}

static void checksum_is_finished_in_software(void **state)
{
    struct netbuf *buf = make_frame(60);

    (void)state;
    buf->csum = NETBUF_CSUM_PARTIAL;
    buf->csum_start = 20;
    buf->csum_off = 2;
    buf->data[30] = 0x12;
    assert_int_equal(netdev_send(dev, &buf, 1), 1);
    assert_int_equal(buf->data[22], 0xed);
    assert_int_equal(buf->data[23], 0xff);
    transmit();
}

static void stopped_port_is_left_alone(void **state)
{
    struct netbuf *buf = make_frame(60), *bufs[1];
    unsigned writes;

    (void)state;
    assert_int_equal(netdev_send(dev, &buf, 1), 1);
    assert_true(deliver_good(60));
    igb_port_stop(&port);
    assert_int_equal(port.pair.pool.free_cnt, port.pair.pool.total_cnt);
    writes = fake_igb.tail_write_cnt;
    buf = make_frame(60);
    assert_int_equal(netdev_send(dev, &buf, 1), 0);
    netdev_buf_free(buf);
    assert_int_equal(igb_rx_receive(dev, bufs, 1), 0);
    assert_false(igb_rx_pending(dev));
    igb_tx_interrupt(&port);
    assert_int_equal(fake_igb.tail_write_cnt, writes);
    rx_head = tx_head = 0;
    assert_int_equal(igb_port_start(&port), 0);
    assert_true(deliver_good(77));
    assert_int_equal(igb_rx_receive(dev, bufs, 1), 1);
    assert_int_equal(bufs[0]->len, 77);
    netdev_buf_free(bufs[0]);
}

static void queue_that_does_not_start(void **state)
{
    (void)state;
    igb_port_stop(&port);
    for (unsigned i = 0; i < 2; i++) {
        fake_igb.stuck_off = (i == 0 ? layout.rxq : layout.txq) + E1000_Q_DCTL;
        FAKE_IGB_PF(fake_igb.stuck_off) = 0;
        assert_int_equal(igb_port_start(&port), -EIO);
        assert_true(port.pair.gone);
        assert_int_equal(port.pair.pool.free_cnt, port.pair.pool.total_cnt);
    }
}

static void out_of_memory(void **state)
{
    struct igb_port second;
    const size_t used = fake_dma_in_use;

    (void)state;
    for (int i = 0; i < 3; i++) {
        memset(&second, 0, sizeof(second));
        fake_dma_fail_after = i;
        assert_int_equal(igb_port_create(&second, &layout, (uint8_t *)fake_igb.pf), -ENOMEM);
        assert_int_equal(fake_dma_in_use, used);
    }
    fake_dma_fail_after = -1;
    assert_int_equal(igb_port_create(&second, &layout, (uint8_t *)fake_igb.pf), 0);
    assert_string_equal(second.name, "net1"); /* failures took no number */
    assert_true(igb_port_free(&second));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(frames_come_in),
        TEST(bad_frames_are_dropped),
        TEST(frame_longer_than_a_buffer),
        TEST(own_frames_do_not_come_back),
        TEST(frame_between_look_and_unmask),
        TEST(empty_pool_starves_the_ring),
        TEST(frames_go_out_in_batches),
        TEST(full_ring_takes_what_fits),
        TEST(completion_out_of_order),
        TEST(what_cannot_be_sent),
        TEST(checksum_is_finished_in_software),
        TEST(stopped_port_is_left_alone),
        TEST(queue_that_does_not_start),
        TEST(out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
