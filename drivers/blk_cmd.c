/* The console command "blk": look at disks, read, write, compare. */
#include "drivers/blk_cmd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/console.h"
#include "kernel/format.h"
#include "kernel/log.h"
#include "kernel/sha256.h"

#define BUFFER_LEN (128u * 1024)

/* A command's device and range, as typed. */
struct range {
    struct block_device *dev;
    uint64_t lba;
    uint64_t cnt;
};

static void device_names(char *buf, size_t size)
{
    const struct block_device *dev;
    size_t len = 0;

    format(buf, size, "none");
    for (unsigned i = 0; (dev = block_get(i)) != NULL && len < size; i++)
        len +=
            (size_t)format(buf + len, size - len, "%s%s", i > 0 ? ", " : "", block_info(dev)->name);
}

int blk_cmd_device(const char *name, struct block_device **dev)
{
    char names[128];

    *dev = block_find(name);
    if (*dev != NULL)
        return 0;
    device_names(names, sizeof(names));
    return console_fail(-ENOENT, "no block device %s; have %s", name, names);
}

/* argv[2] DEV, argv[3] LBA, argv[4] COUNT (@cnt when absent). */
static int parse_range(int argc, char **argv, uint64_t cnt, struct range *range)
{
    unsigned long long lba, count = cnt;
    const struct block_info *info;
    int err;

    *range = (struct range){.dev = NULL};
    if (argc < 4 || (argc < 5 && cnt == 0))
        return console_fail(-EINVAL, "usage: blk %s DEV LBA COUNT; see help blk", argv[1]);
    err = blk_cmd_device(argv[2], &range->dev);
    if (err == 0)
        err = console_number(argv[3], "LBA", &lba);
    if (err == 0 && argc >= 5)
        err = console_number(argv[4], "COUNT", &count);
    if (err != 0)
        return err;
    info = block_info(range->dev);
    err = block_check_range(range->dev, lba, count);
    if (err != 0)
        return console_fail(err, "%s has %llu sectors", info->name,
                            (unsigned long long)info->sector_cnt);
    if (((lba | count) & (info->block_size / BLOCK_SECTOR_SIZE - 1)) != 0 || count == 0)
        return console_fail(-EINVAL,
                            "LBA and COUNT must be multiples of %u sectors on %s, and not 0",
                            info->block_size / BLOCK_SECTOR_SIZE, info->name);
    range->lba = lba;
    range->cnt = count;
    return 0;
}

static int io_failed(const struct range *range, const char *what, int err)
{
    return console_fail(err, "%s: %s of %llu sectors at %llu failed", block_info(range->dev)->name,
                        what, (unsigned long long)range->cnt, (unsigned long long)range->lba);
}

/* Sectors of the next piece that fits the buffer, in whole blocks. */
static uint64_t piece(const struct range *range, uint64_t left)
{
    uint64_t max = BUFFER_LEN / BLOCK_SECTOR_SIZE;

    if (block_info(range->dev)->block_size > BUFFER_LEN)
        max = block_info(range->dev)->block_size / BLOCK_SECTOR_SIZE;
    return left < max ? left : max;
}

static void *buffer_alloc(const struct range *range)
{
    uint32_t block_size = block_info(range->dev)->block_size;

    return malloc(block_size > BUFFER_LEN ? block_size : BUFFER_LEN);
}

/* Reads the range piece by piece and shows each to @use. */
static int read_range(const struct range *range,
                      void (*use)(void *arg, const uint8_t *data, uint64_t lba, uint64_t cnt),
                      void *arg)
{
    void *buf = buffer_alloc(range);
    uint64_t done = 0;
    int err = 0;

    if (buf == NULL)
        return console_fail(-ENOMEM, "no memory for a buffer");
    while (done < range->cnt && err == 0) {
        uint64_t cnt = piece(range, range->cnt - done);

        err = block_read(range->dev, range->lba + done, buf, cnt * BLOCK_SECTOR_SIZE);
        if (err != 0)
            io_failed(range, "read", err);
        else if (console_interrupted())
            err = console_fail(-EINTR, "interrupted");
        else
            use(arg, buf, range->lba + done, cnt);
        done += cnt;
    }
    free(buf);
    return err;
}

static void sum_piece(void *arg, const uint8_t *data, uint64_t lba, uint64_t cnt)
{
    (void)lba;
    sha256_update(arg, data, cnt * BLOCK_SECTOR_SIZE);
}

