/* Virtqueues of all sizes in random use, beside a list of what must be in flight: split rings, and
 * packed ones in test_virtqueue_packed_model.c. */
/* sources: virtio/virtqueue.c virtio/virtqueue_split.c virtio/virtqueue_split_alloc.c
 * virtio/virtqueue_split_in_order.c kernel/format.c tests/host/fake/log.c
 * tests/host/fake/fake_dma.c tests/host/fake/fake_ring.c */
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

#ifndef RING_ALLOC
#define RING_ALLOC virtqueue_split_alloc
#define RING_SIZES 1, 2, 4, 8, 256, 32768
#endif

#define CHAINS (4 * VIRTQUEUE_SIZE_MAX)
#define STEPS  (20000u + 200 * ring.size)

/* A chain's life: added, taken by the device, used by it, gone. @slots: descriptors of the ring. */
struct model_chain {
    unsigned out_cnt, in_cnt, slots, head;
    uint32_t len; /* that the driver must be told */
    bool live;
};

static struct model_chain chains[CHAINS];
static unsigned added, kicked, popped, used, got; /* counts; in flight is between two of them */
static unsigned flying[CHAINS], flying_cnt;       /* popped and not used, out of order */
static unsigned done[CHAINS];                     /* used and not got, in order of use */
static struct virtqueue *vq;
static struct fake_ring ring;
static unsigned free_slots, seed, table_max, notifies;
static bool in_order;

static unsigned random_below(unsigned limit)
{
    seed = seed * 1103515245 + 12345;
    return (seed >> 8) % limit;
}

static void on_notify(struct virtqueue *queue)
{
    (void)queue;
    notifies++;
}

static void on_used(struct virtqueue *queue)
{
    (void)queue;
}

static struct model_chain *chain_at(unsigned number)
{
    return &chains[number % CHAINS];
}

static void step_add(void)
{
    unsigned max = ring.size < 5 ? ring.size : 5, cnt = 1 + random_below(max);
    struct model_chain *chain = chain_at(added);
    struct virtqueue_seg segs[5];
    int err;

    if (chain->live) /* one that is used very late */
        return;
    chain->out_cnt = random_below(cnt + 1);
    chain->in_cnt = cnt - chain->out_cnt;
    chain->slots = cnt > 1 && cnt <= table_max ? 1 : cnt;
    for (unsigned i = 0; i < cnt; i++)
        segs[i] = (struct virtqueue_seg){.pa = 16ull * added + i + 1, .len = 100 + i};
    err = virtqueue_add(vq, segs, chain->out_cnt, chain->in_cnt, chain);
    assert_int_equal(err, chain->slots <= free_slots ? 0 : -ENOSPC);
    if (err == 0) {
        chain->live = true;
        added++;
        free_slots -= chain->slots;
    }
}

static void step_kick(void)
{
    virtqueue_kick(vq);
    kicked = added;
}

static void step_pop(void)
{
    const struct model_chain *chain;
    struct fake_chain seen;

    if (!fake_ring_pop(&ring, &seen)) {
        assert_int_equal(popped, kicked);
        return;
    }
    assert_true(popped < kicked);
    chain = chain_at(popped);
    assert_int_equal(seen.cnt, chain->out_cnt + chain->in_cnt);
    assert_int_equal(seen.out_cnt, chain->out_cnt);
    for (unsigned i = 0; i < seen.cnt; i++) {
        assert_int_equal(seen.pieces[i].pa, 16ull * popped + i + 1);
        assert_int_equal(seen.pieces[i].len, 100 + i);
    }
    chain_at(popped)->head = seen.head;
    chain_at(popped)->len = seen.writable_len;
    flying[flying_cnt++] = popped++;
}

