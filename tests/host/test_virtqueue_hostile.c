/* The split virtqueue against a device that breaks the rules; cases of one kind share a number. */
/* sources: virtio/virtqueue.c virtio/virtqueue_split.c virtio/virtqueue_split_alloc.c
 * kernel/format.c tests/host/fake/log.c tests/host/fake/fake_dma.c tests/host/fake/fake_ring.c */
/* sources: virtio/virtqueue_split_in_order.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_dma.h"
#include "fake_log.h"
#include "fake_ring.h"

#define SIZE   16u
#define CHAINS 4u

static struct virtqueue *vq;
static struct fake_ring ring;
static struct fake_chain chains[CHAINS];
static unsigned notifies;
static char tokens[CHAINS];

static void on_used(struct virtqueue *queue)
{
    (void)queue;
}

static void on_notify(struct virtqueue *queue)
{
    (void)queue;
    notifies++;
}

/* Four chains of three pieces, known to the device. */
static void start(unsigned indirect_max, bool event_idx)
{
    struct virtqueue_params params = {
        .name = "req0",
        .dev_name = "blk0",
        .size = SIZE,
        .event_idx = event_idx,
        .indirect = indirect_max > 0,
        .indirect_max = indirect_max,
        .notify = on_notify,
        .callback = on_used,
    };

    notifies = 0;
    vq = virtqueue_split_alloc(&params);
    assert_non_null(vq);
    fake_ring_attach(&ring, vq, event_idx);
    for (unsigned i = 0; i < CHAINS; i++) {
        struct virtqueue_seg segs[3] = {{0x1000, 16}, {0x2000, 512}, {0x3000, 1}};

        assert_int_equal(virtqueue_add(vq, segs, 1, 2, &tokens[i]), 0);
    }
    virtqueue_kick(vq);
    for (unsigned i = 0; i < CHAINS; i++)
        assert_true(fake_ring_pop(&ring, &chains[i]));
}

static int setup(void **state)
{
    (void)state;
    start(0, true);
    return 0;
}

static int setup_tables(void **state)
{
    (void)state;
    start(4, true);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    virtqueue_free(vq);
    fake_log_clear();
    return fake_dma_in_use != 0;
}

/* Everything stops with one message, and the driver gets back what is still in flight. */
static void assert_dead(const char *reason, unsigned in_flight)
{
    struct virtqueue_seg seg = {0x1000, 1};
    uint32_t len;

    assert_null(virtqueue_get(vq, &len));
    assert_non_null(vq->broken);
    assert_string_equal(vq->broken, reason);
    assert_true(fake_log_has("blk0: queue req0 is broken: "));
    assert_true(fake_log_has(reason));
    assert_null(virtqueue_get(vq, &len));
    assert_int_equal(virtqueue_add(vq, &seg, 1, 0, &seg), -EIO);
    assert_false(virtqueue_kick(vq));
    while (virtqueue_drain(vq) != NULL)
        in_flight--;
    assert_int_equal(in_flight, 0);
}

static void test_1_used_id_beyond_the_ring(void **state)
{
    (void)state;
    fake_ring_use(&ring, SIZE, 1);
    assert_dead("used id out of range", CHAINS);
}

static void test_2_used_id_with_high_bits(void **state)
{
    (void)state;
    fake_ring_use(&ring, chains[0].head | 0x10000u, 1);
    assert_dead("used id out of range", CHAINS);
}

static void test_3_used_id_that_is_no_head(void **state)
{
    (void)state;
    fake_ring_use(&ring, ring.desc[chains[0].head].next, 1);
    assert_dead("used id is not in flight", CHAINS);
}

static void test_3_used_id_of_a_free_descriptor(void **state)
{
    (void)state;
    fake_ring_use(&ring, SIZE - 1, 1);
    assert_dead("used id is not in flight", CHAINS);
}

static void test_4_same_id_twice(void **state)
{
    uint32_t len;

    (void)state;
    fake_ring_use(&ring, chains[1].head, 1);
    fake_ring_use(&ring, chains[1].head, 1);
    assert_ptr_equal(virtqueue_get(vq, &len), &tokens[1]);
    assert_dead("used id is not in flight", CHAINS - 1);
}

static void test_5_used_index_jumps(void **state)
{
    (void)state;
    fake_ring_publish(&ring, CHAINS + 1);
    assert_dead("used index beyond what is in flight", CHAINS);
}

static void test_6_used_index_goes_back(void **state)
{
    uint32_t len;

    (void)state;
    fake_ring_use(&ring, chains[0].head, 1);
    assert_ptr_equal(virtqueue_get(vq, &len), &tokens[0]);
    fake_ring_publish(&ring, 65535);
    assert_dead("used index beyond what is in flight", CHAINS - 1);
}

static void test_5_chains_not_yet_published_do_not_count(void **state)
{
    struct virtqueue_seg seg = {0x1000, 1};

    (void)state;
    assert_int_equal(virtqueue_add(vq, &seg, 1, 0, &seg), 0);
    fake_ring_publish(&ring, CHAINS + 1);
    assert_dead("used index beyond what is in flight", CHAINS + 1);
}

static void test_7_a_pass_ends_though_the_index_runs(void **state)
{
    unsigned cnt = 0;
    uint32_t len;

    (void)state;
    for (unsigned i = 0; i < CHAINS; i++)
        fake_ring_use(&ring, chains[i].head, 1);
    while (virtqueue_get(vq, &len) != NULL) {
        cnt++;
        fake_ring_publish(&ring, 1);
    }
    assert_true(cnt <= CHAINS);
    assert_non_null(vq->broken);
}

