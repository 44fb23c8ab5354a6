/* The block driver and the blocking calls against a disk in memory that can misbehave. */
/* sources: drivers/virtio_blk_io.c drivers/virtio_blk_config.c drivers/virtio_blk_watchdog.c
 * drivers/blockdev.c drivers/blockdev_wait.c virtio/virtio.c virtio/virtio_features.c
 * virtio/virtio_watchdog.c tests/host/fake/work.c
 * virtio/virtio_queues.c virtio/virtio_config.c virtio/virtqueue.c virtio/virtqueue_split.c
 * virtio/virtqueue_split_alloc.c kernel/bootopt.c kernel/error.c kernel/format.c kernel/timer.c
 * tests/host/fake/log.c tests/host/fake/clock.c tests/host/fake/memory.c
 * tests/host/fake/fake_disk.c tests/host/fake/wait.c tests/host/fake/fake_dma.c
 * tests/host/fake/fake_ring.c tests/host/fake/fake_virtio.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "arch/clock.h"
#include "fake_clock.h"
#include "fake_disk.h"
#include "fake_dma.h"
#include "fake_log.h"
#include "fake_virtio.h"
#include "fake_work.h"
#include "kernel/bootopt.h"

/* Included for its entry of the linker set, which here is the whole set. */
#include "drivers/virtio_blk.c"
_Static_assert(sizeof(struct virtio_driver) == 80, "see the next lines");
__asm__(".globl __start_virtio_drivers, __stop_virtio_drivers\n"
        ".set __start_virtio_drivers, virtio_driver_blk\n"
        ".set __stop_virtio_drivers, virtio_driver_blk + 80");

#define BIT(n) (1ull << (n))
#define RING   (BIT(VIRTIO_RING_F_INDIRECT_DESC) | BIT(VIRTIO_RING_F_EVENT_IDX))
#define SECOND 1000000000ull

static struct block_device *block;

static void put32(unsigned off, uint32_t value)
{
    memcpy(fake_virtio.config + off, &value, sizeof(value));
}

static int setup(void **state)
{
    (void)state;
    bootopt_init("");
    fake_log_clear();
    fake_clock_now_ns = 0;
    timers_init();
    fake_disk_reset();
    fake_virtio_reset();
    fake_virtio_ops.irq = &fake_disk_irq_ops;
    fake_virtio.offered = RING | BIT(VIRTIO_BLK_F_SEG_MAX) | BIT(VIRTIO_BLK_F_FLUSH) |
                          BIT(VIRTIO_BLK_F_DISCARD) | BIT(VIRTIO_BLK_F_WRITE_ZEROES);
    put32(VIRTIO_BLK_CFG_CAPACITY, FAKE_DISK_SECTORS);
    put32(VIRTIO_BLK_CFG_SEG_MAX, 4);
    put32(VIRTIO_BLK_CFG_MAX_DISCARD_SECTORS, 100);
    put32(VIRTIO_BLK_CFG_MAX_DISCARD_SEG, 1);
    put32(VIRTIO_BLK_CFG_MAX_WRITE_ZEROES_SECTORS, 0xffffffff);
    put32(VIRTIO_BLK_CFG_MAX_WRITE_ZEROES_SEG, 1);
    block = NULL;
    return 0;
}

static void start(void)
{
    assert_int_equal(virtio_device_add(&fake_disk_dev), 0);
    block = block_find(fake_disk_dev.name);
    assert_non_null(block);
    fake_disk.requests = fake_disk.max_batch = 0;
}

static int teardown(void **state)
{
    (void)state;
    if (block != NULL)
        virtio_device_remove(&fake_disk_dev);
    return fake_dma_in_use != 0;
}

static unsigned done_cnt;

static void on_done(struct block_request *req)
{
    done_cnt++;
    assert_ptr_equal(req->user, &done_cnt);
}

