/* The block driver with several queues on several CPUs. */
/* sources: tests/host/fake/blk_driver.c drivers/virtio_blk_io.c drivers/virtio_blk_config.c
 * drivers/virtio_blk_watchdog.c drivers/blockdev.c drivers/blockdev_wait.c
 * drivers/blockdev_watch.c virtio/virtio.c virtio/virtio_features.c virtio/virtio_queues.c
 * virtio/virtio_config.c virtio/virtio_watchdog.c virtio/virtqueue.c virtio/virtqueue_split.c
 * virtio/virtqueue_split_alloc.c kernel/bootopt.c kernel/error.c kernel/format.c
 * tests/host/fake/mutex.c kernel/timer.c tests/host/fake/log.c tests/host/fake/clock.c
 * tests/host/fake/memory.c tests/host/fake/fake_disk.c tests/host/fake/work.c
 * tests/host/fake/wait.c tests/host/fake/fake_dma.c tests/host/fake/fake_ring.c
 * tests/host/fake/fake_virtio.c */
/* sources: virtio/virtio_ring.c virtio/virtqueue_split_in_order.c virtio/virtqueue_packed.c
 * virtio/virtqueue_packed_alloc.c virtio/virtqueue_packed_in_order.c drivers/virtio_blk_bounce.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arch/cpu.h"
#include "blk_driver.h"
#include "drivers/virtio_blk_spec.h"
#include "fake_clock.h"
#include "fake_log.h"
#include "fake_virtio.h"

#define QUEUES 4u

/* Requests of one test: who completed them, on which CPU. */
static struct block_request reqs[64], *list[64];
static struct block_segment segs[64];
static uint8_t data[64][512];
static unsigned done_on[QUEUES], done_each[64];
static void (*also)(struct block_request *req); /* what done() does besides counting */

static void on_done_cpu(struct block_request *req)
{
    done_on[cpu_this()->id]++;
    done_each[req - reqs]++;
    if (also != NULL)
        also(req);
}

static void start_queues(uint16_t num_queues, unsigned cpus)
{
    fake_virtio.offered |= BIT(VIRTIO_BLK_F_MQ);
    for (unsigned i = 0; i < QUEUES; i++)
        fake_virtio.queue_size[i] = 16;
    memcpy(fake_virtio.config + VIRTIO_BLK_CFG_NUM_QUEUES, &num_queues, sizeof(num_queues));
    fake_disk.cpus = cpus;
    blk_start_driver();
    memset(done_on, 0, sizeof(done_on));
    memset(done_each, 0, sizeof(done_each));
    also = NULL;
    for (unsigned i = 0; i < 64; i++) {
        segs[i] = (struct block_segment){data[i], 512};
        blk_prepare(&reqs[i], BLOCK_READ, i, &segs[i], 1);
        reqs[i].done = on_done_cpu;
        list[i] = &reqs[i];
    }
}

static void submit_on(unsigned cpu, unsigned first, unsigned cnt)
{
    cpu_this()->id = cpu;
    assert_int_equal(block_submit(blk_block, list + first, cnt), cnt);
    cpu_this()->id = 0;
}

static uint64_t elsewhere(void)
{
    struct block_stats stats;

    block_stats(blk_block, &stats);
    return stats.elsewhere_cnt;
}

static void test_as_many_queues_as_cpus_and_device_have(void **state)
{
    static const struct {
        uint16_t num_queues;
        unsigned cpus, result;
    } cases[] = {{4, 1, 1}, {4, 2, 2}, {4, 4, 4}, {1, 4, 1}, {2, 4, 2}, {0, 4, 1}, {65535, 3, 3}};

    static const char *const names[] = {"req0", "req1", "req2", "req3"};

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        start_queues(cases[i].num_queues, cases[i].cpus);
        assert_int_equal(fake_disk_dev.queue_cnt, cases[i].result);
        assert_int_equal(block_info(blk_block)->queue_cnt, cases[i].result);
        assert_string_equal(fake_disk_dev.queues[cases[i].result - 1]->name,
                            names[cases[i].result - 1]);
        virtio_device_remove(&fake_disk_dev);
        blk_block = NULL;
    }
    assert_true(fake_log_has("device says it has no queue, taking 1"));
}