static void test_8_claimed_length_beyond_the_chain(void **state)
{
    uint32_t len = 99;

    (void)state;
    fake_ring_use(&ring, chains[0].head, 514);
    fake_ring_use(&ring, chains[1].head, UINT32_MAX);
    fake_ring_use(&ring, chains[2].head, 513);
    assert_ptr_equal(virtqueue_get(vq, &len), &tokens[0]);
    assert_int_equal(len, 0);
    assert_ptr_equal(virtqueue_get(vq, &len), &tokens[1]);
    assert_int_equal(len, 0);
    assert_ptr_equal(virtqueue_get(vq, &len), &tokens[2]);
    assert_int_equal(len, 513);
    assert_int_equal(vq->bad_len_cnt, 2);
    assert_null(vq->broken);
    assert_true(fake_log_has("says it wrote 514 bytes into 513"));
}

static void test_10_descriptors_rewritten(void **state)
{
    uint32_t len;

    (void)state;
    memset(ring.desc, 0xff, SIZE * sizeof(*ring.desc));
    for (unsigned i = 0; i < CHAINS; i++) {
        fake_ring_use(&ring, chains[i].head, 513);
        assert_ptr_equal(virtqueue_get(vq, &len), &tokens[i]);
        assert_int_equal(len, 513);
    }
    assert_int_equal(vq->free_cnt, SIZE);
    for (unsigned i = 0; i < SIZE / 4; i++) {
        struct virtqueue_seg segs[4] = {{1, 1}, {2, 1}, {3, 1}, {4, 1}};

        assert_int_equal(virtqueue_add(vq, segs, 2, 2, &tokens[i]), 0);
    }
    virtqueue_kick(vq);
    for (unsigned i = 0; i < SIZE / 4; i++)
        assert_true(fake_ring_pop(&ring, &chains[0])); /* which checks it */
}

static void test_11_avail_ring_rewritten(void **state)
{
    struct virtqueue_seg seg = {0x1000, 1};
    uint32_t len;

    (void)state;
    memset(ring.avail->ring, 0xff, SIZE * sizeof(ring.avail->ring[0]));
    ring.avail->idx = 1000;
    fake_ring_use(&ring, chains[2].head, 1);
    assert_ptr_equal(virtqueue_get(vq, &len), &tokens[2]);
    assert_int_equal(virtqueue_add(vq, &seg, 1, 0, &seg), 0);
    virtqueue_kick(vq);
    assert_int_equal(ring.avail->idx, CHAINS + 1);
    assert_null(vq->broken);
}

static void test_12_indirect_table_rewritten(void **state)
{
    uint32_t len;

    (void)state;
    assert_true(chains[0].indirect);
    memset((void *)(uintptr_t)ring.desc[chains[0].head].addr, 0xff, 3 * sizeof(*ring.desc));
    fake_ring_use(&ring, chains[0].head, 513);
    assert_ptr_equal(virtqueue_get(vq, &len), &tokens[0]);
    assert_int_equal(len, 513);
    assert_int_equal(vq->free_cnt, SIZE - CHAINS + 1);
}

static void test_13_an_index_that_was_checked_stays(void **state)
{
    uint32_t len;

    (void)state;
    fake_ring_put(&ring, 0, chains[0].head, 1);
    fake_ring_put(&ring, 1, chains[1].head, 1);
    fake_ring_publish(&ring, 2);
    assert_ptr_equal(virtqueue_get(vq, &len), &tokens[0]);
    ring.used->idx = 0; /* taken back after the look that covered both */
    assert_ptr_equal(virtqueue_get(vq, &len), &tokens[1]);
    assert_dead("used index beyond what is in flight", CHAINS - 2);
}

static void test_16_garbage_in_avail_event_costs_notifications_only(void **state)
{
    struct virtqueue_seg seg = {0x1000, 1};
    unsigned added = 0;

    (void)state;
    for (unsigned garbage = 0; garbage < 65536; garbage += 4099) {
        fake_ring_want_notify(&ring, (uint16_t)garbage);
        if (virtqueue_add(vq, &seg, 1, 0, &seg) != 0)
            break;
        virtqueue_kick(vq);
        added++;
    }
    assert_int_equal(added, SIZE - 3 * CHAINS);
    assert_null(vq->broken);
    notifies = 0;
    virtqueue_notify_force(vq); /* the watchdog's way out */
    assert_int_equal(notifies, 1);
}

#define TEST(name)        cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
#define TEST_TABLES(name) cmocka_unit_test_setup_teardown(test_##name, setup_tables, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(1_used_id_beyond_the_ring),
        TEST(2_used_id_with_high_bits),
        TEST(3_used_id_that_is_no_head),
        TEST(3_used_id_of_a_free_descriptor),
        TEST(4_same_id_twice),
        TEST_TABLES(4_same_id_twice),
        TEST(5_used_index_jumps),
        TEST_TABLES(5_used_index_jumps),
        TEST(5_chains_not_yet_published_do_not_count),
        TEST(6_used_index_goes_back),
        TEST(7_a_pass_ends_though_the_index_runs),
        TEST(8_claimed_length_beyond_the_chain),
        TEST_TABLES(8_claimed_length_beyond_the_chain),
        TEST(10_descriptors_rewritten),
        TEST(11_avail_ring_rewritten),
        TEST_TABLES(12_indirect_table_rewritten),
        TEST(13_an_index_that_was_checked_stays),
        TEST(16_garbage_in_avail_event_costs_notifications_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
