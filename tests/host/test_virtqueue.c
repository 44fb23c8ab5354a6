/* A virtqueue, split (packed: test_virtqueue_packed.c), against a device that checks our rules. */
/* sources: virtio/virtqueue.c virtio/virtqueue_split.c virtio/virtqueue_split_alloc.c
 * kernel/format.c tests/host/fake/log.c tests/host/fake/fake_dma.c tests/host/fake/fake_ring.c */
/* sources: virtio/virtqueue_split_in_order.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fake_dma.h"
#include "fake_log.h"
#include "fake_ring.h"

#define SIZE 16u
#ifndef RING_ALLOC
#define RING_ALLOC     virtqueue_split_alloc
#define RING_BAD_SIZES 0, 3, 65535, 65536
#endif

static struct virtqueue *vq;
static struct fake_ring ring;
static unsigned callbacks, notifies;
static char tokens[70000];

static void on_used(struct virtqueue *queue)
{
    (void)queue;
    callbacks++;
}

static void on_notify(struct virtqueue *queue)
{
    assert_ptr_equal(queue, vq);
    notifies++;
}

static void make(unsigned size, bool event_idx, unsigned indirect_max)
{
    struct virtqueue_params params = {
        .name = "req0",
        .dev_name = "blk0",
        .size = size,
        .event_idx = event_idx,
        .indirect = indirect_max > 0,
        .indirect_max = indirect_max,
        .notify = on_notify,
        .callback = on_used,
    };

    callbacks = notifies = 0;
    vq = RING_ALLOC(&params);
    assert_non_null(vq);
    fake_ring_attach(&ring, vq, event_idx);
}

static int teardown(void **state)
{
    (void)state;
    if (vq != NULL)
        virtqueue_free(vq);
    vq = NULL;
    fake_log_clear();
    fake_dma_fail_after = -1;
    return fake_dma_in_use != 0;
}

/* A chain whose pieces have addresses and lengths told by @seed. */
static int add(unsigned out_cnt, unsigned in_cnt, unsigned seed)
{
    struct virtqueue_seg segs[FAKE_RING_PIECE_MAX];

    for (unsigned i = 0; i < out_cnt + in_cnt; i++)
        segs[i] = (struct virtqueue_seg){.pa = 0x1000ull * seed + i, .len = 10 + i};
    return virtqueue_add(vq, segs, out_cnt, in_cnt, &tokens[seed]);
}

static void check_chain(const struct fake_chain *chain, unsigned out_cnt, unsigned in_cnt,
                        unsigned seed)
{
    uint32_t writable = 0;

    assert_int_equal(chain->cnt, out_cnt + in_cnt);
    assert_int_equal(chain->out_cnt, out_cnt);
    for (unsigned i = 0; i < chain->cnt; i++) {
        assert_int_equal(chain->pieces[i].pa, 0x1000ull * seed + i);
        assert_int_equal(chain->pieces[i].len, 10 + i);
        writable += i >= out_cnt ? 10 + i : 0;
    }
    assert_int_equal(chain->writable_len, writable);
}

static void test_a_chain_goes_out_and_comes_back(void **state)
{
    static const unsigned tables[] = {0, 8};
    struct fake_chain chain;
    uint32_t len;

    (void)state;
    for (unsigned t = 0; t < 2; t++) {
        make(SIZE, true, tables[t]);
        assert_int_equal(add(1, 2, 7), 0);
        assert_false(fake_ring_pop(&ring, &chain)); /* not before the kick */
        assert_true(virtqueue_kick(vq));
        assert_true(fake_ring_pop(&ring, &chain));
        assert_int_equal(chain.indirect, tables[t] > 0);
        check_chain(&chain, 1, 2, 7);
        assert_int_equal(vq->free_cnt, tables[t] > 0 ? SIZE - 1 : SIZE - 3);
        assert_null(virtqueue_get(vq, &len));
        fake_ring_use(&ring, chain.head, 5);
        assert_true(virtqueue_pending(vq));
        assert_ptr_equal(virtqueue_get(vq, &len), &tokens[7]);
        assert_int_equal(len, 5);
        assert_false(virtqueue_pending(vq));
        assert_null(virtqueue_get(vq, &len));
        assert_int_equal(vq->free_cnt, SIZE);
        assert_int_equal(vq->chain_cnt, 1);
        virtqueue_free(vq);
    }
    vq = NULL;
}

