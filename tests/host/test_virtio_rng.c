/* The entropy device's driver: asks while the pool wants more, believes no length, and does not run
 * after a device that gives nothing. */
/* sources: virtio/virtio.c virtio/virtio_features.c virtio/virtio_watchdog.c
 * virtio/virtio_queues.c virtio/virtio_config.c virtio/virtqueue.c virtio/virtqueue_split.c
 * virtio/virtqueue_split_alloc.c kernel/bootopt.c kernel/error.c kernel/format.c kernel/timer.c
 * tests/host/fake/log.c tests/host/fake/clock.c tests/host/fake/work.c
 * tests/host/fake/fake_dma.c tests/host/fake/fake_ring.c tests/host/fake/fake_virtio.c
 * virtio/virtio_ring.c virtio/virtqueue_packed.c virtio/virtqueue_packed_in_order.c
 * virtio/virtqueue_packed_alloc.c virtio/virtqueue_split_in_order.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_dma.h"
#include "fake_driver_set.h"
#include "fake_log.h"
#include "fake_ring.h"
#include "fake_virtio.h"
#include "kernel/bootopt.h"
#include "kernel/panic.h"

/* Included for its entry of the linker set, which here is the whole set. */
#include "drivers/virtio_rng.c"
FAKE_DRIVER_SET(rng);

#define DEV (&device)

static struct virtio_device device;
static struct fake_ring ring;
static bool added;

/* The pool. */
static struct entropy_feeder *registered;
static unsigned wanted, worth, credit;
static size_t pool_len;
static uint8_t pool_last[BUF_LEN];

int system_on_exit(void (*fn)(void))
{
    (void)fn;
    return 0;
}

unsigned entropy_add(enum entropy_source source, const void *data, size_t len, unsigned bits)
{
    assert_int_equal(source, ENTROPY_DEVICE);
    assert_true(len > 0 && len <= BUF_LEN);
    memcpy(pool_last, data, len);
    pool_len += len;
    credit += bits;
    wanted -= wanted > 0;
    return worth != 0 ? bits : 0;
}

bool entropy_wants(void)
{
    return wanted > 0;
}

void entropy_feeder_register(struct entropy_feeder *feeder)
{
    registered = feeder;
    feeder->ask(feeder);
}

void entropy_feeder_unregister(struct entropy_feeder *feeder)
{
    assert_ptr_equal(feeder, registered);
    registered = NULL;
}

static int irq_setup(struct virtio_device *dev)
{
    fake_ring_attach(&ring, dev->queues[0], virtio_has_feature(dev, VIRTIO_RING_F_EVENT_IDX));
    return 0;
}

static void irq_teardown(struct virtio_device *dev)
{
    (void)dev;
}

static const struct virtio_irq_ops irq_ops = {irq_setup, irq_teardown};

static int setup(void **state)
{
    (void)state;
    bootopt_init("");
    fake_log_clear();
    timers_init();
    fake_virtio_reset();
    fake_virtio_ops.irq = &irq_ops;
    fake_virtio.offered = 1ull << VIRTIO_F_VERSION_1;
    memset(DEV, 0, sizeof(*DEV));
    list_init(&DEV->link);
    DEV->bus_name = "00:03.0";
    DEV->device_id = VIRTIO_ID_RNG;
    DEV->transport = &fake_virtio_ops;
    wanted = credit = 0;
    pool_len = 0;
    worth = 1;
    fake_dma_fail_after = -1;
    added = virtio_device_add(DEV) == 0;
    assert_true(added);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (added)
        virtio_device_remove(DEV);
    return fake_dma_in_use != 0 || registered != NULL;
}

/* The device takes the buffer, writes @fill over all of it and says it were @len bytes. */
static void answer(uint8_t fill, uint32_t len, uint32_t id_off)
{
    struct fake_chain chain;

    assert_true(fake_ring_pop(&ring, &chain));
    assert_int_equal(chain.out_cnt, 0);
    assert_int_equal(chain.cnt, 1);
    assert_int_equal(chain.writable_len, BUF_LEN);
    memset((void *)(uintptr_t)chain.pieces[0].pa, fill, BUF_LEN);
    fake_ring_use(&ring, chain.head + id_off, len);
    virtqueue_interrupt(DEV->queues[0]);
}

