/* The balloon driver against a device that keeps account of every page: what it is given is not in
 * use, what it gives back was its own. And against devices that break the rules. */
/* sources: drivers/virtio_balloon_pages.c virtio/virtio.c virtio/virtio_features.c
 * virtio/virtio_watchdog.c virtio/virtio_queues.c virtio/virtio_config.c virtio/virtqueue.c
 * virtio/virtqueue_split.c virtio/virtqueue_split_alloc.c kernel/bootopt.c kernel/error.c
 * kernel/format.c kernel/timer.c tests/host/fake/log.c tests/host/fake/clock.c
 * tests/host/fake/work.c tests/host/fake/wait.c tests/host/fake/memory.c
 * tests/host/fake/fake_dma.c tests/host/fake/fake_ring.c tests/host/fake/fake_virtio.c
 * virtio/virtio_ring.c virtio/virtqueue_packed.c virtio/virtqueue_packed_in_order.c
 * virtio/virtqueue_packed_alloc.c virtio/virtqueue_split_in_order.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_dma.h"
#include "fake_driver_set.h"
#include "fake_log.h"
#include "fake_ring.h"
#include "fake_virtio.h"
#include "fake_wait.h"
#include "fake_work.h"
#include "kernel/bootopt.h"
#include "kernel/page.h"
#include "kernel/panic.h"

/* Included for its entry of the linker set, which here is the whole set. */
#include "drivers/virtio_balloon.c"
FAKE_DRIVER_SET(balloon);

#define BIT(n)  (1ull << (n))
#define DEV     (&device)
#define BALLOON ((struct virtio_balloon *)DEV->driver_data)
#define ROOM    3000u /* pages above the reserve */
#define PAGES   (VIRTIO_BALLOON_RESERVE_PAGES + ROOM)

static struct virtio_device device;
static struct fake_ring rings[3];
static bool added, silent;
static unsigned idle;
static uint32_t lie_id; /* added to the ids of used chains */

static bool used[PAGES + 1], host_has[PAGES + 1], may_reuse;
static unsigned free_cnt, host_cnt;
static size_t (*reclaimer)(size_t cnt);
static struct thread thread;
static bool no_thread;

int system_on_exit(void (*fn)(void))
{
    (void)fn;
    return 0;
}

struct thread *thread_create(const char *name, void (*fn)(void *), void *arg, size_t stack_len)
{
    (void)name;
    (void)fn;
    (void)arg;
    (void)stack_len;
    return no_thread ? NULL : &thread;
}

void thread_join(struct thread *t)
{
    assert_ptr_equal(t, &thread);
}

/* ---- memory: numbers that nobody looks behind ---- */

uint64_t page_alloc(size_t cnt, size_t align)
{
    assert_int_equal(cnt, 1);
    assert_int_equal(align, 1);
    for (uint64_t i = PAGES; i > 0; i--) {
        if (!used[i]) {
            used[i] = true;
            free_cnt--;
            return i * PAGE_SIZE;
        }
    }
    return 0;
}

void page_free(uint64_t pa, size_t cnt)
{
    uint64_t i = pa / PAGE_SIZE;

    assert_int_equal(cnt, 1);
    assert_true(i > 0 && i <= PAGES && used[i]);
    assert_true(!host_has[i] || may_reuse);
    used[i] = false;
    free_cnt++;
}

void page_stats(struct page_stats *stats)
{
    *stats = (struct page_stats){.total_cnt = PAGES, .free_cnt = free_cnt};
}

void page_set_reclaim(size_t (*fn)(size_t cnt))
{
    reclaimer = fn;
}

/* ---- the device ---- */

static void serve(unsigned queue, bool inflating)
{
    struct fake_chain chain;

    while (fake_ring_pop(&rings[queue], &chain)) {
        const uint32_t *pfns = (const uint32_t *)(uintptr_t)chain.pieces[0].pa;

        assert_int_equal(chain.cnt, 1);
        assert_int_equal(chain.out_cnt, 1);
        for (unsigned i = 0; i < chain.pieces[0].len / sizeof(*pfns); i++) {
            assert_true(pfns[i] > 0 && pfns[i] <= PAGES);
            assert_true(host_has[pfns[i]] != inflating);
            assert_true(used[pfns[i]] || (!inflating && may_reuse));
            host_has[pfns[i]] = inflating;
            host_cnt += inflating ? 1 : -1u;
        }
        fake_ring_use(&rings[queue], chain.head + lie_id, 0);
        virtqueue_interrupt(DEV->queues[queue]);
    }
}

/* While the thread sleeps; ends it when there has been nothing to do for a while. */
static void step(void)
{
    unsigned before = host_cnt;

    if (!silent && DEV->dead == NULL) {
        serve(VIRTIO_BALLOON_INFLATEQ, true);
        serve(VIRTIO_BALLOON_DEFLATEQ, false);
    }
    idle = host_cnt == before && !silent ? idle + 1 : 0;
    if (idle > 20)
        BALLOON->stop = true;
}

