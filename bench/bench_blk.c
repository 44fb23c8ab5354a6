/* Block benchmark: a fixed number of requests in flight from each CPU. Completions are collected in
 * the interrupt, a thread sends them out again as one batch; between batches the CPU sleeps. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/clock.h"
#include "arch/cpu.h"
#include "arch/spinlock.h"
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

/* What is measured, the same on every CPU. */
struct bench {
    struct block_device *dev;
    unsigned depth; /* requests in flight from each CPU */
    unsigned cpu_cnt;
    bool random;
    enum block_op op;
    uint32_t req_sectors;
    uint64_t places;   /* positions of a request on the disk */
    uint64_t limit;    /* requests to do */
    uint64_t until_ns; /* or the time to stop; one of the two is the largest number */
    char name[NAME_MAX];
};

/* One CPU's part. */
struct lane {
    struct bench bench; /* a copy, so that all that the thread needs is near */
    struct thread *thread;
    struct block_request **batch; /* the thread's; it and what is done change places */
    struct block_request *reqs;
    struct block_segment *segs;
    char *data;
    uint64_t place; /* next one of a sequential run */
    uint64_t seed;
    uint64_t limit;
    uint64_t started, finished;

    struct spinlock lock; /* what follows is shared with completions on any CPU */
    struct wait_queue wake;
    struct block_request **done; /* completed, not yet sent out again; filled by the interrupt */
    unsigned done_cnt;
    int status;
} __attribute__((aligned(64)));

/* The lane may be gone once its lock is free. */
static __attribute__((noinline)) void first_done(struct lane *lane)
{
    wait_queue_wake_one(&lane->wake);
    spin_release(&lane->lock);
}

static void request_done(struct block_request *req)
{
    struct lane *lane = req->user;
    unsigned before;

    spin_acquire(&lane->lock);
    if (__builtin_expect(req->status != 0, 0) && lane->status == 0)
        lane->status = req->status;
    before = lane->done_cnt;
    lane->done[before] = req;
    lane->done_cnt = before + 1;
    if (before == 0)
        first_done(lane);
    else
        spin_release(&lane->lock);
}

/* xorshift64*, scaled to the number of places by a multiplication. */
static inline uint64_t next_place(struct lane *lane)
{
    const struct bench *b = &lane->bench;
    uint64_t x = lane->seed;

    if (!b->random) {
        lane->place = lane->place + 1 < b->places ? lane->place + 1 : 0;
        return lane->place;
    }
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    lane->seed = x;
    return (uint64_t)((unsigned __int128)(x * 0x2545f4914f6cdd1dull) * b->places >> 64);
}

/* Sends out @cnt requests of lane->batch, waiting for room if the ring has less. */
static void submit(struct lane *lane, unsigned cnt)
{
    unsigned sent = 0;

    for (unsigned i = 0; i < cnt; i++)
        lane->batch[i]->sector = next_place(lane) * lane->bench.req_sectors;
    lane->started += cnt;
    while ((sent += block_submit(lane->bench.dev, lane->batch + sent, cnt - sent)) < cnt)
        block_poll(lane->bench.dev);
}

/* Sleeps until completions wait, then takes them into lane->batch; returns how many. */
static unsigned collect(struct lane *lane)
{
    struct block_request **done;
    unsigned cnt;
    uint64_t irq = spin_lock(&lane->lock);

    while (lane->done_cnt == 0)
        wait_queue_sleep_locked(&lane->wake, &lane->lock, WAIT_FOREVER);
    cnt = lane->done_cnt;
    done = lane->done;
    lane->done = lane->batch;
    lane->batch = done;
    lane->done_cnt = 0;
    spin_unlock(&lane->lock, irq);
    lane->finished += cnt;
    return cnt;
}

/* How many of @cnt free requests are to be sent out again. */
static unsigned wanted(struct lane *lane, unsigned cnt)
{
    uint64_t left = lane->limit - lane->started, until_ns = lane->bench.until_ns;

    if (__builtin_expect(console_interrupted(), 0))
        lane->status = -EINTR;
    if (lane->status != 0 || (until_ns != UINT64_MAX && clock_ns() >= until_ns))
        return 0;
    return cnt < left ? cnt : (unsigned)left;
}

static void run(void *arg)
{
    struct lane *lane = arg;
    unsigned cnt = lane->bench.depth;

    for (unsigned i = 0; i < cnt; i++)
        lane->batch[i] = &lane->reqs[i];
    for (;;) {
        cnt = wanted(lane, cnt);
        if (cnt > 0)
            submit(lane, cnt);
        if (lane->finished == lane->started)
            return;
        cnt = collect(lane);
    }
}

/* Runs all lanes, the first of them here. -ENOMEM when a thread could not be made. */
static int run_all(const struct bench *b, struct lane *lanes)
{
    int err = 0;

    for (unsigned i = 1; i < b->cpu_cnt; i++) {
        lanes[i].thread = thread_create_on(i, "bench", run, &lanes[i], 0);
        if (lanes[i].thread == NULL)
            err = -ENOMEM;
    }
    run(&lanes[0]);
    for (unsigned i = 1; i < b->cpu_cnt; i++) {
        if (lanes[i].thread != NULL)
            thread_join(lanes[i].thread);
    }
    for (unsigned i = 0; i < b->cpu_cnt && err == 0; i++)
        err = lanes[i].status;
    return err;
}

