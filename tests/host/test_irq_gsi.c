/* I/O APIC lines: shared by their users, masked and polled when nobody claims them. */
/* sources: irq/irq.c irq/irq_action.c irq/irq_affinity.c irq/irq_dispatch.c irq/irq_gsi.c
 * irq/irq_thread.c kernel/format.c kernel/mutex.c kernel/timer.c tests/host/fake/fake_intr.c
 * tests/host/fake/fake_thread.c tests/host/fake/wait.c tests/host/fake/clock.c
 * tests/host/fake/panic.c tests/host/fake/log.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_clock.h"
#include "fake_intr.h"
#include "fake_log.h"
#include "fake_panic.h"
#include "fake_thread.h"
#include "irq/irq.h"

#define GSI 11

struct device {
    unsigned cnt, poll_cnt, thread_cnt;
    enum irq_return answer;
};

static enum irq_return handle(void *cookie)
{
    struct device *device = cookie;

    device->cnt++;
    return device->answer;
}

static void poll(void *cookie)
{
    ((struct device *)cookie)->poll_cnt++;
}

static void bottom(void *cookie)
{
    ((struct device *)cookie)->thread_cnt++;
}

static int setup(void **state)
{
    (void)state;
    fake_intr_reset_cpus(2, 8);
    fake_thread_reset();
    fake_log_clear();
    timers_init();
    return 0;
}

static unsigned get(enum intr_trigger trigger)
{
    const int irq = irq_gsi_get(GSI, trigger);

    assert_true(irq > 0);
    return (unsigned)irq;
}

static void put(unsigned irq)
{
    irq_gsi_put(irq);
    assert_null(irq_get(irq));
    assert_int_equal(fake_intr_used(), 0);
}

static bool deliver(unsigned cnt)
{
    bool all = true;

    while (cnt-- > 0)
        all &= fake_intr_deliver_on(fake_gsis[GSI].cpu, fake_gsis[GSI].vector);
    return all;
}

static void test_users_share_one_descriptor(void **state)
{
    const unsigned irq = get(INTR_LEVEL_HIGH);

    (void)state;
    assert_string_equal(irq_get(irq)->data.chip->name, "ioapic");
    assert_int_equal(irq_get(irq)->data.entry, GSI);
    assert_int_equal(fake_gsis[GSI].trigger, INTR_LEVEL_HIGH);
    assert_int_equal(fake_gsis[GSI].vector, irq_get(irq)->data.vector);
    assert_int_equal(get(INTR_LEVEL_HIGH), irq);
    assert_int_equal(irq_gsi_get(GSI, INTR_LEVEL_LOW), -EBUSY);
    assert_int_equal(fake_intr_used(), 1);
    irq_gsi_put(irq);
    assert_non_null(irq_get(irq));
    put(irq);
    assert_int_equal(get(INTR_LEVEL_LOW), irq);
    put(irq);
}

static void test_lines_that_are_not_there(void **state)
{
    (void)state;
    assert_int_equal(irq_gsi_get(FAKE_GSI_MAX, INTR_LEVEL_LOW), -ENODEV);
    assert_int_equal(fake_intr_used(), 0);
    fake_intr_reset(0);
    assert_int_equal(irq_gsi_get(GSI, INTR_LEVEL_LOW), -ENOSPC);
}

static void test_all_users_are_asked(void **state)
{
    struct device a = {.answer = IRQ_HANDLED}, b = {.answer = IRQ_NONE};
    const unsigned irq = get(INTR_LEVEL_LOW);

    (void)state;
    assert_false(fake_gsis[GSI].unmasked);
    assert_int_equal(irq_request(irq, handle, &a, "net0"), 0);
    assert_true(fake_gsis[GSI].unmasked);
    assert_int_equal(irq_request_line(irq, handle, poll, &b, "blk0"), 0);
    assert_string_equal(irq_get(irq)->name, "net0,blk0");
    assert_true(deliver(3));
    assert_int_equal(a.cnt, 3);
    assert_int_equal(b.cnt, 3);
    assert_int_equal(irq_get(irq)->spurious_cnt, 0);
    irq_release(irq, &a);
    assert_true(fake_gsis[GSI].unmasked);
    irq_release(irq, &b);
    assert_false(fake_gsis[GSI].unmasked);
    put(irq);
}

static void test_a_line_that_nobody_claims_is_masked_and_polled(void **state)
{
    struct device a = {.answer = IRQ_NONE}, b = {.answer = IRQ_NONE};
    const unsigned irq = get(INTR_LEVEL_LOW);

    (void)state;
    irq_request_line(irq, handle, poll, &a, "net0");
    irq_request(irq, handle, &b, "blk0");
    deliver(IRQ_UNCLAIMED_MAX - 1);
    assert_true(fake_gsis[GSI].unmasked);
    assert_string_equal(fake_log_text(), "");
    deliver(1);
    assert_false(fake_gsis[GSI].unmasked);
    assert_string_equal(
        fake_log_text(),
        "warning: irq: nobody claims line net0,blk0 (GSI 11): masked, its devices are polled\n"
        "@event name=net0,blk0 kind=irq-off\n");
    assert_int_equal(irq_get(irq)->spurious_cnt, IRQ_UNCLAIMED_MAX);
    assert_int_equal(a.poll_cnt, 0);
    fake_clock_advance(5 * IRQ_POLL_NS);
    assert_int_equal(a.poll_cnt, 5);
    assert_int_equal(a.cnt, IRQ_UNCLAIMED_MAX);
    assert_int_equal(b.cnt, IRQ_UNCLAIMED_MAX + 5);
    assert_int_equal(irq_get(irq)->poll_cnt, 5);
    assert_int_equal(irq_get(irq)->spurious_cnt, IRQ_UNCLAIMED_MAX);

    /* One goes, the other is polled on. */
    irq_release(irq, &a);
    fake_clock_advance(2 * IRQ_POLL_NS);
    assert_int_equal(a.poll_cnt, 5);
    assert_int_equal(b.cnt, IRQ_UNCLAIMED_MAX + 7);
    irq_unmask(irq);
    assert_false(fake_gsis[GSI].unmasked);
    irq_release(irq, &b);
    put(irq);
    fake_clock_advance(2 * IRQ_POLL_NS);
    assert_int_equal(b.cnt, IRQ_UNCLAIMED_MAX + 7);
}