static void test_all_shapes_of_chains(void **state)
{
    struct fake_chain chain;
    uint32_t len;

    (void)state;
    make(SIZE, false, 4);
    for (unsigned out_cnt = 0; out_cnt <= 6; out_cnt++) {
        for (unsigned in_cnt = 0; in_cnt <= 6; in_cnt++) {
            unsigned seed = 10 + out_cnt * 10 + in_cnt;

            if (out_cnt + in_cnt == 0)
                continue;
            assert_int_equal(add(out_cnt, in_cnt, seed), 0);
            virtqueue_kick(vq);
            assert_true(fake_ring_pop(&ring, &chain));
            check_chain(&chain, out_cnt, in_cnt, seed);
            fake_ring_use(&ring, chain.head, chain.writable_len);
            assert_ptr_equal(virtqueue_get(vq, &len), &tokens[seed]);
            assert_int_equal(len, chain.writable_len);
            assert_int_equal(vq->free_cnt, SIZE);
        }
    }
    assert_int_equal(vq->bad_len_cnt, 0);
}

static void test_full_ring_and_wrong_chains_are_refused(void **state)
{
    (void)state;
    make(SIZE, true, 0);
    assert_int_equal(add(0, 0, 1), -EINVAL);
    assert_int_equal(add(SIZE, 1, 1), -EINVAL);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(add(1, 2, i), 0);
    assert_int_equal(add(1, 1, 9), -ENOSPC);
    assert_int_equal(add(0, 1, 9), 0);
    assert_int_equal(add(0, 1, 9), -ENOSPC);
    assert_int_equal(vq->free_cnt, 0);
}

static void test_a_table_is_never_longer_than_the_ring(void **state)
{
    struct fake_chain chain;

    (void)state;
    make(4, true, 8);
    assert_int_equal(add(1, 4, 1), -EINVAL);
    assert_int_equal(add(1, 3, 1), 0);
    virtqueue_kick(vq);
    assert_true(fake_ring_pop(&ring, &chain));
    check_chain(&chain, 1, 3, 1);
}

static void test_tables_let_every_descriptor_carry_a_chain(void **state)
{
    (void)state;
    make(SIZE, true, 4);
    for (unsigned i = 0; i < SIZE; i++)
        assert_int_equal(add(1, 2, i), 0);
    assert_int_equal(add(1, 2, SIZE), -ENOSPC);
}

/* Random order of completion, far past the wrap of the 16-bit indices, with and without tables. */
static void churn(bool event_idx, unsigned indirect_max)
{
    struct fake_chain chain;
    unsigned heads[SIZE], seeds[SIZE], flying = 0, next = 0, random = 12345;
    uint32_t len;

    make(SIZE, event_idx, indirect_max);
    while (next < 140000 / 2) {
        while (add(1, 1 + next % 3, next % 60000) == 0) {
            virtqueue_kick(vq);
            assert_true(fake_ring_pop(&ring, &chain));
            check_chain(&chain, 1, 1 + next % 3, next % 60000);
            heads[flying] = chain.head;
            seeds[flying++] = next++ % 60000;
        }
        for (unsigned burst = 1 + next % 5; burst > 0 && flying > 0; burst--) {
            unsigned pick;

            random = random * 1103515245 + 12345;
            pick = (random >> 16) % flying;
            fake_ring_use(&ring, heads[pick], 1);
            assert_ptr_equal(virtqueue_get(vq, &len), &tokens[seeds[pick]]);
            heads[pick] = heads[--flying];
            seeds[pick] = seeds[flying];
        }
    }
    assert_null(vq->broken);
    assert_true(vq->chain_cnt > 65536);
}

static void test_order_is_free_and_indices_wrap(void **state)
{
    (void)state;
    churn(true, 0);
    virtqueue_free(vq);
    churn(false, 3);
}

