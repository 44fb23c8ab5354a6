/* The checking load against disks that lose, change and refuse: it must notice. Its threads run to
 * their end as soon as they are created. */
/* sources: drivers/blk_soak.c drivers/blk_soak_lane.c tests/host/fake/blk_driver.c
 * drivers/virtio_blk_io.c drivers/virtio_blk_config.c drivers/virtio_blk_bounce.c
 * drivers/virtio_blk_watchdog.c drivers/blockdev.c drivers/blockdev_wait.c drivers/blockdev_watch.c
 * virtio/virtio.c virtio/virtio_features.c virtio/virtio_queues.c virtio/virtio_config.c
 * virtio/virtio_watchdog.c virtio/virtqueue.c virtio/virtqueue_split.c
 * virtio/virtqueue_split_alloc.c kernel/bootopt.c kernel/error.c kernel/format.c
 * tests/host/fake/mutex.c kernel/timer.c tests/host/fake/log.c tests/host/fake/clock.c
 * tests/host/fake/memory.c tests/host/fake/fake_disk.c tests/host/fake/work.c
 * tests/host/fake/wait.c tests/host/fake/fake_dma.c tests/host/fake/fake_ring.c
 * tests/host/fake/fake_virtio.c */
/* sources: virtio/virtio_ring.c virtio/virtqueue_split_in_order.c virtio/virtqueue_packed.c
 * virtio/virtqueue_packed_alloc.c virtio/virtqueue_packed_in_order.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "blk_driver.h"
#include "drivers/blk_soak.h"
#include "drivers/blockdev.h"
#include "drivers/virtio_blk_spec.h"
#include "fake_virtio.h"
#include "fake_wait.h"
#include "kernel/thread.h"

static struct thread thread_object;

struct thread *thread_create_on(unsigned cpu, const char *name, void (*fn)(void *), void *arg,
                                size_t stack_len)
{
    unsigned before = cpu_this()->id;

    (void)name;
    (void)stack_len;
    cpu_this()->id = cpu;
    fn(arg);
    cpu_this()->id = before;
    return &thread_object;
}

void thread_join(struct thread *thread)
{
    assert_ptr_equal(thread, &thread_object);
}

void thread_yield(void)
{
}

static struct soak_counts soak(uint64_t limit, unsigned cpus, bool write)
{
    struct soak_params params = {
        .dev = blk_block, .cpu_cnt = cpus, .depth = 8, .limit = limit, .write = write};
    struct soak_counts counts;
    struct soak *soak;

    assert_int_equal(soak_start(&params, &soak), 0);
    assert_true(soak_finished(soak));
    soak_stop(soak, &counts);
    return counts;
}

static void test_a_sound_disk(void **state)
{
    struct soak_counts counts;

    (void)state;
    blk_start_driver();
    for (unsigned write = 0; write < 2; write++) {
        counts = soak(1001, 1, write);
        assert_int_equal(counts.done, 1001);
        assert_int_equal(counts.lost + counts.doubled + counts.bad + counts.eio + counts.failed, 0);
    }
    assert_int_equal(fake_disk.requests, 2002);
}

static void test_several_cpus_keep_to_their_places(void **state)
{
    struct soak_counts counts;

    (void)state;
    fake_disk.cpus = 4;
    fake_virtio.offered |= BIT(VIRTIO_BLK_F_MQ);
    fake_virtio.config[VIRTIO_BLK_CFG_NUM_QUEUES] = 3;
    blk_start_driver();
    counts = soak(403, 4, true);
    assert_int_equal(counts.done, 403);
    assert_int_equal(counts.bad + counts.failed + counts.lost, 0);
    assert_int_equal(counts.elsewhere, 100); /* CPU 3 has no queue of its own */
}

static void step_and_spoil(void)
{
    fake_disk_step();
    fake_disk.data[5 * 4096 + 17] ^= 1;
}

static void test_changed_data(void **state)
{
    (void)state;
    blk_start_driver();
    fake_wait_step = step_and_spoil;
    assert_true(soak(1000, 1, true).bad > 0);
    fake_disk.data[5 * 4096 + 17] ^= 1;
    assert_true(soak(1000, 1, false).bad > 0);
}