static void step_use(void)
{
    struct model_chain *chain;
    unsigned pick;

    if (flying_cnt == 0)
        return;
    pick = random_below(flying_cnt);
    chain = chain_at(flying[pick]);
    chain->len = random_below(chain->len + 1);
    fake_ring_use(&ring, chain->head, chain->len);
    done[used++ % CHAINS] = flying[pick];
    flying[pick] = flying[--flying_cnt];
}

/* Some of the oldest chains by one used entry; all but the last count as written to the end. */
static void step_use_batch(void)
{
    struct model_chain *last;
    unsigned cnt;

    if (flying_cnt == 0)
        return;
    cnt = 1 + random_below(flying_cnt);
    for (unsigned i = 0; i < cnt; i++)
        done[used++ % CHAINS] = flying[i];
    last = chain_at(flying[cnt - 1]);
    last->len = random_below(last->len + 1);
    fake_ring_use_batch(&ring, last->head, last->len, cnt);
    flying_cnt -= cnt;
    memmove(flying, flying + cnt, flying_cnt * sizeof(flying[0]));
}

static void step_get(void)
{
    struct model_chain *chain, *want;
    uint32_t len;

    assert_int_equal(virtqueue_pending(vq), got < used);
    chain = virtqueue_get(vq, &len);
    if (got == used) {
        assert_null(chain);
        return;
    }
    want = chain_at(done[got++ % CHAINS]);
    assert_ptr_equal(chain, want);
    assert_int_equal(len, want->len);
    want->live = false;
    free_slots += want->slots;
    assert_int_equal(vq->free_cnt, free_slots);
}

static void step_event(void)
{
    unsigned interrupts;
    bool more;

    if (random_below(2) == 0) {
        fake_ring_want_notify(&ring, (uint16_t)random_below(2));
        return;
    }
    interrupts = ring.interrupts;
    virtqueue_disable_cb(vq);
    for (unsigned i = 0; i < 3; i++)
        (in_order ? step_use_batch : step_use)();
    assert_int_equal(ring.interrupts, interrupts);
    more = virtqueue_enable_cb(vq);
    assert_int_equal(more, got < used);
}

/* Bursts of one kind of step fill the ring and empty it. */
static void run(unsigned size, bool event_idx, unsigned tables)
{
    void (*const steps[])(void) = {
        step_add, step_kick, step_pop, in_order ? step_use_batch : step_use, step_get, step_event};
    struct virtqueue_params params = {.name = "q",
                                      .size = size,
                                      .event_idx = event_idx,
                                      .indirect = tables > 0,
                                      .indirect_max = tables,
                                      .in_order = in_order,
                                      .notify = on_notify,
                                      .callback = on_used};

    memset(chains, 0, sizeof(chains));
    added = kicked = popped = used = got = flying_cnt = 0;
    seed = size + tables + event_idx;
    free_slots = size;
    table_max = tables < size ? tables : size;
    vq = RING_ALLOC(&params);
    assert_non_null(vq);
    fake_ring_attach(&ring, vq, event_idx);
    for (unsigned i = 0; i < STEPS;) {
        void (*step)(void) = steps[random_below(sizeof(steps) / sizeof(steps[0]))];
        unsigned burst = 1 + random_below(size < 64 ? 8 : size);

        if (step == step_event || step == step_kick)
            burst = 1;
        for (i += burst; burst > 0; burst--)
            step();
    }
    assert_null(vq->broken);
    assert_true(got > 2 * size); /* laps */
    virtqueue_free(vq);
    assert_int_equal(fake_dma_in_use, 0);
}

static void run_all(void)
{
    static const unsigned sizes[] = {RING_SIZES};

    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (unsigned mode = 0; mode < 4; mode++)
            run(sizes[i], mode & 1, mode & 2 ? 4 : 0);
    }
}

static void test_random_use_out_of_order(void **state)
{
    (void)state;
    in_order = false;
    run_all();
}

static void test_random_use_in_order(void **state)
{
    (void)state;
    in_order = true;
    run_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_use_out_of_order),
        cmocka_unit_test(test_random_use_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