static uint32_t actual(void)
{
    uint32_t value;

    memcpy(&value, fake_virtio.config + VIRTIO_BALLOON_CFG_ACTUAL, sizeof(value));
    return value;
}

/* The host wants so many pages; the driver does what it can. */
static void want(uint32_t pages)
{
    memcpy(fake_virtio.config + VIRTIO_BALLOON_CFG_NUM_PAGES, &pages, sizeof(pages));
    idle = 0;
    BALLOON->stop = false;
    virtio_config_interrupt(DEV);
    fake_work_run();
    virtio_balloon_run(BALLOON);
}

static void assert_holds(uint32_t pages)
{
    assert_int_equal(host_cnt, pages);
    assert_int_equal(actual(), pages);
    assert_int_equal(free_cnt, PAGES - pages);
    assert_null(DEV->dead);
}

static int irq_setup(struct virtio_device *dev)
{
    for (unsigned i = 0; i < dev->queue_cnt; i++)
        fake_ring_attach(&rings[i], dev->queues[i],
                         virtio_has_feature(dev, VIRTIO_RING_F_EVENT_IDX));
    return 0;
}

static void irq_teardown(struct virtio_device *dev)
{
    (void)dev;
}

static const struct virtio_irq_ops irq_ops = {irq_setup, irq_teardown};

static void start(uint64_t features)
{
    fake_virtio.offered = BIT(VIRTIO_F_VERSION_1) | features;
    assert_int_equal(virtio_device_add(DEV), 0);
    added = true;
}

static int setup(void **state)
{
    (void)state;
    bootopt_init("");
    fake_log_clear();
    timers_init();
    fake_virtio_reset();
    fake_virtio_ops.irq = &irq_ops;
    memset(DEV, 0, sizeof(*DEV));
    list_init(&DEV->link);
    DEV->bus_name = "00:03.0";
    DEV->device_id = VIRTIO_ID_BALLOON;
    DEV->transport = &fake_virtio_ops;
    memset(used, 0, sizeof(used));
    memset(host_has, 0, sizeof(host_has));
    free_cnt = PAGES;
    host_cnt = lie_id = 0;
    added = silent = may_reuse = no_thread = false;
    fake_wait_step = step;
    fake_dma_fail_after = -1;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    may_reuse = true; /* the device is reset */
    if (added)
        virtio_device_remove(DEV);
    return fake_dma_in_use != 0 || free_cnt != PAGES || reclaimer != NULL;
}

static void test_holds_what_the_host_wants(void **state)
{
    static const uint32_t sizes[] = {1, 0, 255, 256, 257, 1024, 1025, 2999, 3000, 1023, 1, 0};

    (void)state;
    start(0);
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        want(sizes[i]);
        assert_holds(sizes[i]);
    }
    assert_true(fake_log_has("kind=balloon pages=2999 target=2999"));
}

static void test_some_memory_stays_free_whatever_the_host_wants(void **state)
{
    static const uint32_t sizes[] = {ROOM + 1, PAGES, 0x80000000, 0xffffffff};

    (void)state;
    start(0);
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        want(sizes[i]);
        assert_holds(ROOM);
    }
    assert_true(fake_log_has("pages=3000 target=4294967295"));
    want(100);
    assert_holds(100);
}

static void test_goes_on_when_memory_has_become_free(void **state)
{
    uint64_t pages[500];

    (void)state;
    start(0);
    for (unsigned i = 0; i < 500; i++)
        pages[i] = page_alloc(1, 1);
    want(ROOM);
    assert_int_equal(host_cnt, ROOM - 500);
    for (unsigned i = 0; i < 500; i++)
        page_free(pages[i], 1);
    idle = 0;
    BALLOON->stop = false;
    virtio_balloon_run(BALLOON); /* nobody said anything: it looks again by itself */
    assert_holds(ROOM);
}

/* Only where the device allows it, and where the host need not be told before. */
static void test_memory_comes_back_at_once_where_it_may(void **state)
{
    static const uint64_t features[] = {0, BIT(VIRTIO_BALLOON_F_DEFLATE_ON_OOM) |
                                               BIT(VIRTIO_BALLOON_F_MUST_TELL_HOST)};

    for (unsigned i = 0; i < 2; i++) {
        setup(state);
        start(features[i]);
        want(2000);
        assert_null(reclaimer);
        assert_int_equal(virtio_balloon_reclaim(BALLOON, 1), 0);
        assert_int_equal(teardown(state), 0);
    }
    setup(state);
    start(BIT(VIRTIO_BALLOON_F_DEFLATE_ON_OOM));
    want(2000);
    assert_int_equal(reclaimer(1), 0); /* there is enough */
    want(ROOM);
    may_reuse = true;
    assert_int_equal(reclaimer(1), 256);
    assert_int_equal(reclaimer(1500), 1500);
    assert_int_equal(host_cnt, ROOM);
    assert_int_equal(free_cnt, PAGES - ROOM + 1756);
    idle = 0;
    virtio_balloon_run(BALLOON); /* tells the host, and does not take them again */
    assert_int_equal(reclaimer(2000), ROOM - 1756);
    assert_int_equal(reclaimer(PAGES), 0);
    BALLOON->stop = false;
    idle = 0;
    virtio_balloon_run(BALLOON);
    assert_holds(0);
    want(ROOM); /* nothing new */
    assert_holds(0);
    want(1999);
    assert_holds(1999);
}

