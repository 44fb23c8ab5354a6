/* Command: selftest. Checks of memory, threads and timers on the running machine; faults provoked
 * on purpose. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "arch/clock.h"
#include "arch/cpu.h"
#include "arch/memory.h"
#include "kernel/console.h"
#include "kernel/log.h"
#include "kernel/mutex.h"
#include "kernel/page.h"
#include "kernel/selftest.h"
#include "kernel/thread.h"
#include "kernel/timer.h"

extern const struct selftest_suite __start_selftest_suites[], __stop_selftest_suites[];

#define MS       1000000ull
#define PATIENCE (30000 * MS) /* a host may be busy */

#define CHECK SELFTEST_CHECK

static const char *check_pages(void)
{
    struct page_stats before, after;
    uint64_t a, b, dma_pa;
    const uint64_t *words;
    void *dma;

    page_stats(&before);
    a = page_alloc(3, 4);
    b = page_alloc(1, 1);
    CHECK(a != 0 && b != 0 && a % (4 * PAGE_SIZE) == 0 && (b < a || b >= a + 3 * PAGE_SIZE));
    words = phys_to_virt(a);
    for (size_t i = 0; i < 3 * PAGE_SIZE / sizeof(*words); i++)
        CHECK(words[i] == 0);
    memset(phys_to_virt(a), 0xa5, 3 * PAGE_SIZE);
    CHECK(page_claim(a, 1) == -EBUSY);
    page_free(a, 3);
    CHECK(page_claim(a, 3) == 0);
    page_free(a, 3);
    page_free(b, 1);
    dma = dma_alloc(5000, 0, &dma_pa);
    CHECK(dma != NULL && dma_pa % PAGE_SIZE == 0 && virt_to_phys(dma) == dma_pa);
    dma_free(dma, 5000);
    CHECK(dma_alloc(PAGE_SIZE, PAGE_SIZE, &dma_pa) == NULL);
    page_stats(&after);
    CHECK(after.free_cnt == before.free_cnt);
    return NULL;
}

static const char *check_heap(void)
{
    uint8_t *small = malloc(100), *large = malloc(300000), *zeroed;
    int bad = 0;

    if (small != NULL && large != NULL) {
        memset(small, 1, 100);
        memset(large, 2, 300000);
        bad = small[99] != 1 || virt_to_phys(large + 299999) - virt_to_phys(large) != 299999;
    }
    free(large);
    free(small);
    CHECK(small != NULL && large != NULL && !bad);
    zeroed = calloc(1, 300000);
    for (size_t i = 0; zeroed != NULL && i < 300000; i++)
        bad |= zeroed[i];
    free(zeroed);
    CHECK(zeroed != NULL && bad == 0);
    return NULL;
}

/* Two threads hand a number to and fro. */
struct game {
    struct wait_queue turn;
    struct mutex lock;
    unsigned round;
    unsigned inside, collisions;
};

static void player(void *arg)
{
    struct game *game = arg;

    for (unsigned i = 0; i < 100; i++) {
        WAIT_UNTIL(&game->turn, WAIT_FOREVER, game->round % 2 == 1);
        mutex_lock(&game->lock);
        game->collisions += game->inside++;
        thread_yield();
        game->inside--;
        mutex_unlock(&game->lock);
        game->round++;
        wait_queue_wake_all(&game->turn);
    }
}

static const char *check_threads(void)
{
    static struct game game; /* a thread left behind by a failure still looks at it */
    struct thread *thread;
    int rc;

    game = (struct game){0};
    wait_queue_init(&game.turn);
    mutex_init(&game.lock);
    thread = thread_create("selftest", player, &game, 0);
    CHECK(thread != NULL);
    for (unsigned i = 0; i < 100; i++) {
        game.round++;
        wait_queue_wake_all(&game.turn);
        mutex_lock(&game.lock);
        game.collisions += game.inside++;
        thread_yield();
        game.inside--;
        mutex_unlock(&game.lock);
        rc = WAIT_UNTIL(&game.turn, clock_ns() + PATIENCE, game.round % 2 == 0);
        if (rc != 0)
            thread_detach(thread);
        CHECK(rc == 0);
    }
    thread_join(thread);
    CHECK(game.round == 200 && game.collisions == 0);
    return NULL;
}

/* A thread's stack is contiguous for devices and ends in a page that is not mapped. */
static void probe_stack(void *arg)
{
    const struct thread *self = thread_current();
    const char *low = (const char *)self->stack_va, *guard = memory_describe(self->stack_va - 1);
    const char **wrong = arg;

    if (virt_to_phys(low + self->stack_len - 1) - virt_to_phys(low) != self->stack_len - 1)
        *wrong = "stack is not contiguous";
    else if (virt_to_phys(low) != self->stack_pa)
        *wrong = "stack is mapped elsewhere";
    else if (guard == NULL || strstr(guard, "guard") == NULL)
        *wrong = "no guard page below the stack";
}

static const char *check_stacks(void)
{
    const char *wrong = NULL;
    struct page_stats before, after;
    struct thread *thread;

    /* The first one may need page tables, which stay. */
    for (unsigned i = 0; i < 2; i++) {
        page_stats(&before);
        thread = thread_create("selftest", probe_stack, &wrong, 0);
        CHECK(thread != NULL);
        thread_join(thread);
        page_stats(&after);
    }
    CHECK(after.free_cnt == before.free_cnt);
    return wrong;
}