static void test_errors_inside_the_disk(void **state)
{
    struct soak_counts counts;

    (void)state;
    blk_start_driver();
    fake_disk.status = VIRTIO_BLK_S_IOERR;
    counts = soak(100, 1, true);
    assert_int_equal(counts.done, 100);
    assert_int_equal(counts.eio, 100);
    assert_int_equal(counts.failed, 1);
    fake_disk.status = VIRTIO_BLK_S_UNSUPP;
    assert_int_equal(soak(100, 1, true).failed, 100);
}

static void test_failure_of_everything_ends_it(void **state)
{
    (void)state;
    blk_start_driver();
    fake_disk.status = VIRTIO_BLK_S_IOERR;
    assert_true(soak(1000000, 1, true).done < 2000);
}

static void step_and_shrink(void)
{
    static unsigned steps;

    /* The device knows first. */
    if (++steps == 10)
        fake_disk.status = VIRTIO_BLK_S_IOERR;
    fake_disk_step();
    if (steps == 10) {
        fake_disk.status = -1;
        blk_config32(VIRTIO_BLK_CFG_CAPACITY, 64);
        fake_disk_dev.driver->config_changed(&fake_disk_dev);
    }
}

static void test_a_disk_that_shrinks(void **state)
{
    struct soak_counts counts;

    (void)state;
    blk_start_driver();
    memset(fake_disk.data + 64 * 512ul, 0, sizeof(fake_disk.data) - 64 * 512ul);
    fake_wait_step = step_and_shrink;
    counts = soak(1000, 1, true);
    assert_int_equal(counts.done, 1000);
    assert_true(counts.eio > 0 && counts.eio <= 16);
    assert_int_equal(counts.bad + counts.lost, 0);
}

static void test_too_small_a_disk(void **state)
{
    struct soak_params params = {.cpu_cnt = 20, .depth = 8, .limit = 1};
    struct soak *soak;

    (void)state;
    blk_start_driver();
    params.dev = blk_block;
    assert_int_equal(soak_start(&params, &soak), -ERANGE);
}

static struct block_request *caught;

static void done_later(struct block_request *req)
{
    caught = req;
}

/* A device between: keeps one request's completion to itself, or hands one on twice. */
static const struct block_ops *real_ops;
static void (*soak_done)(struct block_request *req);
static bool swallow;

static void done_twice(struct block_request *req)
{
    soak_done(req);
    soak_done(req);
}

static int add_one_strange(void *queue, struct block_request *req)
{
    if (soak_done == NULL) {
        soak_done = req->done;
        req->done = swallow ? done_later : done_twice;
    }
    return real_ops->add_data(queue, req);
}

static struct soak_counts soak_strange(void)
{
    struct block_ops ops = *blk_block->ops;
    struct soak_counts counts;

    real_ops = blk_block->ops;
    soak_done = NULL;
    ops.add_data = add_one_strange;
    blk_block->ops = &ops;
    counts = soak(100, 1, true);
    blk_block->ops = real_ops;
    return counts;
}

static void test_a_completion_that_comes_twice(void **state)
{
    struct soak_counts counts;

    (void)state;
    blk_start_driver();
    swallow = false;
    counts = soak_strange();
    assert_int_equal(counts.doubled, 1);
    assert_int_equal(counts.done, 100);
}

static void test_a_completion_that_never_comes(void **state)
{
    struct soak_counts counts;

    (void)state;
    blk_start_driver();
    swallow = true;
    counts = soak_strange();
    assert_int_equal(counts.lost, 1);
    assert_int_equal(counts.done, 99);
    assert_non_null(caught); /* and the buffers are kept: the leak is meant */
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, blk_setup, blk_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_sound_disk),
        TEST(several_cpus_keep_to_their_places),
        TEST(changed_data),
        TEST(errors_inside_the_disk),
        TEST(failure_of_everything_ends_it),
        TEST(a_disk_that_shrinks),
        TEST(too_small_a_disk),
        TEST(a_completion_that_comes_twice),
        TEST(a_completion_that_never_comes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
