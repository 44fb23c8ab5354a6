/* Block benchmark: a fixed number of requests in flight. Completions are collected in the
 * interrupt, the thread sends them out again as one batch; between batches the CPU sleeps. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/clock.h"
#include "arch/cpu.h"
#include "bench/bench.h"
#include "kernel/console.h"
#include "kernel/format.h"
#include "kernel/log.h"
#include "kernel/thread.h"
#include "vring0/block.h"

#define DEPTH_MAX     1024u
#define DEFAULT_DEPTH 32u
#define DEFAULT_LEN   4096u
#define DEFAULT_SECS  2u
#define NAME_MAX      24

struct bench {
    struct block_device *dev;
    struct wait_queue wake;
    struct block_request **done;  /* completed, not yet sent out again; filled by the interrupt */
    struct block_request **batch; /* the thread's: the two change places */
    struct block_request *reqs;
    struct block_segment *segs;
    char *data;
    unsigned depth;
    unsigned done_cnt;
    int status;
    bool random;
    enum block_op op;
    uint32_t req_sectors;
    uint64_t places; /* positions of a request on the disk */
    uint64_t place;  /* next one of a sequential run */
    uint64_t seed;
    uint64_t limit;    /* requests to do */
    uint64_t until_ns; /* or the time to stop; one of the two is the largest number */
    uint64_t started, finished;
    char name[NAME_MAX];
};

static void request_done(struct block_request *req)
{
    struct bench *b = req->user;

    if (__builtin_expect(req->status != 0, 0) && b->status == 0)
        b->status = req->status;
    b->done[b->done_cnt++] = req;
    if (b->done_cnt == 1)
        wait_queue_wake_one(&b->wake);
}

/* xorshift64*, scaled to the number of places by a multiplication. */
static inline uint64_t next_place(struct bench *b)
{
    uint64_t x = b->seed;

    if (!b->random) {
        b->place = b->place + 1 < b->places ? b->place + 1 : 0;
        return b->place;
    }
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    b->seed = x;
    return (uint64_t)((unsigned __int128)(x * 0x2545f4914f6cdd1dull) * b->places >> 64);
}

/* Sends out @cnt requests of b->batch, waiting for room if the ring has less. */
static void submit(struct bench *b, unsigned cnt)
{
    unsigned sent = 0;

    for (unsigned i = 0; i < cnt; i++)
        b->batch[i]->sector = next_place(b) * b->req_sectors;
    b->started += cnt;
    while ((sent += block_submit(b->dev, b->batch + sent, cnt - sent)) < cnt)
        block_poll(b->dev);
}

/* Sleeps until completions wait, then takes them into b->batch; returns how many. */
static unsigned collect(struct bench *b)
{
    struct block_request **done;
    unsigned cnt;
    uint64_t irq = cpu_irq_save();

    while (b->done_cnt == 0)
        wait_queue_sleep(&b->wake, WAIT_FOREVER);
    cnt = b->done_cnt;
    done = b->done;
    b->done = b->batch;
    b->batch = done;
    b->done_cnt = 0;
    cpu_irq_restore(irq);
    b->finished += cnt;
    return cnt;
}

/* How many of @cnt free requests are to be sent out again. */
static unsigned wanted(struct bench *b, unsigned cnt)
{
    uint64_t left = b->limit - b->started;

    if (__builtin_expect(console_interrupted(), 0))
        b->status = -EINTR;
    if (b->status != 0 || (b->until_ns != UINT64_MAX && clock_ns() >= b->until_ns))
        return 0;
    return cnt < left ? cnt : (unsigned)left;
}

static void run(struct bench *b)
{
    unsigned cnt = b->depth;

    for (unsigned i = 0; i < b->depth; i++)
        b->batch[i] = &b->reqs[i];
    for (;;) {
        cnt = wanted(b, cnt);
        if (cnt > 0)
            submit(b, cnt);
        if (b->finished == b->started)
            return;
        cnt = collect(b);
    }
}

static void report(const struct bench *b, const struct block_stats *before,
                   const struct block_stats *after, uint64_t ns)
{
    char prefix[NAME_MAX + 8];

    format(prefix, sizeof(prefix), "blk.%s", b->name);
    bench_result(prefix, "requests", b->finished, 1, "1");
    bench_result(prefix, "iops", b->finished * 1000000000ull, ns, "1/s");
    bench_result(prefix, "throughput", b->finished * b->req_sectors * BLOCK_SECTOR_SIZE * 1000, ns,
                 "MB/s");
    /* Requests in flight are constant, so the mean follows from them and the rate (Little's law).
     */
    bench_result(prefix, "latency", ns * b->depth, b->finished, "ns");
    bench_result(prefix, "notifications", after->notify_cnt - before->notify_cnt, b->finished,
                 "1/op");
    bench_result(prefix, "interrupts", after->interrupt_cnt - before->interrupt_cnt, b->finished,
                 "1/op");
}