static void prepare(struct block_request *req, enum block_op op, uint64_t sector,
                    const struct block_segment *segs, unsigned seg_cnt)
{
    memset(req, 0, sizeof(*req));
    req->op = op;
    req->sector = sector;
    req->segs = segs;
    req->seg_cnt = seg_cnt;
    req->done = on_done;
    req->user = &done_cnt;
    req->status = 12345;
}

/* Status of one request, after the device has had its turn. */
static int submit(enum block_op op, uint64_t sector, const struct block_segment *segs, unsigned cnt)
{
    struct block_request req, *reqs = &req;

    prepare(&req, op, sector, segs, cnt);
    req.sector_cnt = 8;
    done_cnt = 0;
    assert_int_equal(block_submit(block, &reqs, 1), 1);
    fake_disk_step();
    assert_int_equal(done_cnt, 1);
    return req.status;
}

static void test_contents_go_both_ways(void **state)
{
    static uint8_t buf[FAKE_DISK_SECTORS * 512], copy[FAKE_DISK_SECTORS * 512];

    (void)state;
    start();
    memcpy(copy, fake_disk.data, sizeof(copy));
    assert_int_equal(block_read(block, 0, buf, sizeof(buf)), 0);
    assert_memory_equal(buf, copy, sizeof(buf));
    memset(buf, 0x5a, 3 * 512);
    assert_int_equal(block_write(block, 1000, buf, 3 * 512), 0);
    memset(copy + 1000 * 512, 0x5a, 3 * 512);
    assert_memory_equal(fake_disk.data, copy, sizeof(copy));
    assert_int_equal(block_flush(block), 0);
    assert_int_equal(fake_disk.flushes, 1);
    assert_int_equal(block_discard(block, 0, 250), 0);
    assert_int_equal(fake_disk.erases, 3); /* the device takes 100 sectors at a time */
    assert_int_equal(block_write_zeroes(block, 500, 500), 0);
    assert_int_equal(fake_disk.erases, 4);
    memset(copy, 0, 250 * 512);
    memset(copy + 500 * 512, 0, 500 * 512);
    assert_memory_equal(fake_disk.data, copy, sizeof(copy));
    assert_string_equal(block_info(block)->serial, "A?C45678901234567890");
}

static void test_segments_and_batches(void **state)
{
    struct block_request reqs[6], *list[6];
    static uint8_t a[512], b[1024], c[512];
    struct block_segment segs[3] = {{a, 512}, {b, 1024}, {c, 512}};

    (void)state;
    start();
    done_cnt = 0;
    fake_virtio.notifies = 0;
    for (unsigned i = 0; i < 6; i++) {
        prepare(&reqs[i], BLOCK_READ, i * 4, segs, 3);
        list[i] = &reqs[i];
    }
    assert_int_equal(block_submit(block, list, 6), 6);
    assert_int_equal(fake_virtio.notifies, 1);
    fake_disk_step();
    assert_int_equal(done_cnt, 6);
    assert_int_equal(fake_disk.max_batch, 6);
    assert_memory_equal(a, fake_disk.data + 20 * 512, 512);
    assert_memory_equal(b, fake_disk.data + 21 * 512, 1024);
    assert_memory_equal(c, fake_disk.data + 23 * 512, 512);
}