static void test_a_claim_begins_the_count_again(void **state)
{
    struct device a = {.answer = IRQ_NONE};
    const unsigned irq = get(INTR_LEVEL_LOW);

    (void)state;
    irq_request(irq, handle, &a, "net0");
    for (unsigned i = 0; i < 3; i++) {
        a.answer = IRQ_NONE;
        deliver(IRQ_UNCLAIMED_MAX - 1);
        a.answer = IRQ_HANDLED;
        deliver(1);
    }
    assert_true(fake_gsis[GSI].unmasked);
    a.answer = IRQ_NONE;
    deliver(IRQ_UNCLAIMED_MAX);
    assert_false(fake_gsis[GSI].unmasked);
    irq_release(irq, &a);
    put(irq);
}

static void test_new_users_give_the_line_another_chance(void **state)
{
    struct device a = {.answer = IRQ_NONE};
    const unsigned irq = get(INTR_LEVEL_LOW);

    (void)state;
    irq_request(irq, handle, &a, "net0");
    deliver(IRQ_UNCLAIMED_MAX);
    irq_release(irq, &a);
    a = (struct device){.answer = IRQ_HANDLED};
    irq_request(irq, handle, &a, "net0");
    assert_true(fake_gsis[GSI].unmasked);
    fake_clock_advance(3 * IRQ_POLL_NS);
    assert_int_equal(a.cnt, 0);
    deliver(1);
    assert_int_equal(a.cnt, 1);
    a.answer = IRQ_NONE;
    deliver(IRQ_UNCLAIMED_MAX);
    assert_false(fake_gsis[GSI].unmasked);
    irq_release(irq, &a);
    put(irq);
}

static void test_polling_wakes_threads(void **state)
{
    struct device a = {.answer = IRQ_NONE};
    const unsigned irq = get(INTR_LEVEL_LOW);

    (void)state;
    irq_request_threaded(irq, handle, bottom, IRQF_ONESHOT, &a, "net0");
    deliver(IRQ_UNCLAIMED_MAX);
    a.answer = IRQ_WAKE_THREAD;
    fake_clock_advance(IRQ_POLL_NS);
    fake_thread_run(fake_thread_find("irq-net0"));
    assert_int_equal(a.thread_cnt, 1);
    assert_int_equal(irq_get(irq)->masked, IRQ_MASK_UNCLAIMED);
    irq_release(irq, &a);
    put(irq);
}