static void test_a_batch_is_published_with_one_notification(void **state)
{
    static const bool modes[] = {false, true};
    struct fake_chain chain;

    (void)state;
    for (unsigned m = 0; m < 2; m++) {
        make(SIZE, modes[m], 4);
        for (unsigned i = 0; i < 10; i++)
            assert_int_equal(add(1, 2, i), 0);
        assert_true(virtqueue_kick(vq));
        assert_int_equal(notifies, 1);
        for (unsigned i = 0; i < 10; i++)
            assert_true(fake_ring_pop(&ring, &chain));
        assert_false(virtqueue_kick(vq)); /* nothing new */
        assert_int_equal(notifies, 1);
        assert_int_equal(vq->notify_cnt, 1);
        assert_int_equal(vq->chain_cnt, 10);
        virtqueue_free(vq);
    }
    vq = NULL;
}

static void test_the_device_decides_about_notifications(void **state)
{
    (void)state;
    for (unsigned m = 0; m < 2; m++) {
        make(SIZE, m == 1, 0);
        fake_ring_want_notify(&ring, 2);
        assert_int_equal(add(0, 1, 1), 0);
        assert_false(virtqueue_kick(vq));
        assert_int_equal(add(0, 1, 2), 0);
        assert_false(virtqueue_kick(vq));
        if (m == 0)
            fake_ring_want_notify(&ring, 0);
        assert_int_equal(add(0, 1, 3), 0);
        assert_true(virtqueue_kick(vq));
        assert_int_equal(notifies, 1);
        virtqueue_notify_force(vq);
        assert_int_equal(notifies, 2);
        virtqueue_free(vq);
    }
    vq = NULL;
}

/* Makes @cnt chains used, one after the other. */
static void use(unsigned cnt)
{
    struct fake_chain chain;

    while (cnt-- > 0) {
        assert_true(fake_ring_pop(&ring, &chain));
        fake_ring_use(&ring, chain.head, 0);
    }
}

static void add_and_kick(unsigned cnt)
{
    for (unsigned i = 0; i < cnt; i++)
        assert_int_equal(add(0, 1, i), 0);
    virtqueue_kick(vq);
}

static unsigned get_all(void)
{
    unsigned cnt = 0;
    uint32_t len;

    while (virtqueue_get(vq, &len) != NULL)
        cnt++;
    return cnt;
}

static void test_one_interrupt_for_what_is_used_before_the_driver_looks(void **state)
{
    (void)state;
    make(SIZE, true, 0);
    add_and_kick(8);
    use(4);
    assert_int_equal(ring.interrupts, 1);
    assert_int_equal(get_all(), 4); /* "until NULL" arms it again */
    use(4);
    assert_int_equal(ring.interrupts, 2);
    assert_int_equal(get_all(), 4);
}

static void test_disabled_callbacks_mean_no_interrupt(void **state)
{
    static const bool modes[] = {false, true};

    (void)state;
    for (unsigned m = 0; m < 2; m++) {
        make(SIZE, modes[m], 0);
        virtqueue_disable_cb(vq);
        add_and_kick(6);
        use(3);
        assert_int_equal(get_all(), 3);
        use(2);
        assert_int_equal(ring.interrupts, 0);
        assert_true(virtqueue_enable_cb(vq)); /* two came meanwhile */
        assert_int_equal(get_all(), 2);
        assert_false(virtqueue_enable_cb(vq));
        use(1);
        assert_int_equal(ring.interrupts, 1);
        virtqueue_free(vq);
    }
    vq = NULL;
}

static void test_delayed_callbacks_come_at_three_quarters(void **state)
{
    (void)state;
    make(SIZE, true, 0);
    add_and_kick(12);
    assert_false(virtqueue_enable_cb_delayed(vq));
    use(9);
    assert_int_equal(ring.interrupts, 0);
    use(1);
    assert_int_equal(ring.interrupts, 1);
    assert_true(virtqueue_enable_cb_delayed(vq));
    assert_int_equal(get_all(), 10);
}