static int blk_sum(int argc, char **argv)
{
    char text[SHA256_TEXT_LEN];
    struct sha256 sum;
    struct range range;
    int err = parse_range(argc, argv, 0, &range);

    if (err != 0)
        return err;
    sha256_init(&sum);
    err = read_range(&range, sum_piece, &sum);
    if (err != 0)
        return err;
    sha256_final_text(&sum, text);
    at_line("result", "name=sha256 value=%s unit=hex", text);
    return 0;
}

static void dump_line(uint64_t off, const uint8_t *data)
{
    char hex[3 * 16 + 1], text[16 + 1];

    for (size_t i = 0; i < 16; i++) {
        format(hex + 3 * i, 4, " %02x", data[i]);
        text[i] = data[i] >= ' ' && data[i] <= '~' ? (char)data[i] : '.';
    }
    text[16] = '\0';
    print("%010llx %s  |%s|\n", (unsigned long long)off, hex, text);
}

static void dump_piece(void *arg, const uint8_t *data, uint64_t lba, uint64_t cnt)
{
    (void)arg;
    for (uint64_t i = 0; i < cnt * BLOCK_SECTOR_SIZE; i += 16)
        dump_line(lba * BLOCK_SECTOR_SIZE + i, data + i);
}

static int blk_read(int argc, char **argv)
{
    struct block_device *dev = argc >= 3 ? block_find(argv[2]) : NULL;
    uint64_t cnt = dev != NULL ? block_info(dev)->block_size / BLOCK_SECTOR_SIZE : 1;
    struct range range;
    int err = parse_range(argc, argv, cnt, &range);

    return err != 0 ? err : read_range(&range, dump_piece, NULL);
}

/*
 * Sector S of pattern P holds 64 little-endian 64-bit words; word W is P << 48 | S << 8 | W. The
 * host makes the same with struct.pack("<64Q", *(P << 48 | S << 8 | w for w in range(64))).
 */
static void fill_pattern(uint64_t *words, uint64_t pattern, uint64_t lba, uint64_t cnt)
{
    for (uint64_t sector = lba; sector < lba + cnt; sector++) {
        for (unsigned w = 0; w < BLOCK_SECTOR_SIZE / sizeof(*words); w++)
            *words++ = pattern << 48 | sector << 8 | w;
    }
}

static int blk_write(int argc, char **argv)
{
    unsigned long long pattern;
    struct range range;
    int err = parse_range(argc, argv, 0, &range);
    void *buf;

    if (err != 0)
        return err;
    if (argc < 6)
        return console_fail(-EINVAL, "usage: blk write DEV LBA COUNT PATTERN");
    err = console_number(argv[5], "PATTERN", &pattern);
    if (err != 0)
        return err;
    if (pattern > UINT16_MAX)
        return console_fail(-EINVAL, "PATTERN is a number up to 65535");
    buf = buffer_alloc(&range);
    if (buf == NULL)
        return console_fail(-ENOMEM, "no memory for a buffer");
    for (uint64_t done = 0, cnt; done < range.cnt && err == 0; done += cnt) {
        cnt = piece(&range, range.cnt - done);
        fill_pattern(buf, pattern, range.lba + done, cnt);
        err = block_write(range.dev, range.lba + done, buf, cnt * BLOCK_SECTOR_SIZE);
    }
    free(buf);
    if (err == -EROFS)
        return console_fail(err, "%s is read-only", argv[2]);
    return err != 0 ? io_failed(&range, "write", err) : 0;
}

static int blk_flush(int argc, char **argv)
{
    struct block_device *dev;
    int err;

    if (argc < 3)
        return console_fail(-EINVAL, "usage: blk flush DEV");
    err = blk_cmd_device(argv[2], &dev);
    if (err != 0)
        return err;
    err = block_flush(dev);
    return err != 0 ? console_fail(err, "%s: flush failed", argv[2]) : 0;
}

static int erase_range(int argc, char **argv, const char *what,
                       int (*erase)(struct block_device *, uint64_t, uint64_t))
{
    struct range range;
    int err = parse_range(argc, argv, 0, &range);

    if (err != 0)
        return err;
    err = erase(range.dev, range.lba, range.cnt);
    if (err == -EOPNOTSUPP)
        return console_fail(err, "%s does not offer %s", argv[2], what);
    if (err == -EROFS)
        return console_fail(err, "%s is read-only", argv[2]);
    return err != 0 ? io_failed(&range, what, err) : 0;
}