static void report(const struct bench *b, const struct lane *lanes,
                   const struct block_stats *before, const struct block_stats *after, uint64_t ns)
{
    char prefix[NAME_MAX + 8];
    uint64_t finished = 0;

    for (unsigned i = 0; i < b->cpu_cnt; i++)
        finished += lanes[i].finished;
    format(prefix, sizeof(prefix), "blk.%s", b->name);
    bench_result(prefix, "requests", finished, 1, "1");
    bench_result(prefix, "iops", finished * 1000000000ull, ns, "1/s");
    bench_result(prefix, "throughput", finished * b->req_sectors * BLOCK_SECTOR_SIZE * 1000, ns,
                 "MB/s");
    /* Requests in flight are constant, so the mean follows from them and the rate (Little's law).
     */
    bench_result(prefix, "latency", ns * b->depth * b->cpu_cnt, finished, "ns");
    bench_result(prefix, "notifications", after->notify_cnt - before->notify_cnt, finished, "1/op");
    bench_result(prefix, "interrupts", after->interrupt_cnt - before->interrupt_cnt, finished,
                 "1/op");
    bench_result(prefix, "elsewhere", after->elsewhere_cnt - before->elsewhere_cnt, finished,
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
    uint64_t depth, len, secs, cpus;
    int err;

    if (argc < 3)
        return console_fail(-EINVAL,
                            "usage: bench blk DEV [qd=N] [bs=N] [op=OP] [n=COUNT|secs=N] [cpus=N]");
    b->dev = block_find(argv[2]);
    if (b->dev == NULL)
        return console_fail(-ENOENT, "no block device %s", argv[2]);
    info = block_info(b->dev);
    err = parse_op(b, console_option(argc, argv, "op"));
    if (err == 0)
        err = bench_number(argc, argv, "qd", 1, DEPTH_MAX, DEFAULT_DEPTH, &depth);
    if (err == 0)
        err = bench_number(argc, argv, "cpus", 1, cpu_count(), 1, &cpus);
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
    b->cpu_cnt = (unsigned)cpus;
    b->req_sectors = (uint32_t)(len / BLOCK_SECTOR_SIZE);
    b->places = info->sector_cnt / b->req_sectors;
    b->until_ns = secs > 0 ? clock_ns() + secs * 1000000000ull : UINT64_MAX;
    if (b->places == 0)
        return console_fail(-ERANGE, "%s is smaller than one request", info->name);
    if (b->op == BLOCK_WRITE && info->read_only)
        return console_fail(-EROFS, "%s is read-only", info->name);
    return 0;
}

static void release(const struct bench *b, struct lane *lanes)
{
    for (unsigned i = 0; i < b->cpu_cnt; i++) {
        free(lanes[i].data);
        free(lanes[i].segs);
        free(lanes[i].reqs);
        free(lanes[i].batch);
        free(lanes[i].done);
    }
    free(lanes);
}

static int prepare(const struct bench *b, struct lane *lane, unsigned cpu)
{
    uint32_t len = b->req_sectors * BLOCK_SECTOR_SIZE;

    lane->bench = *b;
    lane->seed = 0x9e3779b97f4a7c15ull * (cpu + 1);
    lane->place = b->places / b->cpu_cnt * cpu;
    lane->limit =
        b->limit == UINT64_MAX ? b->limit : b->limit / b->cpu_cnt + (cpu < b->limit % b->cpu_cnt);
    wait_queue_init(&lane->wake);
    lane->done = calloc(b->depth, sizeof(struct block_request *));
    lane->batch = calloc(b->depth, sizeof(struct block_request *));
    lane->reqs = aligned_alloc(64, b->depth * sizeof(*lane->reqs));
    lane->segs = calloc(b->depth, sizeof(*lane->segs));
    lane->data = calloc(b->depth, len);
    if (lane->done == NULL || lane->batch == NULL || lane->reqs == NULL || lane->segs == NULL ||
        lane->data == NULL)
        return console_fail(-ENOMEM, "no memory for %u requests of %u bytes", b->depth, len);
    for (unsigned i = 0; i < b->depth; i++) {
        lane->segs[i] = (struct block_segment){.data = lane->data + (size_t)i * len, .len = len};
        lane->reqs[i] = (struct block_request){
            .op = b->op, .segs = &lane->segs[i], .seg_cnt = 1, .done = request_done, .user = lane};
    }
    return 0;
}

static int measure(const struct bench *b, struct lane *lanes)
{
    struct block_stats before, after;
    uint64_t start_ns, ns;
    int err;

    block_stats(b->dev, &before);
    start_ns = clock_ns();
    cpu_mark(1);
    err = run_all(b, lanes);
    cpu_mark(2);
    ns = clock_ns() - start_ns;
    block_stats(b->dev, &after);
    if (err != 0)
        return console_fail(err, "%s: %s", block_info(b->dev)->name,
                            err == -EINTR    ? "interrupted"
                            : err == -ENOMEM ? "no memory for a thread"
                                             : "a request failed");
    report(b, lanes, &before, &after, ns);
    return 0;
}

int bench_blk(int argc, char **argv)
{
    struct bench b = {.depth = DEFAULT_DEPTH, .req_sectors = DEFAULT_LEN / BLOCK_SECTOR_SIZE};
    struct lane *lanes;
    int err = parse(&b, argc, argv);

    if (err != 0)
        return err;
    lanes = aligned_alloc(__alignof__(struct lane), b.cpu_cnt * sizeof(*lanes));
    if (lanes == NULL)
        return console_fail(-ENOMEM, "no memory");
    memset(lanes, 0, b.cpu_cnt * sizeof(*lanes));
    for (unsigned i = 0; i < b.cpu_cnt && err == 0; i++)
        err = prepare(&b, &lanes[i], i);
    if (err == 0)
        err = measure(&b, lanes);
    release(&b, lanes);
    return err;
}
