/* Lost interrupts: used work that was to be announced and was not is completed, counted and warned
 * about once; nothing else is touched. */
/* sources: virtio/virtio_watchdog.c virtio/virtqueue.c virtio/virtqueue_split.c
 * virtio/virtqueue_split_alloc.c kernel/format.c kernel/timer.c tests/host/fake/log.c
 * tests/host/fake/work.c
 * tests/host/fake/clock.c tests/host/fake/fake_dma.c tests/host/fake/fake_ring.c
 * tests/host/fake/fake_virtio.c */
/* sources: virtio/virtqueue_split_in_order.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "fake_clock.h"
#include "fake_dma.h"
#include "fake_log.h"
#include "fake_ring.h"
#include "fake_virtio.h"
#include "fake_work.h"
#include "virtio/virtio_impl.h"

#define PERIOD_NS 250000000ull

static struct virtio_device dev;
static struct virtqueue *vq;
static struct fake_ring ring;
static struct virtqueue_seg seg = {0x1000, 1};
static unsigned completed, lost_cnt, tick_cnt, notify_cnt, tokens;
static bool watched, take_nothing, pending, slow_cpu;
static cpu_mask_t called;

static bool irq_watched(struct virtio_device *device)
{
    (void)device;
    return watched;
}

static void irq_tick(struct virtio_device *device)
{
    (void)device;
    tick_cnt++;
}

static void irq_lost(struct virtqueue *queue)
{
    assert_ptr_equal(queue, vq);
    lost_cnt++;
}

static unsigned irq_cpu(const struct virtqueue *queue)
{
    assert_ptr_equal(queue, vq);
    return 2;
}

static const struct virtio_irq_ops irq_ops = {
    .watched = irq_watched, .tick = irq_tick, .lost = irq_lost, .cpu = irq_cpu};

/* Four CPUs; an interrupt that is pending on one of them gets there when it is waited for. */
unsigned cpu_count(void)
{
    return 4;
}

void smp_sync(cpu_mask_t mask)
{
    assert_int_equal(mask, 0xf);
    if (slow_cpu)
        fake_clock_advance(5 * PERIOD_NS);
    if (pending)
        assert_true(virtqueue_interrupt(vq));
    pending = false;
}

void smp_call(cpu_mask_t mask, void (*fn)(void *arg), void *arg)
{
    called = mask;
    fn(arg);
}

/* Time passes, with what the worker has to do at its end. */
static void advance(uint64_t ns)
{
    fake_clock_advance(ns);
    fake_work_run();
}

static void on_used(struct virtqueue *queue)
{
    uint32_t len;

    while (!take_nothing && virtqueue_get(queue, &len) != NULL)
        completed++;
}

static void notify(struct virtqueue *queue)
{
    assert_ptr_equal(queue, vq);
    notify_cnt++;
}

static void begin(bool event_idx)
{
    vq = virtqueue_split_alloc(&(struct virtqueue_params){
        .name = "req0",
        .dev_name = "blk0",
        .dev = &dev,
        .size = 8,
        .event_idx = event_idx,
        .notify = notify,
        .callback = on_used,
    });
    assert_non_null(vq);
    fake_ring_attach(&ring, vq, event_idx);
    dev.queues[0] = vq;
    dev.queue_cnt = 2; /* the second is no queue */
    dev.irqs_set_up = true;
    virtio_watchdog_start(&dev);
}

static void end(void)
{
    virtio_watchdog_stop(&dev);
    virtqueue_free(vq);
    memset(&dev, 0, sizeof(dev));
    dev.transport = &fake_virtio_ops;
    lost_cnt = completed = 0;
    take_nothing = false;
    fake_log_clear();
}

static int setup(void **state)
{
    (void)state;
    fake_clock_now_ns = 0;
    timers_init();
    fake_virtio_reset();
    fake_virtio_ops.irq = &irq_ops;
    memset(&dev, 0, sizeof(dev));
    dev.transport = &fake_virtio_ops;
    watched = true;
    take_nothing = pending = slow_cpu = false;
    called = 0;
    completed = lost_cnt = tick_cnt = 0;
    fake_log_clear();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return fake_dma_in_use != 0;
}

