/* Threaded actions: top and bottom half, one-shot masking, and their end. */
/* sources: irq/irq.c irq/irq_action.c irq/irq_affinity.c irq/irq_dispatch.c irq/irq_thread.c
 * kernel/format.c kernel/mutex.c kernel/timer.c tests/host/fake/fake_intr.c
 * tests/host/fake/fake_thread.c tests/host/fake/wait.c tests/host/fake/clock.c
 * tests/host/fake/panic.c tests/host/fake/log.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_intr.h"
#include "fake_panic.h"
#include "fake_thread.h"
#include "irq/irq.h"

static bool masked;

static void chip_mask(struct irq_data *data)
{
    (void)data;
    masked = true;
}

static void chip_unmask(struct irq_data *data)
{
    (void)data;
    masked = false;
}

static int chip_route(struct irq_data *data)
{
    (void)data;
    return 0;
}

static const struct irq_chip chip = {
    .name = "fake", .mask = chip_mask, .unmask = chip_unmask, .route = chip_route};

/* A device with both halves. */
struct device {
    unsigned top_cnt, thread_cnt;
    enum irq_return answer;
    void (*in_thread)(struct device *device); /* what happens while thread_fn runs */
};

static unsigned irq;

static enum irq_return top(void *cookie)
{
    struct device *device = cookie;

    device->top_cnt++;
    return device->answer;
}

static void bottom(void *cookie)
{
    struct device *device = cookie;
    void (*in_thread)(struct device *) = device->in_thread;

    device->thread_cnt++;
    device->in_thread = NULL;
    if (in_thread)
        in_thread(device);
}

static void deliver(void)
{
    assert_true(fake_intr_deliver_on(irq_get(irq)->data.cpu, irq_get(irq)->data.vector));
}

static bool run(const char *name)
{
    struct thread *thread = fake_thread_find(name);

    assert_non_null(thread);
    return fake_thread_run(thread);
}

