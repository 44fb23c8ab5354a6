/* The packed virtqueue against a device that breaks the rules. */
/* sources: virtio/virtqueue.c virtio/virtqueue_packed.c virtio/virtqueue_packed_alloc.c
 * virtio/virtqueue_packed_in_order.c kernel/format.c tests/host/fake/log.c
 * tests/host/fake/fake_dma.c tests/host/fake/fake_packed.c */
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
#include "virtio/vring_packed.h"

#define SIZE   15u
#define CHAINS 4u
#define LAP    VRING_PACKED_DESC_F_LAP

static struct virtqueue *vq;
static struct fake_ring ring;
static struct fake_chain chains[CHAINS];
static struct vring_packed_desc *desc;
static struct vring_packed_event *device_event;
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

/* Four chains of three pieces, known to the device: slots 0 to 11, or 0 to 3 with tables. */
static void start(unsigned tables, bool in_order, unsigned pop_cnt)
{
    struct virtqueue_params params = {
        .name = "req0",
        .dev_name = "blk0",
        .size = SIZE,
        .event_idx = true,
        .indirect = tables > 0,
        .indirect_max = tables,
        .in_order = in_order,
        .notify = on_notify,
        .callback = on_used,
    };
    struct virtqueue_layout layout;

    notifies = 0;
    vq = virtqueue_packed_alloc(&params);
    assert_non_null(vq);
    fake_ring_attach(&ring, vq, true);
    virtqueue_layout(vq, &layout);
    desc = (void *)(uintptr_t)layout.desc_pa;
    device_event = (void *)(uintptr_t)layout.used_pa;
    for (unsigned i = 0; i < CHAINS; i++) {
        struct virtqueue_seg segs[3] = {{0x1000, 16}, {0x2000, 512}, {0x3000, 1}};

        assert_int_equal(virtqueue_add(vq, segs, 1, 2, &tokens[i]), 0);
    }
    virtqueue_kick(vq);
    for (unsigned i = 0; i < pop_cnt; i++)
        assert_true(fake_ring_pop(&ring, &chains[i]));
}

static int setup(void **state)
{
    (void)state;
    start(0, false, CHAINS);
    return 0;
}

static int setup_tables(void **state)
{
    (void)state;
    start(4, false, CHAINS);
    return 0;
}

static int setup_in_order(void **state)
{
    (void)state;
    start(0, true, CHAINS);
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
    assert_null(virtqueue_get(vq, &len));
    assert_int_equal(virtqueue_add(vq, &seg, 1, 0, &seg), -EIO);
    assert_false(virtqueue_kick(vq));
    while (virtqueue_drain(vq) != NULL)
        in_flight--;
    assert_int_equal(in_flight, 0);
}

static void write_used(unsigned slot, unsigned id, uint16_t flags)
{
    desc[slot] = (struct vring_packed_desc){.len = 1, .id = (uint16_t)id, .flags = flags};
}

static void test_14_used_id_beyond_the_ring(void **state)
{
    static const unsigned ids[] = {SIZE, SIZE + 1, 0x7fff, 0xffff};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        write_used(0, ids[i], LAP);
        assert_dead("used id out of range", CHAINS);
        virtqueue_free(vq);
        start(0, i % 2 == 0, CHAINS);
    }
}

static void test_14_used_id_that_is_free(void **state)
{
    (void)state;
    write_used(0, CHAINS, LAP);
    assert_dead("used id is not in flight", CHAINS);
}

static void test_14_same_id_twice(void **state)
{
    uint32_t len;

    (void)state;
    write_used(0, chains[1].head, LAP);
    assert_ptr_equal(virtqueue_get(vq, &len), &tokens[1]);
    write_used(SIZE - vq->free_cnt == 3 * CHAINS - 3 ? 3 : 1, chains[1].head, LAP);
    assert_dead("used id is not in flight", CHAINS - 1);
}

/* A slot that nobody exposed, in a ring with nothing in flight, and with a chain before its kick.
 */
static void test_14_used_bits_on_a_slot_never_exposed(void **state)
{
    struct virtqueue_seg seg = {0x1000, 1};
    uint32_t len;

    (void)state;
    for (unsigned i = 0; i < CHAINS; i++) {
        fake_ring_use(&ring, chains[i].head, 1);
        assert_ptr_equal(virtqueue_get(vq, &len), &tokens[i]);
    }
    assert_null(virtqueue_get(vq, &len));
    assert_null(vq->broken);
    assert_int_equal(virtqueue_add(vq, &seg, 1, 0, &tokens[0]), 0);
    for (unsigned i = 0; i < SIZE; i++)
        write_used(i, 0, LAP);
    assert_dead("used descriptor that was not available", 1);
}

static void test_15_used_with_the_wrong_wrap_is_not_taken(void **state)
{
    static const uint16_t wrong[] = {0, VRING_PACKED_DESC_F_USED, VRING_PACKED_DESC_F_AVAIL};
    uint16_t taken;
    uint32_t len;

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        write_used(0, chains[0].head, wrong[i]);
        assert_false(virtqueue_pending(vq));
        assert_false(virtqueue_overdue(vq, &taken));
        assert_null(virtqueue_get(vq, &len));
        assert_null(vq->broken);
    }
    write_used(0, chains[0].head, LAP);
    assert_true(virtqueue_overdue(vq, &taken));
    assert_ptr_equal(virtqueue_get(vq, &len), &tokens[0]);
}