/* The device takes @cnt chains and uses them; its interrupt is up to the test. */
static void use(unsigned cnt)
{
    struct fake_chain chain;

    for (unsigned i = 0; i < cnt; i++)
        assert_int_equal(virtqueue_add(vq, &seg, 0, 1, &tokens), 0);
    virtqueue_kick(vq);
    for (unsigned i = 0; i < cnt; i++) {
        assert_true(fake_ring_pop(&ring, &chain));
        fake_ring_use(&ring, chain.head, 1);
    }
}

static void assert_lost(unsigned cnt)
{
    assert_int_equal(vq->lost_cnt, cnt);
    assert_int_equal(lost_cnt, cnt);
}

static void check_lost(bool event_idx)
{
    begin(event_idx);
    use(2);
    advance(2 * PERIOD_NS - 1);
    assert_int_equal(completed, 0); /* seen once: it may be on its way */
    advance(1);
    assert_int_equal(completed, 2);
    assert_lost(1);
    assert_int_equal(called, CPU_MASK(2)); /* which takes its interrupts now */
    assert_int_equal(vq->interrupt_cnt, 0);
    assert_true(fake_log_has("blk0: queue req0: an interrupt was lost"));
    advance(10 * PERIOD_NS);
    assert_lost(1);

    /* Again, but it is not said again. */
    fake_log_clear();
    use(1);
    advance(2 * PERIOD_NS);
    assert_int_equal(completed, 3);
    assert_lost(2);
    assert_false(fake_log_has("lost"));
    end();
}

static void test_a_lost_interrupt_is_made_up_for(void **state)
{
    (void)state;
    check_lost(true);
    check_lost(false);
}

static void test_an_interrupt_that_comes_late_is_none_that_is_lost(void **state)
{
    (void)state;
    begin(true);
    use(1);
    advance(PERIOD_NS + PERIOD_NS / 2);
    assert_true(virtqueue_interrupt(vq));
    assert_int_equal(completed, 1);
    /* New work since: its own period begins. */
    use(1);
    advance(PERIOD_NS);
    assert_int_equal(completed, 1);
    assert_true(virtqueue_interrupt(vq));
    advance(10 * PERIOD_NS);
    assert_lost(0);
    end();
}

static void test_an_interrupt_may_wait_for_its_cpu(void **state)
{
    (void)state;
    begin(true);
    use(1);
    pending = true;
    advance(2 * PERIOD_NS);
    assert_false(pending);
    assert_int_equal(completed, 1);
    assert_lost(0);
    advance(2 * PERIOD_NS);
    assert_lost(0);
    end();
}

static void test_a_cpu_may_take_its_time_for_a_pending_interrupt(void **state)
{
    (void)state;
    begin(true);
    use(1);
    pending = slow_cpu = true;
    advance(2 * PERIOD_NS);
    assert_false(pending);
    assert_int_equal(completed, 1);
    assert_lost(0);
    end();
}

static void test_a_worker_that_is_busy_finds_what_is_so_then(void **state)
{
    (void)state;
    begin(true);
    use(1);
    fake_clock_advance(2 * PERIOD_NS);
    assert_lost(0);
    use(1);
    assert_true(virtqueue_interrupt(vq));
    assert_int_equal(fake_work_run(), 1);
    assert_lost(0);
    use(1);
    fake_clock_advance(2 * PERIOD_NS);
    virtio_watchdog_stop(&dev);
    assert_int_equal(fake_work_run(), 0);
    end();
}

static void test_a_worker_that_never_runs_is_not_waited_for(void **state)
{
    (void)state;
    begin(true);
    use(2);
    fake_clock_advance(3 * PERIOD_NS - 1);
    assert_lost(0);
    fake_clock_advance(1);
    assert_int_equal(completed, 2);
    assert_lost(1);
    assert_int_equal(called, 0);
    assert_int_equal(fake_work_run(), 1);
    assert_lost(1);
    end();
}

static void test_work_that_an_interrupt_announced_may_wait(void **state)
{
    (void)state;
    begin(true);
    use(1);
    advance(PERIOD_NS);
    take_nothing = true;
    assert_true(virtqueue_interrupt(vq));
    advance(PERIOD_NS);
    assert_lost(0);
    end();
}

