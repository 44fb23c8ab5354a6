/* Disks as files: any position and length against a plain array, with 512 and 4096-byte blocks. */
/* sources: libc/block_file.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/mutex.h"
#include "libc/file.h"
#include "vring0/block.h"

#define DISK_LEN 65536

static char disk[DISK_LEN], expected[DISK_LEN];
static struct block_info info = {.name = "blk0", .sector_cnt = DISK_LEN / BLOCK_SECTOR_SIZE};
static unsigned calls, lock_depth;
static int fail_at; /* the call that fails, counted from 1; 0: none */

const struct block_info *block_info(const struct block_device *dev)
{
    (void)dev;
    return &info;
}

static int check_call(uint64_t sector, size_t len)
{
    calls++;
    assert_int_equal(sector * BLOCK_SECTOR_SIZE % info.block_size, 0);
    assert_int_equal(len % info.block_size, 0);
    assert_true(len > 0 && sector * BLOCK_SECTOR_SIZE + len <= DISK_LEN);
    return (int)calls == fail_at ? -EIO : 0;
}

int block_read(struct block_device *dev, uint64_t sector, void *data, size_t len)
{
    int rc = check_call(sector, len);

    (void)dev;
    if (rc == 0)
        memcpy(data, disk + sector * BLOCK_SECTOR_SIZE, len);
    return rc;
}

int block_write(struct block_device *dev, uint64_t sector, const void *data, size_t len)
{
    int rc = check_call(sector, len);

    (void)dev;
    if (rc == 0)
        memcpy(disk + sector * BLOCK_SECTOR_SIZE, data, len);
    return rc;
}

int block_flush(struct block_device *dev)
{
    (void)dev;
    return -EOPNOTSUPP;
}

void mutex_lock(struct mutex *mutex)
{
    (void)mutex;
    lock_depth++;
}

void mutex_unlock(struct mutex *mutex)
{
    (void)mutex;
    lock_depth--;
}

static void start(uint32_t block_size)
{
    info.block_size = block_size;
    fail_at = 0;
    calls = 0;
    for (size_t i = 0; i < DISK_LEN; i++)
        disk[i] = expected[i] = (char)(i * 7 + i / 251);
}

static void run_random(uint32_t block_size)
{
    struct file file = {0};
    unsigned seed = block_size;

    start(block_size);
    for (unsigned round = 0; round < 5000; round++) {
        off_t pos;
        size_t len;
        char *data;

        seed = seed * 1103515245 + 12345;
        pos = (seed >> 8) % (DISK_LEN - 1);
        seed = seed * 1103515245 + 12345;
        len = 1 + (seed >> 8) % (round % 3 == 0 ? 100 : 3 * block_size);
        if (len > (size_t)(DISK_LEN - pos))
            len = (size_t)(DISK_LEN - pos);
        data = malloc(len);
        memset(data, (int)round, len);
        if (round % 2 == 0) {
            assert_int_equal(block_file_ops.write(&file, data, len, pos), len);
            memcpy(expected + pos, data, len);
        } else {
            assert_int_equal(block_file_ops.read(&file, data, len, pos), len);
            assert_memory_equal(data, expected + pos, len);
        }
        free(data);
    }
    assert_memory_equal(disk, expected, DISK_LEN);
    assert_int_equal(lock_depth, 0);
}

static void test_random_512(void **state)
{
    (void)state;
    run_random(512);
}

static void test_random_4096(void **state)
{
    (void)state;
    run_random(4096);
}

static void test_whole_blocks_go_in_one_call(void **state)
{
    struct file file = {0};
    static char data[DISK_LEN];

    (void)state;
    start(4096);
    assert_int_equal(block_file_ops.read(&file, data, DISK_LEN, 0), DISK_LEN);
    assert_int_equal(calls, 1);
    assert_int_equal(block_file_ops.read(&file, data, 10000, 4000), 10000);
    assert_int_equal(calls, 4); /* an edge, blocks 1 to 2, an edge */
    assert_memory_equal(data, disk + 4000, 10000);
}

static void test_end(void **state)
{
    struct file file = {0};
    char data[1000];

    (void)state;
    start(512);
    assert_int_equal(block_file_ops.size(&file), DISK_LEN);
    assert_int_equal(block_file_ops.read(&file, data, sizeof(data), DISK_LEN - 10), 10);
    assert_int_equal(block_file_ops.read(&file, data, sizeof(data), DISK_LEN), 0);
    assert_int_equal(block_file_ops.read(&file, data, sizeof(data), (off_t)1 << 60), 0);
    assert_int_equal(block_file_ops.write(&file, data, sizeof(data), DISK_LEN - 10), 10);
    assert_int_equal(block_file_ops.write(&file, data, sizeof(data), DISK_LEN), -ENOSPC);
    assert_int_equal(block_file_ops.write(&file, data, 0, DISK_LEN), 0);
    assert_int_equal(block_file_ops.sync(&file), 0); /* a device without a cache */
}

static void test_errors(void **state)
{
    struct file file = {0};
    char data[2000];

    (void)state;
    start(512);
    fail_at = 1;
    assert_int_equal(block_file_ops.read(&file, data, sizeof(data), 100), -EIO);
    start(512);
    fail_at = 2; /* the first edge was read */
    assert_int_equal(block_file_ops.read(&file, data, sizeof(data), 100), 412);
    start(512);
    fail_at = 2; /* read for modification, not written back */
    assert_int_equal(block_file_ops.write(&file, data, 10, 100), -EIO);
    assert_memory_equal(disk, expected, DISK_LEN);
    assert_int_equal(lock_depth, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_512),
        cmocka_unit_test(test_random_4096),
        cmocka_unit_test(test_whole_blocks_go_in_one_call),
        cmocka_unit_test(test_end),
        cmocka_unit_test(test_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