static bool is_asked(void)
{
    return ring.avail_seen != ring.avail->idx;
}

static void test_asks_once_and_then_while_the_pool_wants_more(void **state)
{
    (void)state;
    assert_true(strncmp(DEV->name, "rng", 3) == 0);
    assert_true(is_asked());
    registered->ask(registered); /* while it is asked already */
    answer(1, BUF_LEN, 0);
    assert_false(is_asked());
    assert_int_equal(pool_len, BUF_LEN);
    assert_int_equal(credit, BUF_LEN * BITS_OF_BYTE);
    wanted = 3;
    registered->ask(registered);
    answer(2, BUF_LEN, 0);
    answer(3, BUF_LEN, 0);
    answer(4, BUF_LEN, 0);
    assert_false(is_asked());
    assert_int_equal(pool_len, 4 * BUF_LEN);
    assert_int_equal(fake_virtio.notifies, 4);
}

static void test_only_what_was_written_is_taken(void **state)
{
    static const uint8_t expected[8] = {7, 7, 7, 0, 0, 0, 0, 0};

    (void)state;
    memset(pool_last, 0, sizeof(pool_last));
    answer(7, 3, 0);
    assert_int_equal(pool_len, 3);
    assert_int_equal(credit, 3 * BITS_OF_BYTE);
    assert_memory_equal(pool_last, expected, sizeof(expected));
}

/* More than the buffer has is no length to go by. */
static void test_lengths_beyond_the_buffer_bring_nothing(void **state)
{
    static const uint32_t lens[] = {BUF_LEN + 1, 4096, 0x80000000, 0xffffffff};

    (void)state;
    wanted = 100;
    for (unsigned i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        answer(8, lens[i], 0);
        assert_false(is_asked());
        registered->ask(registered);
    }
    assert_int_equal(pool_len, 0);
    assert_int_equal(DEV->queues[0]->bad_len_cnt, 4);
    assert_null(DEV->dead);
    answer(8, BUF_LEN, 0);
    assert_int_equal(pool_len, BUF_LEN);
}

static void test_a_device_that_gives_nothing_is_not_asked_again_and_again(void **state)
{
    (void)state;
    wanted = 100;
    answer(9, 0, 0);
    assert_false(is_asked());
    assert_true(fake_log_has("device gave no bytes"));
    assert_int_equal(pool_len, 0);
    worth = 0; /* always the same bytes, say */
    registered->ask(registered);
    answer(9, BUF_LEN, 0);
    assert_int_equal(pool_len, BUF_LEN);
    assert_false(is_asked());
}

static void test_a_device_that_breaks_the_ring_is_given_up(void **state)
{
    (void)state;
    answer(1, BUF_LEN, 1); /* a chain that is not in flight */
    assert_non_null(DEV->dead);
    assert_int_equal(pool_len, 0);
    registered->ask(registered); /* harmless */
    assert_false(is_asked());
}

static void test_a_failed_probe_leaves_nothing(void **state)
{
    (void)state;
    virtio_device_remove(DEV);
    added = false;
    for (int i = 0; i < 2; i++) {
        fake_dma_fail_after = i;
        assert_int_equal(virtio_device_add(DEV), -ENOMEM);
        assert_int_equal(fake_dma_in_use, 0);
    }
    fake_dma_fail_after = -1;
    fake_virtio.queue_size[0] = 0;
    assert_int_equal(virtio_device_add(DEV), -ENOENT);
    assert_int_equal(fake_dma_in_use, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(asks_once_and_then_while_the_pool_wants_more),
        TEST(only_what_was_written_is_taken),
        TEST(lengths_beyond_the_buffer_bring_nothing),
        TEST(a_device_that_gives_nothing_is_not_asked_again_and_again),
        TEST(a_device_that_breaks_the_ring_is_given_up),
        TEST(a_failed_probe_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