static void test_wrong_requests_never_reach_the_device(void **state)
{
    static uint8_t data[4096];
    struct block_segment seg = {data, 512}, odd = {data, 100}, none = {data, 0};
    struct block_segment many[5] = {
        {data, 512}, {data, 512}, {data, 512}, {data, 512}, {data, 512}};

    (void)state;
    start();
    assert_int_equal(submit(BLOCK_READ, 0, &odd, 1), -EINVAL);
    assert_int_equal(submit(BLOCK_READ, 0, &none, 1), -EINVAL);
    assert_int_equal(submit(BLOCK_READ, 0, &seg, 0), -EINVAL);
    assert_int_equal(submit(BLOCK_READ, 0, many, 5), -EINVAL);
    assert_int_equal(submit(BLOCK_READ, FAKE_DISK_SECTORS, &seg, 1), -ERANGE);
    assert_int_equal(submit(BLOCK_WRITE, UINT64_MAX, &seg, 1), -ERANGE);
    assert_int_equal(submit(BLOCK_READ, 1ull << 55, &seg, 1), -ERANGE);
    assert_int_equal(submit(BLOCK_DISCARD, FAKE_DISK_SECTORS - 1, NULL, 0), -ERANGE);
    assert_int_equal(submit(BLOCK_OP_CNT, 0, &seg, 1), -EINVAL);
    assert_int_equal(block_read(block, FAKE_DISK_SECTORS - 1, data, 1024), -ERANGE);
    assert_int_equal(block_read(block, 0, data, 100), -EINVAL);
    assert_int_equal(fake_disk.requests, 0);
}

static void test_read_only_and_missing_abilities(void **state)
{
    static uint8_t data[512];
    struct block_segment seg = {data, 512};

    (void)state;
    fake_virtio.offered = RING | BIT(VIRTIO_BLK_F_RO) | BIT(VIRTIO_BLK_F_DISCARD);
    start();
    assert_int_equal(submit(BLOCK_READ, 0, &seg, 1), 0);
    assert_int_equal(submit(BLOCK_WRITE, 0, &seg, 1), -EROFS);
    assert_int_equal(submit(BLOCK_DISCARD, 0, NULL, 0), -EROFS);
    assert_int_equal(submit(BLOCK_WRITE_ZEROES, 0, NULL, 0), -EOPNOTSUPP);
    assert_int_equal(submit(BLOCK_FLUSH, 0, NULL, 0), -EOPNOTSUPP);
    assert_int_equal(block_write(block, 0, data, 512), -EROFS);
    assert_int_equal(block_flush(block), 0); /* nothing volatile to flush */
    assert_int_equal(fake_disk.requests, 1);
}

static void test_large_blocks_want_aligned_requests(void **state)
{
    static uint8_t data[4096];
    struct block_segment half = {data, 2048}, whole = {data, 4096},
                         two[2] = {{data, 2048}, {data, 2048}};

    (void)state;
    fake_virtio.offered |= BIT(VIRTIO_BLK_F_BLK_SIZE);
    put32(VIRTIO_BLK_CFG_BLK_SIZE, 4096);
    put32(VIRTIO_BLK_CFG_CAPACITY, FAKE_DISK_SECTORS - 3);
    start();
    assert_true(fake_log_has("the last 5 sectors (512 bytes) are no whole block of 4096 bytes"));
    assert_int_equal(block_info(block)->sector_cnt, FAKE_DISK_SECTORS - 8);
    assert_int_equal(submit(BLOCK_READ, 0, &half, 1), -EINVAL);
    assert_int_equal(submit(BLOCK_READ, 4, &whole, 1), -EINVAL);
    assert_int_equal(submit(BLOCK_READ, 8, &whole, 1), 0);
    assert_int_equal(submit(BLOCK_READ, 8, two, 2), 0);
    assert_int_equal(submit(BLOCK_READ, FAKE_DISK_SECTORS - 8, &whole, 1), -ERANGE);
}

static void test_answers_of_the_device(void **state)
{
    static const struct {
        int status;
        bool unwritten;
        uint32_t used_len;
        int result;
    } cases[] = {
        {VIRTIO_BLK_S_IOERR, false, 0, -EIO},
        {VIRTIO_BLK_S_UNSUPP, false, 0, -EOPNOTSUPP},
        {3, false, 0, -EIO},
        {255, false, 0, -EIO},
        {0, true, 0, -EIO},  /* status byte untouched */
        {0, false, 9999, 0}, /* a legacy device's length means nothing */
        {0, false, 1, 0},
    };
    static uint8_t data[512];
    struct block_segment seg = {data, 512};

    (void)state;
    start();
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fake_disk.status = cases[i].status;
        fake_disk.status_unwritten = cases[i].unwritten;
        fake_disk.used_len = cases[i].used_len;
        assert_int_equal(submit(BLOCK_READ, 40, &seg, 1), cases[i].result);
    }
    assert_true(fake_log_has("kind=io-error op=read sector=40"));
    assert_true(fake_log_has("device left status 0xff for a read"));
    assert_null(fake_disk_dev.dead);
}