static void check_not_wanted(bool event_idx)
{
    begin(event_idx);
    virtqueue_disable_cb(vq);
    use(3);
    advance(10 * PERIOD_NS);
    assert_lost(0);
    assert_int_equal(completed, 0);
    end();
}

static void test_work_that_was_not_to_be_announced_is_left_alone(void **state)
{
    (void)state;
    check_not_wanted(true);
    check_not_wanted(false);
}

static void test_an_interrupt_asked_for_later_is_not_overdue_before(void **state)
{
    (void)state;
    begin(true);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(virtqueue_add(vq, &seg, 0, 1, &tokens), 0);
    assert_false(virtqueue_enable_cb_delayed(vq));
    use(2); /* of six; the interrupt is to come with the fourth */
    advance(10 * PERIOD_NS);
    assert_lost(0);
    end();
}

static void test_what_is_not_to_be_watched_is_not(void **state)
{
    (void)state;
    watched = false;
    begin(true);
    use(1);
    advance(10 * PERIOD_NS);
    assert_int_equal(tick_cnt, 0);
    assert_lost(0);
    end();

    watched = true;
    begin(true);
    use(1);
    virtqueue_break(vq, "for the test");
    advance(10 * PERIOD_NS);
    assert_int_equal(tick_cnt, 10);
    assert_lost(0);
    dev.dead = "for the test";
    advance(10 * PERIOD_NS);
    assert_int_equal(tick_cnt, 10);
    end();
}

static void give_one(void)
{
    assert_int_equal(virtqueue_add(vq, &seg, 0, 1, &tokens), 0);
    virtqueue_kick(vq);
}

static void check_left_alone(bool interrupts)
{
    struct fake_chain chain;

    watched = interrupts;
    begin(true);
    vq->prompt = true;
    virtio_watchdog_stop(&dev);
    virtio_watchdog_start(&dev);
    notify_cnt = 0;
    give_one();
    advance(5 * PERIOD_NS - 1);
    assert_int_equal(vq->again_cnt, 0);
    advance(1);
    assert_int_equal(vq->again_cnt, 1);
    assert_int_equal(notify_cnt, 2); /* the kick's was the first */
    assert_true(fake_log_has("blk0: queue req0: the device leaves chains alone"));
    fake_log_clear();
    advance(1000 * PERIOD_NS);
    assert_int_equal(vq->again_cnt, 30);
    assert_false(fake_log_has("alone"));

    /* It gets on, and then stops again. */
    assert_true(fake_ring_pop(&ring, &chain));
    fake_ring_use(&ring, chain.head, 1);
    assert_true(virtqueue_interrupt(vq));
    advance(100 * PERIOD_NS);
    assert_int_equal(vq->again_cnt, 30);
    give_one();
    advance(5 * PERIOD_NS);
    assert_int_equal(vq->again_cnt, 31);
    end();
}

static void test_a_device_that_leaves_chains_alone_is_notified_again(void **state)
{
    (void)state;
    check_left_alone(true);
    check_left_alone(false); /* whether or not its interrupts can be lost */
}

static void test_a_device_that_may_wait_is_not_notified_again(void **state)
{
    (void)state;
    begin(true);
    give_one();
    advance(100 * PERIOD_NS);
    assert_int_equal(vq->again_cnt, 0);
    end();
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_lost_interrupt_is_made_up_for),
        TEST(an_interrupt_that_comes_late_is_none_that_is_lost),
        TEST(an_interrupt_may_wait_for_its_cpu),
        TEST(a_cpu_may_take_its_time_for_a_pending_interrupt),
        TEST(a_worker_that_is_busy_finds_what_is_so_then),
        TEST(a_worker_that_never_runs_is_not_waited_for),
        TEST(work_that_an_interrupt_announced_may_wait),
        TEST(work_that_was_not_to_be_announced_is_left_alone),
        TEST(an_interrupt_asked_for_later_is_not_overdue_before),
        TEST(what_is_not_to_be_watched_is_not),
        TEST(a_device_that_leaves_chains_alone_is_notified_again),
        TEST(a_device_that_may_wait_is_not_notified_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