static void test_without_the_feature_the_field_is_not_read(void **state)
{
    (void)state;
    memset(fake_virtio.config + VIRTIO_BLK_CFG_NUM_QUEUES, 4, 1);
    fake_disk.cpus = 4;
    blk_start_driver();
    assert_int_equal(fake_disk_dev.queue_cnt, 1);
}

static void test_each_cpu_completes_its_own(void **state)
{
    (void)state;
    start_queues(4, 4);
    fake_virtio.notifies = 0;
    for (unsigned cpu = 0; cpu < 4; cpu++)
        submit_on(cpu, cpu * 16, 16);
    assert_int_equal(fake_virtio.notifies, 4);
    fake_disk_step();
    for (unsigned cpu = 0; cpu < 4; cpu++) {
        assert_int_equal(done_on[cpu], 16);
        assert_int_equal(fake_disk_dev.queues[cpu]->chain_cnt, cpu == 0 ? 17 : 16);
    }
    assert_memory_equal(data, fake_disk.data, sizeof(data));
    assert_int_equal(elsewhere(), 0);
}

static void test_fewer_queues_are_shared(void **state)
{
    (void)state;
    start_queues(2, 4);
    for (unsigned cpu = 0; cpu < 4; cpu++)
        submit_on(cpu, cpu * 8, 8);
    assert_int_equal(fake_disk_dev.queues[0]->chain_cnt, 17);
    assert_int_equal(fake_disk_dev.queues[1]->chain_cnt, 16);
    fake_disk_step();
    assert_int_equal(done_on[0], 16);
    assert_int_equal(done_on[1], 16);
    assert_int_equal(elsewhere(), 16); /* of CPUs 2 and 3 */
}

static void test_one_interrupt_for_all_queues(void **state)
{
    (void)state;
    fake_disk.shared = true;
    start_queues(4, 4);
    for (unsigned cpu = 0; cpu < 4; cpu++)
        submit_on(cpu, cpu * 16, 16);
    for (unsigned cpu = 1; cpu < 4; cpu++)
        assert_int_equal(fake_disk_dev.queues[cpu]->chain_cnt, 16);
    fake_disk_step();
    assert_int_equal(done_on[0], 64);
    assert_memory_equal(data, fake_disk.data, sizeof(data));
    assert_int_equal(elsewhere(), 48);
}

static void resubmit_once(struct block_request *req)
{
    if (done_each[req - reqs] == 1)
        assert_int_equal(block_submit(blk_block, &list[req - reqs], 1), 1);
}

static void test_what_completions_submit_goes_out_together(void **state)
{
    (void)state;
    start_queues(2, 2);
    also = resubmit_once;
    submit_on(1, 0, 16);
    fake_virtio.notifies = 0;
    fake_disk_step();
    assert_int_equal(done_on[1], 16);
    assert_int_equal(fake_virtio.notifies, 1);
    fake_disk_step();
    assert_int_equal(done_on[1], 32);
}

static void take_the_locks(struct block_request *req)
{
    unsigned before = cpu_this()->id;

    (void)req;
    for (unsigned cpu = 0; cpu < 4; cpu++) {
        cpu_this()->id = cpu; /* spins for ever if the queue's lock is held */
        block_poll(blk_block);
    }
    cpu_this()->id = before;
}

static void test_no_lock_is_held_in_done(void **state)
{
    static struct block_segment bad = {data, 100};

    (void)state;
    start_queues(4, 4);
    also = take_the_locks;
    submit_on(2, 0, 4);
    fake_disk_step();
    reqs[5].segs = &bad;
    submit_on(3, 4, 4); /* the wrong one is completed inside block_submit() */
    assert_int_equal(reqs[5].status, -EINVAL);
    fake_disk_step();
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(done_each[i], 1);
}

static void test_poll_harvests_this_cpus_queue(void **state)
{
    (void)state;
    start_queues(2, 2);
    fake_disk.quiet = true;
    submit_on(0, 0, 3);
    submit_on(1, 3, 4);
    fake_disk_step();
    assert_int_equal(block_poll(blk_block), 3);
    cpu_this()->id = 1;
    assert_int_equal(block_poll(blk_block), 4);
    cpu_this()->id = 0;
    assert_int_equal(elsewhere(), 0);
}