static void test_a_lying_ring_ends_all_requests_and_the_device(void **state)
{
    struct block_request reqs[3], *list[3];
    static uint8_t data[512];
    struct block_segment seg = {data, 512};

    (void)state;
    start();
    for (unsigned i = 0; i < 3; i++) {
        prepare(&reqs[i], BLOCK_READ, i, &seg, 1);
        list[i] = &reqs[i];
    }
    done_cnt = 0;
    assert_int_equal(block_submit(block, list, 3), 3);
    fake_ring_use(&fake_disk_ring, 15, 1);
    virtqueue_interrupt(fake_disk_dev.queues[0]);
    assert_int_equal(done_cnt, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(reqs[i].status, -EIO);
    assert_string_equal(fake_disk_dev.dead, "used id is not in flight");
    assert_int_equal(fake_virtio.status, 0);
    fake_disk.silent = true;
    assert_int_equal(submit(BLOCK_READ, 0, &seg, 1), -EIO);
}

static void test_silence_ends_with_a_timeout_and_a_reset(void **state)
{
    static uint8_t data[512];
    uint64_t before;

    (void)state;
    start();
    fake_disk.silent = true;
    before = clock_ns();
    fake_virtio.notifies = 0;
    assert_int_equal(block_read(block, 0, data, 512), -ETIMEDOUT);
    assert_true(clock_ns() - before >= 29 * SECOND && clock_ns() - before <= 33 * SECOND);
    assert_true(fake_virtio.notifies > 20); /* the watchdog asked again */
    assert_int_equal(fake_virtio.status, 0);
    assert_true(fake_log_has("kind=dead reason=\"no request completed for 30 s\""));
    assert_int_equal(block_read(block, 0, data, 512), -EIO);
}

static void test_slow_is_not_silent(void **state)
{
    static uint8_t data[512];
    struct block_segment seg = {data, 512};
    struct block_request reqs[4], *list[4];
    struct fake_chain chain;

    (void)state;
    start();
    done_cnt = 0;
    for (unsigned i = 0; i < 4; i++) {
        prepare(&reqs[i], BLOCK_READ, i, &seg, 1);
        list[i] = &reqs[i];
    }
    assert_int_equal(block_submit(block, list, 4), 4);
    for (unsigned i = 0; i < 4; i++) {
        fake_clock_advance(25 * SECOND);
        assert_true(fake_ring_pop(&fake_disk_ring, &chain));
        fake_disk_serve(&chain);
        virtqueue_interrupt(fake_disk_dev.queues[0]);
    }
    assert_int_equal(done_cnt, 4);
    assert_null(fake_disk_dev.dead);
    fake_clock_advance(100 * SECOND);
    assert_null(fake_disk_dev.dead);
}

static void test_a_lost_interrupt_is_made_up_for(void **state)
{
    static uint8_t data[512];

    (void)state;
    start();
    fake_disk.quiet = true;
    assert_int_equal(block_read(block, 0, data, 512), 0);
    assert_null(fake_disk_dev.dead);
    assert_memory_equal(data, fake_disk.data, 512);
}

static void test_more_requests_than_the_ring_holds(void **state)
{
    struct block_request reqs[40], *list[40];
    static uint8_t data[40][512];
    struct block_segment segs[40];
    unsigned sent;

    (void)state;
    start();
    done_cnt = 0;
    for (unsigned i = 0; i < 40; i++) {
        segs[i] = (struct block_segment){data[i], 512};
        prepare(&reqs[i], BLOCK_READ, i, &segs[i], 1);
        list[i] = &reqs[i];
    }
    sent = block_submit(block, list, 40);
    assert_int_equal(sent, 16);
    assert_int_equal(reqs[16].status, 12345);
    while (sent < 40) {
        fake_disk_step();
        sent += block_submit(block, list + sent, 40 - sent);
    }
    fake_disk_step();
    assert_int_equal(done_cnt, 40);
    assert_memory_equal(data, fake_disk.data, sizeof(data));
}

static void test_nonsense_in_the_configuration(void **state)
{
    static const uint32_t bad_sizes[] = {0, 3, 513, 256, 0x80000000};
    const struct block_info *info;

    (void)state;
    fake_virtio.offered |= BIT(VIRTIO_BLK_F_BLK_SIZE) | BIT(VIRTIO_BLK_F_SIZE_MAX);
    put32(VIRTIO_BLK_CFG_SEG_MAX, 0);
    put32(VIRTIO_BLK_CFG_MAX_DISCARD_SEG, 0);
    put32(VIRTIO_BLK_CFG_MAX_WRITE_ZEROES_SECTORS, 0);
    for (unsigned i = 0; i < sizeof(bad_sizes) / sizeof(bad_sizes[0]); i++) {
        put32(VIRTIO_BLK_CFG_BLK_SIZE, bad_sizes[i]);
        put32(VIRTIO_BLK_CFG_SIZE_MAX, i % 2);
        start();
        info = block_info(block);
        assert_int_equal(info->block_size, 512);
        assert_int_equal(info->seg_max, 1);
        assert_true(info->seg_len_max >= 512);
        assert_false(info->can_discard || info->can_write_zeroes);
        virtio_device_remove(&fake_disk_dev);
        block = NULL;
    }
    put32(VIRTIO_BLK_CFG_BLK_SIZE, 4096);
    put32(VIRTIO_BLK_CFG_SIZE_MAX, 512);
    assert_int_equal(virtio_device_add(&fake_disk_dev), -EINVAL);
    assert_true(fake_log_has("device takes at most 1 segments of 512 bytes, less than its block"));
}

static void test_capacity_of_any_size(void **state)
{
    static uint8_t data[1024];

    (void)state;
    put32(VIRTIO_BLK_CFG_CAPACITY, 0);
    start();
    assert_int_equal(block_read(block, 0, data, 512), -ERANGE);
    put32(VIRTIO_BLK_CFG_CAPACITY + 4, 0xffffffff);
    virtio_config_interrupt(&fake_disk_dev);
    fake_work_run();
    assert_int_equal(block_info(block)->sector_cnt, 1ull << 54);
    put32(VIRTIO_BLK_CFG_CAPACITY, 1);
    put32(VIRTIO_BLK_CFG_CAPACITY + 4, 0);
    virtio_config_interrupt(&fake_disk_dev);
    fake_work_run();
    assert_true(fake_log_has("kind=resize sectors=1\n"));
    assert_int_equal(block_read(block, 0, data, 1024), -ERANGE);
    assert_int_equal(block_read(block, 0, data, 512), 0);
}

static void test_a_device_that_keeps_its_serial_number(void **state)
{
    (void)state;
    fake_disk.silent = true;
    start();
    assert_true(fake_log_has("device does not tell its serial number"));
    assert_string_equal(block_info(block)->serial, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(contents_go_both_ways),
        TEST(segments_and_batches),
        TEST(wrong_requests_never_reach_the_device),
        TEST(read_only_and_missing_abilities),
        TEST(large_blocks_want_aligned_requests),
        TEST(answers_of_the_device),
        TEST(a_lying_ring_ends_all_requests_and_the_device),
        TEST(silence_ends_with_a_timeout_and_a_reset),
        TEST(slow_is_not_silent),
        TEST(a_lost_interrupt_is_made_up_for),
        TEST(more_requests_than_the_ring_holds),
        TEST(nonsense_in_the_configuration),
        TEST(capacity_of_any_size),
        TEST(a_device_that_keeps_its_serial_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