static void test_interrupts_reach_the_callback_when_there_is_work(void **state)
{
    (void)state;
    make(SIZE, true, 0);
    assert_false(virtqueue_interrupt(vq)); /* nothing used: not ours */
    add_and_kick(1);
    use(1);
    assert_true(virtqueue_interrupt(vq));
    assert_int_equal(callbacks, 1);
    virtqueue_stop(vq, "test");
    assert_true(virtqueue_interrupt(vq)); /* left alone */
    assert_int_equal(callbacks, 1);
    assert_int_equal(vq->interrupt_cnt, 1);
}

static void test_drain_gives_every_token_once(void **state)
{
    bool seen[10] = {false};
    char *token;
    unsigned cnt = 0;

    (void)state;
    make(SIZE, true, 4);
    add_and_kick(8);
    assert_int_equal(add(1, 2, 8), 0); /* not even published */
    use(2);
    assert_int_equal(get_all(), 2);
    virtqueue_stop(vq, "test");
    assert_int_equal(vq->free_cnt, SIZE - 7); /* another CPU may be in the midst of an add */
    assert_int_equal(add(0, 1, 9), 0);
    assert_false(virtqueue_kick(vq));
    while ((token = virtqueue_drain(vq)) != NULL) {
        assert_false(seen[token - tokens]);
        seen[token - tokens] = true;
        cnt++;
    }
    assert_int_equal(cnt, 8);
    assert_int_equal(add(0, 1, 9), -EIO);
}

static void test_bad_parameters_and_memory_shortage_leave_nothing(void **state)
{
    static const unsigned bad_sizes[] = {RING_BAD_SIZES};
    struct virtqueue_params params = {.name = "q", .size = 8, .indirect = true, .indirect_max = 4};

    (void)state;
    for (unsigned i = 0; i < sizeof(bad_sizes) / sizeof(bad_sizes[0]); i++) {
        params.size = bad_sizes[i];
        assert_null(RING_ALLOC(&params));
    }
    params.size = 8;
    for (int i = 0; i < 2; i++) {
        fake_dma_fail_after = i;
        assert_null(RING_ALLOC(&params));
        assert_int_equal(fake_dma_in_use, 0);
    }
    fake_dma_fail_after = -1;
    params.ring_limit_pa = 4096; /* no ring lies there */
    assert_null(RING_ALLOC(&params));
}

static void test_the_largest_ring_works_when_full(void **state)
{
    struct fake_chain chain;

    (void)state;
    make(VIRTQUEUE_SIZE_MAX, true, 0);
    for (unsigned i = 0; i < VIRTQUEUE_SIZE_MAX; i++)
        assert_int_equal(add(0, 1, i), 0);
    virtqueue_kick(vq);
    for (unsigned i = 0; i < VIRTQUEUE_SIZE_MAX; i++) {
        assert_true(fake_ring_pop(&ring, &chain));
        fake_ring_put(&ring, i, chain.head, 0);
    }
    fake_ring_publish(&ring, VIRTQUEUE_SIZE_MAX);
    assert_int_equal(get_all(), VIRTQUEUE_SIZE_MAX);
    assert_null(vq->broken);
}

#define TEST(name) cmocka_unit_test_teardown(test_##name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_chain_goes_out_and_comes_back),
        TEST(all_shapes_of_chains),
        TEST(full_ring_and_wrong_chains_are_refused),
        TEST(a_table_is_never_longer_than_the_ring),
        TEST(tables_let_every_descriptor_carry_a_chain),
        TEST(order_is_free_and_indices_wrap),
        TEST(a_batch_is_published_with_one_notification),
        TEST(the_device_decides_about_notifications),
        TEST(one_interrupt_for_what_is_used_before_the_driver_looks),
        TEST(disabled_callbacks_mean_no_interrupt),
        TEST(delayed_callbacks_come_at_three_quarters),
        TEST(interrupts_reach_the_callback_when_there_is_work),
        TEST(drain_gives_every_token_once),
        TEST(bad_parameters_and_memory_shortage_leave_nothing),
        TEST(the_largest_ring_works_when_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