/* While the device has been told of pages and has not answered, and while it gives some back. */
static bool reclaim_now;
static uint64_t needed[PAGES];
static unsigned needed_cnt;

static void reclaiming_step(void)
{
    if (reclaim_now) {
        size_t got = reclaimer(300);

        assert_true(BALLOON->inflating ? got == 0 : got <= 300);
        while (got-- > 0)
            needed[needed_cnt++] = page_alloc(1, 1);
    }
    step();
}

static void test_memory_is_wanted_while_the_thread_waits(void **state)
{
    (void)state;
    start(BIT(VIRTIO_BALLOON_F_DEFLATE_ON_OOM));
    needed_cnt = 0;
    fake_wait_step = reclaiming_step;
    may_reuse = reclaim_now = true;
    want(ROOM);
    assert_int_equal(needed_cnt, ROOM);
    assert_int_equal(host_cnt, 0); /* all was needed */
    assert_int_equal(actual(), 0);
    reclaim_now = false;
    while (needed_cnt > 0)
        page_free(needed[--needed_cnt], 1);
    want(700);
    assert_holds(700);
}

static void test_statistics_go_out_each_time_they_are_wanted(void **state)
{
    struct virtio_balloon_stat stats[VIRTIO_BALLOON_STAT_CNT];
    struct fake_chain chain;

    (void)state;
    start(BIT(VIRTIO_BALLOON_F_STATS_VQ) | BIT(VIRTIO_RING_F_EVENT_IDX));
    for (unsigned i = 0; i < 5; i++) {
        assert_true(fake_ring_pop(&rings[VIRTIO_BALLOON_STATSQ], &chain));
        assert_int_equal(chain.out_cnt, 1);
        assert_int_equal(chain.pieces[0].len, sizeof(stats));
        memcpy(stats, (const void *)(uintptr_t)chain.pieces[0].pa, sizeof(stats));
        assert_int_equal(stats[0].tag, VIRTIO_BALLOON_S_MEMFREE);
        assert_int_equal(stats[0].val, (PAGES - i * 100) * PAGE_SIZE);
        assert_int_equal(stats[1].tag, VIRTIO_BALLOON_S_MEMTOT);
        assert_int_equal(stats[1].val, (PAGES - i * 100) * PAGE_SIZE);
        assert_false(fake_ring_pop(&rings[VIRTIO_BALLOON_STATSQ], &chain));
        want((i + 1) * 100);
        fake_ring_use(&rings[VIRTIO_BALLOON_STATSQ], chain.head, 0);
        virtqueue_interrupt(DEV->queues[VIRTIO_BALLOON_STATSQ]);
        assert_int_equal(rings[VIRTIO_BALLOON_STATSQ].interrupts, i + 1);
    }
}

static void test_devices_that_break_the_rules_are_given_up(void **state)
{
    (void)state;
    start(0);
    silent = true;
    want(1000);
    assert_string_equal(DEV->dead, "a request was not answered in time");
    assert_int_equal(BALLOON->given, 256); /* which nobody uses any more */
    assert_int_equal(teardown(state), 0);
    setup(state);
    start(0);
    lie_id = 1;
    want(1000);
    assert_non_null(DEV->dead);
    assert_int_equal(teardown(state), 0);
    setup(state);
    start(0);
    want(1000);
    silent = may_reuse = true;
    want(0);
    assert_non_null(DEV->dead);
    assert_int_equal(BALLOON->given, 1000 - 256); /* the host was told of the others */
}

static void test_a_failed_probe_leaves_nothing(void **state)
{
    (void)state;
    fake_virtio.offered = BIT(VIRTIO_BALLOON_F_STATS_VQ);
    for (int i = 0; i < 4; i++) {
        fake_dma_fail_after = i;
        assert_int_equal(virtio_device_add(DEV), -ENOMEM);
        assert_int_equal(fake_dma_in_use, 0);
    }
    fake_dma_fail_after = -1;
    no_thread = true;
    assert_int_equal(virtio_device_add(DEV), -ENOMEM);
    assert_int_equal(fake_dma_in_use, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(holds_what_the_host_wants),
        TEST(some_memory_stays_free_whatever_the_host_wants),
        TEST(goes_on_when_memory_has_become_free),
        TEST(memory_comes_back_at_once_where_it_may),
        TEST(memory_is_wanted_while_the_thread_waits),
        TEST(statistics_go_out_each_time_they_are_wanted),
        TEST(devices_that_break_the_rules_are_given_up),
        TEST(a_failed_probe_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