static void test_7_a_pass_ends_though_all_slots_are_used(void **state)
{
    unsigned cnt = 0;
    uint32_t len;

    (void)state;
    for (unsigned i = 0; i < SIZE; i++)
        write_used(i, chains[i / 3 % CHAINS].head, LAP);
    while (virtqueue_get(vq, &len) != NULL)
        cnt++;
    assert_true(cnt <= CHAINS);
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
}

/* Descriptors of chains in flight, and tables, are never read again. */
static void test_10_descriptors_rewritten(void **state)
{
    uint32_t len;

    (void)state;
    for (unsigned i = 1; i < SIZE; i++)
        desc[i] = (struct vring_packed_desc){.addr = 1, .len = 7, .id = 0xffff, .flags = 0x7f7f};
    for (unsigned i = 0; i < CHAINS; i++) {
        fake_ring_use(&ring, chains[i].head, 513);
        assert_ptr_equal(virtqueue_get(vq, &len), &tokens[i]);
        assert_int_equal(len, 513);
    }
    assert_int_equal(vq->free_cnt, SIZE);
    assert_null(vq->broken);
}

static void test_16_garbage_in_the_event_area_costs_notifications_only(void **state)
{
    struct virtqueue_seg seg = {0x1000, 1};
    unsigned added = 0;

    (void)state;
    for (unsigned garbage = 0; garbage < 65536; garbage += 4099) {
        device_event->off_wrap = (uint16_t)garbage;
        device_event->flags = (uint16_t)garbage;
        if (virtqueue_add(vq, &seg, 1, 0, &seg) != 0)
            break;
        virtqueue_kick(vq);
        added++;
    }
    assert_int_equal(added, SIZE - 3 * CHAINS);
    assert_null(vq->broken);
    notifies = 0;
    virtqueue_notify_force(vq);
    assert_int_equal(notifies, 1);
}

static void test_20_out_of_order_is_fine_without_in_order(void **state)
{
    uint32_t len;

    (void)state;
    for (unsigned i = CHAINS; i-- > 0;) {
        fake_ring_use(&ring, chains[i].head, 1);
        assert_ptr_equal(virtqueue_get(vq, &len), &tokens[i]);
    }
    assert_null(vq->broken);
}

/* The third stands for the first two; then the first is no longer there to be used. */
static void test_20_out_of_order_with_in_order(void **state)
{
    uint32_t len;

    (void)state;
    fake_ring_use_batch(&ring, chains[2].head, 1, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(virtqueue_pending(vq));
        assert_ptr_equal(virtqueue_get(vq, &len), &tokens[i]);
        assert_int_equal(len, i < 2 ? 513 : 1);
    }
    assert_false(virtqueue_pending(vq));
    fake_ring_use_batch(&ring, chains[0].head, 1, 1);
    assert_dead("used id is out of order", 1);
}

static void test_where_a_notification_with_data_points(void **state)
{
    struct virtqueue_seg seg = {0x1000, 1};
    uint32_t len;

    (void)state;
    assert_int_equal(virtqueue_position(vq), 12 | VRING_PACKED_WRAP);
    assert_int_equal(virtqueue_add(vq, &seg, 1, 0, &seg), 0);
    assert_int_equal(virtqueue_position(vq), 12 | VRING_PACKED_WRAP); /* not before the kick */
    virtqueue_kick(vq);
    assert_int_equal(virtqueue_position(vq), 13 | VRING_PACKED_WRAP);
    fake_ring_use(&ring, chains[0].head, 1);
    assert_ptr_equal(virtqueue_get(vq, &len), &tokens[0]);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(virtqueue_add(vq, &seg, 1, 0, &seg), 0);
    virtqueue_kick(vq);
    assert_int_equal(virtqueue_position(vq), 1); /* the wrap counter flipped at 15 */
}

#define TEST(name)          cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
#define TEST_TABLES(name)   cmocka_unit_test_setup_teardown(test_##name, setup_tables, teardown)
#define TEST_IN_ORDER(name) cmocka_unit_test_setup_teardown(test_##name, setup_in_order, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(14_used_id_beyond_the_ring),
        TEST(14_used_id_that_is_free),
        TEST(14_same_id_twice),
        TEST_TABLES(14_same_id_twice),
        TEST(14_used_bits_on_a_slot_never_exposed),
        TEST_IN_ORDER(14_used_bits_on_a_slot_never_exposed),
        TEST(15_used_with_the_wrong_wrap_is_not_taken),
        TEST_IN_ORDER(15_used_with_the_wrong_wrap_is_not_taken),
        TEST(7_a_pass_ends_though_all_slots_are_used),
        TEST_IN_ORDER(7_a_pass_ends_though_all_slots_are_used),
        TEST(8_claimed_length_beyond_the_chain),
        TEST_TABLES(8_claimed_length_beyond_the_chain),
        TEST_IN_ORDER(8_claimed_length_beyond_the_chain),
        TEST(10_descriptors_rewritten),
        TEST(16_garbage_in_the_event_area_costs_notifications_only),
        TEST(20_out_of_order_is_fine_without_in_order),
        TEST_IN_ORDER(20_out_of_order_with_in_order),
        TEST(where_a_notification_with_data_points),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