struct alarm {
    struct timer timer;
    struct wait_queue *wait;
    uint64_t fired_ns;
    unsigned *order, rank;
};

static void ring(void *arg)
{
    struct alarm *alarm = arg;

    alarm->fired_ns = clock_ns();
    alarm->rank = ++*alarm->order;
    wait_queue_wake_all(alarm->wait);
}

static const char *check_timers(void)
{
    static const unsigned after_ms[] = {6, 2, 4, 3};
    struct alarm alarms[4] = {0};
    struct wait_queue wait = WAIT_QUEUE_INIT(wait);
    uint64_t start = clock_ns();
    unsigned order = 0, looks = 0;
    uint64_t state;
    int rc;

    /* None fires before all are armed, however long that takes on a host that is busy. */
    state = cpu_irq_save();
    for (unsigned i = 0; i < 4; i++) {
        alarms[i].wait = &wait;
        alarms[i].order = &order;
        timer_setup(&alarms[i].timer, ring, &alarms[i]);
        timer_arm(&alarms[i].timer, start + after_ms[i] * MS);
    }
    timer_cancel(&alarms[3].timer);
    cpu_irq_restore(state);
    rc = WAIT_UNTIL(&wait, start + PATIENCE, order == 3);
    for (unsigned i = 0; i < 4; i++)
        timer_cancel(&alarms[i].timer);
    CHECK(rc == 0);
    for (unsigned i = 0; i < 3; i++)
        CHECK(alarms[i].fired_ns >= start + after_ms[i] * MS);
    CHECK(alarms[1].rank == 1 && alarms[2].rank == 2 && alarms[0].rank == 3);
    CHECK(alarms[3].fired_ns == 0);
    rc = WAIT_UNTIL(&wait, clock_ns() + MS, false);
    CHECK(rc == -ETIMEDOUT);
    /* True at the last look, when the time is over: that counts. */
    rc = WAIT_UNTIL(&wait, 0, ++looks == 3);
    CHECK(rc == 0);
    start = clock_ns();
    thread_sleep_ns(2 * MS);
    CHECK(clock_ns() - start >= 2 * MS);
    return NULL;
}

static const struct check {
    const char *name;
    const char *(*fn)(void);
} checks[] = {
    {"pages", check_pages},          {"heap", check_heap},      {"threads", check_threads},
    {"stacks", check_stacks},        {"timers", check_timers},  {"calls", selftest_calls},
    {"syncs", selftest_syncs},       {"wakes", selftest_wakes}, {"locks", selftest_locks},
    {"alarms", selftest_smp_timers}, {"work", selftest_work},   {"maps", selftest_mappings},
};
#define CHECK_CNT (sizeof(checks) / sizeof(checks[0]))

static int run_checks(void)
{
    const char *first = NULL;
    unsigned failed = 0;

    for (unsigned i = 0; i < CHECK_CNT; i++) {
        const char *wrong = checks[i].fn();

        print("%-8s %s%s\n", checks[i].name, wrong != NULL ? "FAIL: " : "pass",
              wrong != NULL ? wrong : "");
        if (wrong != NULL && failed++ == 0)
            first = checks[i].name;
    }
    at_line("result", "name=selftest.passed value=%u unit=checks", (unsigned)CHECK_CNT - failed);
    at_line("result", "name=selftest.failed value=%u unit=checks", failed);
    return failed == 0 ? 0 : console_fail(-EIO, "%u failed, first: %s", failed, first);
}

/* "2" or "all". */
static int parse_cpus(const char *text, cpu_mask_t *cpus)
{
    unsigned long long cpu;
    int rc;

    *cpus = cpu_mask_all();
    if (strcmp(text, "all") == 0)
        return 0;
    rc = console_number(text, "CPU", &cpu);
    if (rc != 0)
        return rc;
    if (cpu >= cpu_count())
        return console_fail(-ENODEV, "CPU %llu is not in use", cpu);
    *cpus = CPU_MASK(cpu);
    return 0;
}

static const struct selftest_suite *find_suite(const char *name)
{
    const struct selftest_suite *suite = __start_selftest_suites;

    while (suite < __stop_selftest_suites && strcmp(suite->name, name) != 0)
        suite++;
    return suite < __stop_selftest_suites ? suite : NULL;
}

static int selftest_run(int argc, char **argv)
{
    cpu_mask_t cpus = CPU_MASK(cpu_this()->id);
    const struct selftest_suite *suite = argc == 2 ? find_suite(argv[1]) : NULL;
    int rc = 0;

    if (argc == 1)
        return run_checks();
    if (suite != NULL)
        return suite->run();
    if (argc < 3 || argc > 4 || strcmp(argv[1], "fault") != 0)
        return console_usage();
    if (argc == 4)
        rc = parse_cpus(argv[3], &cpus);
    return rc != 0 ? rc : selftest_fault(argv[2], cpus);
}

CONSOLE_COMMAND(
    selftest, .name = "selftest",
    .usage =
        "selftest\n"
        "selftest virtio\n"
        "selftest fault null|page|stack|ud|div|write-text|write-rodata|exec-data|panic [CPU|all]",
    .summary =
        "check memory, threads, timers, CPUs; virtio rules; or provoke a fault, which stops it all",
    .run = selftest_run);