static int setup(void **state)
{
    (void)state;
    fake_intr_reset_cpus(4, 4);
    fake_thread_reset();
    irq = (unsigned)irq_alloc(&chip, NULL, 0, CPU_MASK(2));
    assert_true(irq > 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    irq_free(irq);
    assert_int_equal(fake_thread_cnt(), 0);
    assert_int_equal(fake_intr_used(), 0);
    return 0;
}

static void test_the_top_half_decides_whether_the_thread_runs(void **state)
{
    struct device dev = {.answer = IRQ_HANDLED};

    (void)state;
    assert_int_equal(irq_request_threaded(irq, top, bottom, 0, &dev, "dev"), 0);
    assert_int_equal(fake_thread_find("irq-dev")->cpu, 2);
    deliver();
    assert_false(run("irq-dev"));
    assert_int_equal(dev.thread_cnt, 0);
    dev.answer = IRQ_WAKE_THREAD;
    deliver();
    assert_false(masked);
    assert_int_equal(dev.thread_cnt, 0);
    assert_false(run("irq-dev"));
    assert_int_equal(dev.thread_cnt, 1);
    dev.answer = IRQ_NONE;
    deliver();
    assert_false(run("irq-dev"));
    assert_int_equal(dev.thread_cnt, 1);
    assert_int_equal(irq_get(irq)->spurious_cnt, 1);
    assert_int_equal(dev.top_cnt, 3);
    irq_release(irq, &dev);
}

static void test_wake_ups_before_the_thread_runs_are_one(void **state)
{
    struct device dev = {.answer = IRQ_WAKE_THREAD};

    (void)state;
    irq_request_threaded(irq, top, bottom, 0, &dev, "dev");
    deliver();
    deliver();
    run("irq-dev");
    assert_int_equal(dev.thread_cnt, 1);
    irq_release(irq, &dev);
}

static void deliver_again(struct device *device)
{
    (void)device;
    deliver();
}

static void test_a_wake_up_while_the_thread_runs_is_another_round(void **state)
{
    struct device dev = {.answer = IRQ_WAKE_THREAD, .in_thread = deliver_again};

    (void)state;
    irq_request_threaded(irq, top, bottom, 0, &dev, "dev");
    deliver();
    run("irq-dev");
    assert_int_equal(dev.thread_cnt, 2);
    irq_release(irq, &dev);
}

static void expect_masked(struct device *device)
{
    (void)device;
    assert_true(masked);
}

static void test_one_shot_masks_until_the_thread_is_done(void **state)
{
    struct device dev = {.in_thread = expect_masked};

    (void)state;
    assert_int_equal(irq_request_threaded(irq, NULL, bottom, IRQF_ONESHOT, &dev, "dev"), 0);
    assert_false(masked);
    deliver();
    assert_true(masked);
    assert_int_equal(irq_get(irq)->masked, IRQ_MASK_ONESHOT);
    run("irq-dev");
    assert_int_equal(dev.thread_cnt, 1);
    assert_false(masked);
    irq_release(irq, &dev);
}

/* What was already on its way when the line was masked. */
static void test_one_shot_stays_masked_for_another_round(void **state)
{
    struct device dev = {.answer = IRQ_WAKE_THREAD, .in_thread = deliver_again};

    (void)state;
    irq_request_threaded(irq, top, bottom, IRQF_ONESHOT, &dev, "dev");
    deliver();
    run("irq-dev");
    assert_int_equal(dev.thread_cnt, 2);
    assert_int_equal(irq_get(irq)->oneshot_cnt, 0);
    assert_false(masked);
    irq_release(irq, &dev);
}

static void test_one_shot_waits_for_all_threads_of_the_line(void **state)
{
    struct device a = {.answer = IRQ_WAKE_THREAD}, b = {.answer = IRQ_WAKE_THREAD},
                  c = {.answer = IRQ_NONE};

    (void)state;
    irq_request_threaded(irq, top, bottom, IRQF_ONESHOT, &a, "a");
    irq_request_threaded(irq, top, bottom, IRQF_ONESHOT, &b, "b");
    irq_request_threaded(irq, top, bottom, IRQF_ONESHOT, &c, "c");
    assert_string_equal(irq_get(irq)->name, "a,b,c");
    deliver();
    assert_int_equal(irq_get(irq)->oneshot_cnt, 2);
    run("irq-b");
    assert_true(masked);
    run("irq-c");
    assert_true(masked);
    assert_int_equal(c.thread_cnt, 0);
    run("irq-a");
    assert_false(masked);
    irq_release(irq, &b);
    irq_release(irq, &c);
    irq_release(irq, &a);
}

static void test_one_shot_survives_mask_and_unmask_by_others(void **state)
{
    struct device dev = {0};

    (void)state;
    irq_request_threaded(irq, NULL, bottom, IRQF_ONESHOT, &dev, "dev");
    deliver();
    irq_mask(irq);
    irq_unmask(irq);
    assert_true(masked);
    irq_mask(irq);
    run("irq-dev");
    assert_true(masked);
    irq_unmask(irq);
    assert_false(masked);
    irq_release(irq, &dev);
}

static void move(struct device *device)
{
    (void)device;
    assert_int_equal(irq_set_affinity(irq, CPU_MASK(1)), 0);
    assert_int_equal(irq_get(irq)->data.cpu, 1);
    assert_true(masked);
}

static void test_one_shot_survives_a_move(void **state)
{
    struct device dev = {.in_thread = move};

    (void)state;
    irq_request_threaded(irq, NULL, bottom, IRQF_ONESHOT, &dev, "dev");
    deliver();
    run("irq-dev");
    assert_false(masked);
    deliver();
    run("irq-dev");
    assert_int_equal(dev.thread_cnt, 2);
    assert_int_equal(irq_get(irq)->cpu_cnt[1], 1);
    irq_release(irq, &dev);
}

static void test_release_before_the_thread_ran_drops_the_work_and_the_mask(void **state)
{
    struct device a = {.answer = IRQ_WAKE_THREAD}, b = {.answer = IRQ_HANDLED};

    (void)state;
    irq_request_threaded(irq, top, bottom, IRQF_ONESHOT, &a, "a");
    irq_request_threaded(irq, top, bottom, IRQF_ONESHOT, &b, "b");
    deliver();
    assert_true(masked);
    irq_release(irq, &a);
    assert_false(masked);
    assert_int_equal(a.thread_cnt, 0);
    assert_null(fake_thread_find("irq-a"));
    irq_release(irq, &b);
    assert_true(masked);
}

static void release_the_other(struct device *device)
{
    irq_release(irq, device + 1);
    assert_true(masked);
}

static void test_release_of_one_while_the_thread_of_another_runs(void **state)
{
    struct device devs[2] = {{.answer = IRQ_WAKE_THREAD, .in_thread = release_the_other},
                             {.answer = IRQ_WAKE_THREAD}};

    (void)state;
    irq_request_threaded(irq, top, bottom, IRQF_ONESHOT, &devs[0], "a");
    irq_request_threaded(irq, top, bottom, IRQF_ONESHOT, &devs[1], "b");
    deliver();
    run("irq-a");
    assert_false(masked);
    assert_int_equal(devs[0].thread_cnt, 1);
    assert_int_equal(devs[1].thread_cnt, 0);
    irq_release(irq, &devs[0]);
}

static void deliver_pending(cpu_mask_t mask)
{
    (void)mask;
    fake_smp_sync_hook = NULL;
    deliver();
}

/* A handler on another CPU that had begun before the action was unlinked is not waited for by the
 * thread, but by smp_sync(); it may wake others. */
static void test_release_while_an_interrupt_is_pending(void **state)
{
    struct device a = {.answer = IRQ_WAKE_THREAD}, b = {.answer = IRQ_WAKE_THREAD};

    (void)state;
    irq_request_threaded(irq, top, bottom, IRQF_ONESHOT, &a, "a");
    irq_request_threaded(irq, top, bottom, IRQF_ONESHOT, &b, "b");
    fake_smp_sync_hook = deliver_pending;
    irq_release(irq, &a);
    assert_null(fake_smp_sync_hook);
    assert_int_equal(a.top_cnt, 0);
    assert_int_equal(b.top_cnt, 1);
    assert_true(masked);
    run("irq-b");
    assert_false(masked);
    irq_release(irq, &b);
}

static void test_what_a_line_does_not_take(void **state)
{
    struct device a = {.answer = IRQ_HANDLED}, b = {0};

    (void)state;
    assert_int_equal(irq_request_threaded(irq, NULL, bottom, 0, &a, "a"), -EINVAL);
    assert_int_equal(irq_request_threaded(irq, top, NULL, IRQF_ONESHOT, &a, "a"), -EINVAL);
    assert_int_equal(irq_request_threaded(irq, top, bottom, 2, &a, "a"), -EINVAL);
    assert_int_equal(irq_request(irq, top, &a, "a"), 0);
    assert_int_equal(irq_request_threaded(irq, top, bottom, IRQF_ONESHOT, &b, "b"), -EBUSY);
    assert_int_equal(irq_request_threaded(irq, top, bottom, 0, &b, "b"), 0);
    irq_release(irq, &a);
    irq_release(irq, &b);
    assert_int_equal(irq_request_threaded(irq, top, bottom, IRQF_ONESHOT, &b, "b"), 0);
    assert_int_equal(irq_request(irq, top, &a, "a"), -EBUSY);
    assert_int_equal(irq_request_threaded(irq, top, bottom, IRQF_ONESHOT, &b, "b"), -EBUSY);
    irq_release(irq, &b);
}

static void test_no_thread_no_action(void **state)
{
    struct device dev = {0};

    (void)state;
    fake_thread_none_left = true;
    assert_int_equal(irq_request_threaded(irq, NULL, bottom, IRQF_ONESHOT, &dev, "dev"), -ENOMEM);
    assert_null(irq_get(irq)->actions);
    assert_true(masked);
    fake_thread_none_left = false;
    assert_int_equal(irq_request_threaded(irq, NULL, bottom, IRQF_ONESHOT, &dev, "dev"), 0);
    irq_release(irq, &dev);
}

static void test_waking_a_thread_that_is_not_there_is_our_bug(void **state)
{
    struct device dev = {.answer = IRQ_WAKE_THREAD};

    (void)state;
    irq_request(irq, top, &dev, "dev");
    assert_true(PANICS(deliver()));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_the_top_half_decides_whether_the_thread_runs),
        CASE(test_wake_ups_before_the_thread_runs_are_one),
        CASE(test_a_wake_up_while_the_thread_runs_is_another_round),
        CASE(test_one_shot_masks_until_the_thread_is_done),
        CASE(test_one_shot_stays_masked_for_another_round),
        CASE(test_one_shot_waits_for_all_threads_of_the_line),
        CASE(test_one_shot_survives_mask_and_unmask_by_others),
        CASE(test_one_shot_survives_a_move),
        CASE(test_release_before_the_thread_ran_drops_the_work_and_the_mask),
        CASE(test_release_of_one_while_the_thread_of_another_runs),
        CASE(test_release_while_an_interrupt_is_pending),
        CASE(test_what_a_line_does_not_take),
        CASE(test_no_thread_no_action),
        cmocka_unit_test_setup(test_waking_a_thread_that_is_not_there_is_our_bug, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
