/* What a split ring in memory looks like to the device, step by step (virtio 1.3, 2.7). */
/* sources: virtio/virtqueue.c virtio/virtqueue_split.c virtio/virtqueue_split_alloc.c
 * kernel/format.c tests/host/fake/log.c tests/host/fake/fake_dma.c tests/host/fake/fake_ring.c
 * virtio/virtqueue_split_in_order.c */
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

#define SIZE 8u

static struct virtqueue *vq;
static struct fake_ring ring;
static unsigned notifies;
static char token;

static void on_notify(struct virtqueue *queue)
{
    (void)queue;
    notifies++;
}

static void on_used(struct virtqueue *queue)
{
    (void)queue;
}

static void make(bool event_idx, bool indirect)
{
    notifies = 0;
    vq = virtqueue_split_alloc(&(struct virtqueue_params){
        .name = "req0",
        .dev_name = "blk0",
        .size = SIZE,
        .event_idx = event_idx,
        .indirect = indirect,
        .indirect_max = 4,
        .notify = on_notify,
        .callback = on_used,
    });
    assert_non_null(vq);
    fake_ring_attach(&ring, vq, event_idx);
}

static int teardown(void **state)
{
    (void)state;
    virtqueue_free(vq);
    vq = NULL;
    fake_log_clear();
    return fake_dma_in_use != 0;
}

static void add(unsigned cnt)
{
    const struct virtqueue_seg segs[4] = {{1, 1}, {2, 1}, {3, 1}, {4, 1}};

    assert_int_equal(virtqueue_add(vq, segs, cnt, 0, &token), 0);
}

/* One chain out, and back. */
static void round_trip(void)
{
    struct fake_chain chain;
    uint32_t len;

    add(1);
    virtqueue_kick(vq);
    assert_true(fake_ring_pop(&ring, &chain));
    fake_ring_use(&ring, chain.head, 0);
    assert_ptr_equal(virtqueue_get(vq, &len), &token);
}

static void test_a_new_ring_is_zero(void **state)
{
    struct virtqueue_layout layout;
    const uint8_t *memory;

    (void)state;
    make(true, false);
    virtqueue_layout(vq, &layout);
    memory = (const uint8_t *)ring.desc;
    for (size_t i = 0; i < layout.len; i++)
        assert_int_equal(memory[i], 0);
    assert_int_equal(ring.used->flags, 0);
}

/* Past its end too, and never while nothing is published. */
static void test_the_available_index_only_goes_forward(void **state)
{
    (void)state;
    make(false, false);
    for (unsigned i = 0; i < 70000; i++) {
        uint16_t before = ring.avail->idx;

        add(1);
        assert_int_equal(ring.avail->idx, before);
        virtqueue_kick(vq);
        assert_int_equal(ring.avail->idx, (uint16_t)(before + 1));
        ring.used->ring[before % SIZE].id = ring.avail->ring[before % SIZE];
        ring.used->ring[before % SIZE].len = 0;
        ring.used->idx = ring.avail->idx;
        assert_ptr_equal(virtqueue_get(vq, &(uint32_t){0}), &token);
        assert_int_equal(ring.avail->idx, (uint16_t)(before + 1));
    }
}

static void test_flags_stay_zero_with_event_indexes(void **state)
{
    (void)state;
    make(true, false);
    virtqueue_disable_cb(vq);
    assert_int_equal(ring.avail->flags, 0);
    virtqueue_enable_cb(vq);
    round_trip();
    assert_int_equal(ring.avail->flags, 0);
    assert_int_equal(teardown(NULL), 0);

    make(false, false);
    virtqueue_disable_cb(vq);
    assert_int_equal(ring.avail->flags, VRING_AVAIL_F_NO_INTERRUPT);
    virtqueue_enable_cb(vq);
    assert_int_equal(ring.avail->flags, 0);
}

static void test_tables_only_where_agreed_on(void **state)
{
    struct fake_chain chain;

    (void)state;
    make(false, false);
    add(3);
    virtqueue_kick(vq);
    assert_true(fake_ring_pop(&ring, &chain));
    assert_false(chain.indirect);
    assert_int_equal(chain.cnt, 3);
    assert_int_equal(teardown(NULL), 0);

    make(false, true);
    add(3);
    virtqueue_kick(vq);
    assert_int_equal(ring.desc[ring.avail->ring[0]].flags, VRING_DESC_F_INDIRECT);
    assert_true(fake_ring_pop(&ring, &chain));
    assert_true(chain.indirect);
    assert_int_equal(chain.cnt, 3);
}

/* avail_event stands where a device without event indexes writes nothing. */
static uint16_t *avail_event(void)
{
    return (uint16_t *)&ring.used->ring[SIZE];
}

static void test_the_flag_decides_without_event_indexes(void **state)
{
    (void)state;
    make(false, false);
    *avail_event() = 0x1234;
    round_trip();
    assert_int_equal(notifies, 1);
    ring.used->flags = VRING_USED_F_NO_NOTIFY;
    round_trip();
    assert_int_equal(notifies, 1);
    ring.used->flags = 0;
    round_trip();
    assert_int_equal(notifies, 2);
}

static void test_the_index_decides_with_event_indexes(void **state)
{
    (void)state;
    make(true, false);
    ring.used->flags = VRING_USED_F_NO_NOTIFY;
    *avail_event() = 1;
    add(1);
    assert_false(virtqueue_kick(vq));
    add(1);
    assert_true(virtqueue_kick(vq));
    add(1);
    assert_false(virtqueue_kick(vq));
    assert_int_equal(notifies, 1);
}

#define TEST(name) cmocka_unit_test_teardown(test_##name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_ring_is_zero),
        TEST(the_available_index_only_goes_forward),
        TEST(flags_stay_zero_with_event_indexes),
        TEST(tables_only_where_agreed_on),
        TEST(the_flag_decides_without_event_indexes),
        TEST(the_index_decides_with_event_indexes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