static int parse_op(struct bench *b, const char *text)
{
    static const struct {
        const char *name;
        enum block_op op;
        bool random;
    } ops[] = {
        {"randread", BLOCK_READ, true},
        {"randwrite", BLOCK_WRITE, true},
        {"read", BLOCK_READ, false},
        {"write", BLOCK_WRITE, false},
    };

    if (text == NULL)
        text = ops[0].name;
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        if (strcmp(text, ops[i].name) != 0)
            continue;
        b->op = ops[i].op;
        b->random = ops[i].random;
        format(b->name, sizeof(b->name), "%s", text);
        return 0;
    }
    return console_fail(-EINVAL, "op=%s: choose randread, randwrite, read or write", text);
}

static int parse(struct bench *b, int argc, char **argv)
{
    const struct block_info *info;
    uint64_t depth, len, secs;
    int err;

    if (argc < 3)
        return console_fail(-EINVAL, "usage: bench blk DEV [qd=N] [bs=N] [op=OP] [n=COUNT|secs=N]");
    b->dev = block_find(argv[2]);
    if (b->dev == NULL)
        return console_fail(-ENOENT, "no block device %s", argv[2]);
    info = block_info(b->dev);
    err = parse_op(b, console_option(argc, argv, "op"));
    if (err == 0)
        err = bench_number(argc, argv, "qd", 1, DEPTH_MAX, DEFAULT_DEPTH, &depth);
    if (err == 0)
        err = bench_number(argc, argv, "bs", BLOCK_SECTOR_SIZE, UINT32_MAX, DEFAULT_LEN, &len);
    if (err == 0)
        err = bench_number(argc, argv, "n", 1, UINT64_MAX, UINT64_MAX, &b->limit);
    if (err == 0)
        err = bench_number(argc, argv, "secs", 1, 3600, b->limit == UINT64_MAX ? DEFAULT_SECS : 0,
                           &secs);
    if (err != 0)
        return err;
    if (len % info->block_size != 0 || len > info->request_len_max || len > info->seg_len_max)
        return console_fail(-EINVAL, "bs=%llu: %s takes multiples of %u up to %u",
                            (unsigned long long)len, info->name, info->block_size,
                            info->seg_len_max);
    b->depth = (unsigned)depth;
    b->req_sectors = (uint32_t)(len / BLOCK_SECTOR_SIZE);
    b->places = info->sector_cnt / b->req_sectors;
    b->seed = 0x9e3779b97f4a7c15ull;
    b->until_ns = secs > 0 ? clock_ns() + secs * 1000000000ull : UINT64_MAX;
    if (b->places == 0)
        return console_fail(-ERANGE, "%s is smaller than one request", info->name);
    if (b->op == BLOCK_WRITE && info->read_only)
        return console_fail(-EROFS, "%s is read-only", info->name);
    return 0;
}

static void release(struct bench *b)
{
    free(b->data);
    free(b->segs);
    free(b->reqs);
    free(b->batch);
    free(b->done);
}

static int prepare(struct bench *b)
{
    uint32_t len = b->req_sectors * BLOCK_SECTOR_SIZE;

    wait_queue_init(&b->wake);
    b->done = calloc(b->depth, sizeof(struct block_request *));
    b->batch = calloc(b->depth, sizeof(struct block_request *));
    b->reqs = aligned_alloc(64, b->depth * sizeof(*b->reqs));
    b->segs = calloc(b->depth, sizeof(*b->segs));
    b->data = calloc(b->depth, len);
    if (b->done == NULL || b->batch == NULL || b->reqs == NULL || b->segs == NULL ||
        b->data == NULL)
        return console_fail(-ENOMEM, "no memory for %u requests of %u bytes", b->depth, len);
    for (unsigned i = 0; i < b->depth; i++) {
        b->segs[i] = (struct block_segment){.data = b->data + (size_t)i * len, .len = len};
        b->reqs[i] = (struct block_request){
            .op = b->op, .segs = &b->segs[i], .seg_cnt = 1, .done = request_done, .user = b};
    }
    return 0;
}

int bench_blk(int argc, char **argv)
{
    struct block_stats before, after;
    struct bench b = {.depth = DEFAULT_DEPTH, .req_sectors = DEFAULT_LEN / BLOCK_SECTOR_SIZE};
    uint64_t start_ns, ns;
    int err = parse(&b, argc, argv);

    if (err != 0)
        return err;
    err = prepare(&b);
    if (err == 0) {
        block_stats(b.dev, &before);
        start_ns = clock_ns();
        cpu_mark(1);
        run(&b);
        cpu_mark(2);
        ns = clock_ns() - start_ns;
        block_stats(b.dev, &after);
        if (b.status != 0)
            err = console_fail(b.status, "%s: %s", argv[2],
                               b.status == -EINTR ? "interrupted" : "a request failed");
        else
            report(&b, &before, &after, ns);
    }
    release(&b);
    return err;
}