static void test_a_lying_queue_ends_all_requests_of_all_queues_once(void **state)
{
    (void)state;
    start_queues(4, 4);
    for (unsigned cpu = 0; cpu < 4; cpu++)
        submit_on(cpu, cpu * 16, 16);
    fake_disk.silent = true;
    fake_ring_put(&fake_disk_rings[2], 0, 99, 1);
    fake_ring_publish(&fake_disk_rings[2], 1);
    virtqueue_interrupt(fake_disk_dev.queues[2]);
    assert_string_equal(fake_disk_dev.dead, "used id out of range");
    for (unsigned i = 0; i < 64; i++) {
        assert_int_equal(done_each[i], 1);
        assert_int_equal(reqs[i].status, -EIO);
    }
    submit_on(1, 0, 1);
    assert_int_equal(done_each[0], 2);
    assert_int_equal(reqs[0].status, -EIO);
}

static void test_one_silent_queue_ends_the_device(void **state)
{
    struct fake_chain chain;

    (void)state;
    start_queues(2, 2);
    submit_on(0, 0, 4);
    submit_on(1, 4, 4);
    for (unsigned i = 0; i < 4; i++) {
        cpu_this()->id = 1; /* whose timer watches the silent queue */
        fake_clock_advance(10 * SECOND);
        cpu_this()->id = 0;
        if (!fake_ring_pop(&fake_disk_rings[0], &chain))
            break;
        fake_disk_serve(0, &chain);
        virtqueue_interrupt(fake_disk_dev.queues[0]);
    }
    assert_true(fake_log_has("kind=dead reason=\"no request completed for 30 s\""));
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(done_each[i], 1);
    assert_int_equal(reqs[0].status, 0);
    for (unsigned i = 4; i < 8; i++)
        assert_int_equal(reqs[i].status, -ETIMEDOUT);
}

/* Another CPU's watchdog looks while the only request is on its way to done(), which sends the next
 * one. */
static void tick_and_resubmit(struct block_request *req)
{
    unsigned before = cpu_this()->id;

    also = NULL;
    cpu_this()->id = 0;
    fake_clock_advance(SECOND);
    cpu_this()->id = before;
    assert_int_equal(block_submit(blk_block, &list[req - reqs], 1), 1);
}

static void test_what_completions_submit_is_watched(void **state)
{
    struct fake_chain chain;

    (void)state;
    start_queues(1, 2);
    submit_on(0, 0, 1);
    assert_true(fake_ring_pop(&fake_disk_rings[0], &chain));
    fake_disk_serve(0, &chain);
    also = tick_and_resubmit;
    cpu_this()->id = 1;
    virtqueue_interrupt(fake_disk_dev.queues[0]);
    assert_int_equal(done_each[0], 1);
    fake_clock_advance(40 * SECOND);
    cpu_this()->id = 0;
    fake_clock_advance(40 * SECOND);
    assert_int_equal(done_each[0], 2);
    assert_int_equal(reqs[0].status, -ETIMEDOUT);
}

static void test_a_queue_that_is_missing_undoes_the_others(void **state)
{
    uint16_t num_queues = 4;

    (void)state;
    fake_virtio.offered |= BIT(VIRTIO_BLK_F_MQ);
    fake_virtio.queue_size[3] = 0;
    memcpy(fake_virtio.config + VIRTIO_BLK_CFG_NUM_QUEUES, &num_queues, sizeof(num_queues));
    fake_disk.cpus = 4;
    assert_int_equal(virtio_device_add(&fake_disk_dev), -ENOENT);
    for (unsigned i = 0; i < 4; i++)
        assert_false(fake_virtio.queue_live[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, blk_setup, blk_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(as_many_queues_as_cpus_and_device_have),
        TEST(without_the_feature_the_field_is_not_read),
        TEST(each_cpu_completes_its_own),
        TEST(fewer_queues_are_shared),
        TEST(one_interrupt_for_all_queues),
        TEST(what_completions_submit_goes_out_together),
        TEST(no_lock_is_held_in_done),
        TEST(poll_harvests_this_cpus_queue),
        TEST(a_lying_queue_ends_all_requests_of_all_queues_once),
        TEST(one_silent_queue_ends_the_device),
        TEST(what_completions_submit_is_watched),
        TEST(a_queue_that_is_missing_undoes_the_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