static int blk_discard(int argc, char **argv)
{
    return erase_range(argc, argv, "discard", block_discard);
}

static int blk_zero(int argc, char **argv)
{
    return erase_range(argc, argv, "write-zeroes", block_write_zeroes);
}

static void print_result(const char *dev, const char *what, uint64_t value)
{
    at_line("result", "name=%s.%s value=%llu unit=requests", dev, what, (unsigned long long)value);
}

static int blk_info(int argc, char **argv)
{
    const struct block_info *info;
    struct block_device *dev;
    struct block_stats stats;
    int err;

    if (argc < 3)
        return console_fail(-EINVAL, "usage: blk info DEV");
    err = blk_cmd_device(argv[2], &dev);
    if (err != 0)
        return err;
    info = block_info(dev);
    block_stats(dev, &stats);
    print("%s: %llu sectors of 512 bytes, block %u, physical block %u, serial \"%s\"%s\n",
          info->name, (unsigned long long)info->sector_cnt, info->block_size,
          info->physical_block_size, info->serial, info->read_only ? ", read-only" : "");
    print(
        "requests: up to %u segments of up to %u bytes, %u bytes in all, %u in flight in each of %u "
        "queues\n",
        info->seg_max, info->seg_len_max, info->request_len_max, info->queue_depth,
        info->queue_cnt);
    print("flush %s, discard %s (up to %llu sectors), write-zeroes %s (up to %llu sectors)\n",
          info->can_flush ? "yes" : "no", info->can_discard ? "yes" : "no",
          (unsigned long long)info->discard_sectors_max, info->can_write_zeroes ? "yes" : "no",
          (unsigned long long)info->write_zeroes_sectors_max);
    print("so far: %llu requests, %llu failed, %llu notifications, %llu interrupts\n",
          (unsigned long long)stats.request_cnt, (unsigned long long)stats.error_cnt,
          (unsigned long long)stats.notify_cnt, (unsigned long long)stats.interrupt_cnt);
    print("completed on another CPU than the one that submitted: %llu\n",
          (unsigned long long)stats.elsewhere_cnt);
    print_result(info->name, "requests", stats.request_cnt);
    print_result(info->name, "failed", stats.error_cnt);
    print_result(info->name, "elsewhere", stats.elsewhere_cnt);
    return 0;
}

static int blk_list(void)
{
    struct block_device *dev;

    print("%-8s %14s %6s %-4s %-5s %-7s %-6s %s\n", "device", "sectors", "block", "mode", "flush",
          "discard", "zeroes", "serial");
    for (unsigned i = 0; (dev = block_get(i)) != NULL; i++) {
        const struct block_info *info = block_info(dev);

        print("%-8s %14llu %6u %-4s %-5s %-7s %-6s %s\n", info->name,
              (unsigned long long)info->sector_cnt, info->block_size, info->read_only ? "ro" : "rw",
              info->can_flush ? "yes" : "no", info->can_discard ? "yes" : "no",
              info->can_write_zeroes ? "yes" : "no", info->serial);
    }
    return 0;
}

static int blk_run(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } verbs[] = {
        {"sum", blk_sum},         {"read", blk_read}, {"write", blk_write}, {"flush", blk_flush},
        {"discard", blk_discard}, {"zero", blk_zero}, {"info", blk_info},   {"soak", blk_cmd_soak},
    };

    if (argc < 2)
        return blk_list();
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(argv[1], verbs[i].name) == 0)
            return verbs[i].run(argc, argv);
    }
    return console_fail(-EINVAL, "blk knows no %s; see help blk", argv[1]);
}

CONSOLE_COMMAND(
    blk, .name = "blk",
    .usage = "blk\n"
             "blk info DEV\n"
             "blk sum DEV LBA COUNT\n"
             "blk read DEV LBA [COUNT]\n"
             "blk write DEV LBA COUNT PATTERN\n"
             "blk flush DEV\n"
             "blk discard DEV LBA COUNT\n"
             "blk zero DEV LBA COUNT\n"
             "blk soak DEV [secs=N|n=COUNT] [cpus=N] [depth=N] [write=yes|no]\n"
             "blk soak DEV start [n=COUNT] [cpus=N] [depth=N] [write=yes|no]\n"
             "blk soak DEV stop",
    .summary = "disks: list, checksum, read, write (LBA and COUNT in sectors of 512 bytes)",
    .run = blk_run);