/* What the controller does with an edge: nothing while its input is masked. */
static void edge(void)
{
    if (fake_gsis[GSI].unmasked)
        deliver(1);
}

static void edge_hook(cpu_mask_t mask)
{
    (void)mask;
    fake_smp_sync_hook = NULL;
    edge();
}

static void test_an_edge_that_comes_during_a_move_is_not_lost(void **state)
{
    struct device a = {.answer = IRQ_HANDLED};
    const unsigned irq = get(INTR_EDGE_HIGH);

    (void)state;
    irq_request(irq, handle, &a, "timer");
    /* While it was masked, where nobody can say whether one came. */
    assert_int_equal(irq_set_affinity(irq, CPU_MASK(1)), 0);
    assert_int_equal(a.cnt, 1);
    /* After it was. */
    fake_smp_sync_hook = edge_hook;
    assert_int_equal(irq_set_affinity(irq, CPU_MASK(0)), 0);
    assert_int_equal(a.cnt, 3);
    irq_release(irq, &a);
    put(irq);
}

static void test_edges_during_a_one_shot_thread_have_it_run_again(void **state)
{
    struct device a = {.answer = IRQ_WAKE_THREAD};
    const unsigned irq = get(INTR_EDGE_HIGH);

    (void)state;
    irq_request_threaded(irq, handle, bottom, IRQF_ONESHOT, &a, "timer");
    edge();
    edge();
    assert_int_equal(a.cnt, 2);
    fake_thread_run(fake_thread_find("irq-timer"));
    assert_int_equal(a.thread_cnt, 1);
    edge();
    fake_thread_run(fake_thread_find("irq-timer"));
    assert_int_equal(a.thread_cnt, 2);
    irq_release(irq, &a);
    put(irq);
}

static void test_messages_and_edges_are_only_counted(void **state)
{
    struct device a = {.answer = IRQ_NONE};
    const unsigned irq = get(INTR_EDGE_HIGH);

    (void)state;
    irq_request(irq, handle, &a, "timer");
    deliver(3 * IRQ_UNCLAIMED_MAX);
    assert_true(fake_gsis[GSI].unmasked);
    assert_int_equal(irq_get(irq)->spurious_cnt, 3 * IRQ_UNCLAIMED_MAX);
    assert_string_equal(fake_log_text(), "");
    irq_release(irq, &a);
    put(irq);
}

static void test_a_line_moves(void **state)
{
    struct device a = {.answer = IRQ_HANDLED};
    const unsigned irq = get(INTR_LEVEL_LOW), other = 1 - irq_get(irq)->data.cpu;

    (void)state;
    irq_request(irq, handle, &a, "net0");
    assert_int_equal(irq_set_affinity(irq, CPU_MASK(other)), 0);
    assert_int_equal(fake_gsis[GSI].cpu, other);
    assert_int_equal(fake_gsis[GSI].trigger, INTR_LEVEL_LOW);
    assert_true(fake_gsis[GSI].unmasked);
    assert_true(deliver(1));
    assert_int_equal(irq_get(irq)->cpu_cnt[other], 1);
    irq_release(irq, &a);
    put(irq);
}

static void test_putting_what_is_no_line_is_our_bug(void **state)
{
    (void)state;
    assert_true(PANICS(irq_gsi_put(7)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_users_share_one_descriptor, setup),
        cmocka_unit_test_setup(test_lines_that_are_not_there, setup),
        cmocka_unit_test_setup(test_all_users_are_asked, setup),
        cmocka_unit_test_setup(test_a_line_that_nobody_claims_is_masked_and_polled, setup),
        cmocka_unit_test_setup(test_a_claim_begins_the_count_again, setup),
        cmocka_unit_test_setup(test_new_users_give_the_line_another_chance, setup),
        cmocka_unit_test_setup(test_polling_wakes_threads, setup),
        cmocka_unit_test_setup(test_an_edge_that_comes_during_a_move_is_not_lost, setup),
        cmocka_unit_test_setup(test_edges_during_a_one_shot_thread_have_it_run_again, setup),
        cmocka_unit_test_setup(test_messages_and_edges_are_only_counted, setup),
        cmocka_unit_test_setup(test_a_line_moves, setup),
        cmocka_unit_test_setup(test_putting_what_is_no_line_is_our_bug, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
