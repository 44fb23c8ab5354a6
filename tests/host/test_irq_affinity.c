/* Moving an interrupt: where it goes, that nothing is lost or doubled on the way, and that a
 * failure leaves everything as it was. */
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
#include "fake_log.h"
#include "irq/irq.h"

#define CPU_CNT    4
#define VECTOR_CNT 4

/* A device with one message: sends it where it was last routed to, or keeps it while masked. */
static struct {
    unsigned cpu, vector;
    bool masked, pending;
    unsigned fail_in; /* route() number @fail_in fails, and those behind it while fail_cnt lasts */
    unsigned fail_cnt;
    char log[256]; /* m(ask) r(oute) u(nmask) s(ync) */
} source;

static void note(const char *what)
{
    strncat(source.log, what, sizeof(source.log) - strlen(source.log) - 1);
}

static unsigned handled[CPU_CNT];

static enum irq_return handle(void *cookie)
{
    (void)cookie;
    handled[cpu_this()->id]++;
    return IRQ_HANDLED;
}

static unsigned handled_sum(void)
{
    unsigned sum = 0;

    for (unsigned cpu = 0; cpu < CPU_CNT; cpu++)
        sum += handled[cpu];
    return sum;
}

static void raise_interrupt(void)
{
    if (source.masked)
        source.pending = true;
    else
        assert_true(fake_intr_deliver_on(source.cpu, source.vector));
}

static void chip_mask(struct irq_data *data)
{
    (void)data;
    note("m");
    source.masked = true;
}

static void chip_unmask(struct irq_data *data)
{
    (void)data;
    note("u");
    source.masked = false;
    if (source.pending) {
        source.pending = false;
        raise_interrupt();
    }
}

static int chip_route(struct irq_data *data)
{
    note("r");
    if (source.fail_in > 0 && --source.fail_in == 0 && source.fail_cnt > 0) {
        source.fail_in = --source.fail_cnt > 0 ? 1 : 0;
        return -EIO;
    }
    source.cpu = data->cpu;
    source.vector = data->vector;
    return 0;
}

static const struct irq_chip chip = {
    .name = "fake", .mask = chip_mask, .unmask = chip_unmask, .route = chip_route};
static const struct irq_chip level_chip = {.name = "level",
                                           .mask = chip_mask,
                                           .unmask = chip_unmask,
                                           .route = chip_route,
                                           .flags = IRQ_CHIP_LEVEL};
static const struct irq_chip bare_chip = {.name = "bare"};
static const struct irq_chip replay_chip = {
    .name = "replay", .route = chip_route, .flags = IRQ_CHIP_REPLAY};

static void note_sync(cpu_mask_t mask)
{
    (void)mask;
    note("s");
}

static int setup(void **state)
{
    (void)state;
    memset(&source, 0, sizeof(source));
    memset(handled, 0, sizeof(handled));
    fake_intr_reset_cpus(CPU_CNT, VECTOR_CNT);
    fake_log_clear();
    return 0;
}

static unsigned request_on(const struct irq_chip *of, cpu_mask_t affinity)
{
    const int irq = irq_alloc(of, NULL, 0, affinity);

    assert_true(irq > 0);
    assert_int_equal(irq_request((unsigned)irq, handle, &source, "source"), 0);
    source.log[0] = '\0';
    return (unsigned)irq;
}

static void give_back(unsigned irq)
{
    irq_release(irq, &source);
    irq_free(irq);
    assert_int_equal(fake_intr_used(), 0);
}

static void test_it_moves_and_the_old_vector_is_free(void **state)
{
    const unsigned irq = request_on(&chip, CPU_MASK(0));

    (void)state;
    raise_interrupt();
    assert_int_equal(irq_set_affinity(irq, CPU_MASK(2)), 0);
    assert_int_equal(irq_get(irq)->data.cpu, 2);
    assert_int_equal(irq_get(irq)->data.affinity, CPU_MASK(2));
    assert_int_equal(fake_intr_used_on(0), 0);
    assert_int_equal(fake_intr_used_on(2), 1);
    raise_interrupt();
    assert_int_equal(handled[0], 1);
    assert_int_equal(handled[2], 1);
    assert_int_equal(irq_get(irq)->cpu_cnt[0], 1);
    assert_int_equal(irq_get(irq)->cpu_cnt[2], 1);
    assert_false(irq_get(irq)->masked);
    give_back(irq);
}

static void test_it_stays_where_it_may_be(void **state)
{
    const unsigned irq = request_on(&chip, CPU_MASK(1));

    (void)state;
    assert_int_equal(irq_set_affinity(irq, CPU_MASK(1) | CPU_MASK(3)), 0);
    assert_string_equal(source.log, "");
    assert_int_equal(irq_get(irq)->data.cpu, 1);
    assert_int_equal(irq_get(irq)->data.affinity, 0xa);
    give_back(irq);
}

static void test_it_takes_the_cpu_with_most_vectors_left(void **state)
{
    unsigned others[2] = {(unsigned)irq_alloc(&bare_chip, NULL, 0, CPU_MASK(1)),
                          (unsigned)irq_alloc(&bare_chip, NULL, 0, CPU_MASK(2))};
    const unsigned irq = request_on(&chip, CPU_MASK(0));

    (void)state;
    assert_int_equal(irq_set_affinity(irq, CPU_MASK(1) | CPU_MASK(2) | CPU_MASK(3) | CPU_MASK(40)),
                     0);
    assert_int_equal(irq_get(irq)->data.cpu, 3);
    assert_int_equal(irq_get(irq)->data.affinity, 0xe);
    irq_free(others[0]);
    irq_free(others[1]);
    give_back(irq);
}

static void test_the_order_of_a_move(void **state)
{
    unsigned irq = request_on(&chip, CPU_MASK(0));

    (void)state;
    fake_smp_sync_hook = note_sync;
    assert_int_equal(irq_set_affinity(irq, CPU_MASK(1)), 0);
    assert_string_equal(source.log, "mrus");
    give_back(irq);

    /* A level line's last interrupt is acknowledged before the route changes. */
    irq = request_on(&level_chip, CPU_MASK(0));
    assert_int_equal(irq_set_affinity(irq, CPU_MASK(1)), 0);
    assert_string_equal(source.log, "msrus");
    give_back(irq);
}

static struct {
    unsigned cpu, vector;
} in_flight;

/* What had reached the old CPU is served there, after the source has its new route. */
static void arrive_late(cpu_mask_t mask)
{
    fake_smp_sync_hook = NULL;
    assert_true(mask & CPU_MASK(in_flight.cpu));
    assert_int_not_equal(source.cpu, in_flight.cpu);
    assert_true(fake_intr_deliver_on(in_flight.cpu, in_flight.vector));
}

static void test_an_interrupt_in_flight_is_served_once(void **state)
{
    const unsigned irq = request_on(&chip, CPU_MASK(0));

    (void)state;
    in_flight.cpu = source.cpu;
    in_flight.vector = source.vector;
    fake_smp_sync_hook = arrive_late;
    assert_int_equal(irq_set_affinity(irq, CPU_MASK(3)), 0);
    assert_null(fake_smp_sync_hook);
    assert_int_equal(handled[0], 1);
    assert_int_equal(handled_sum(), 1);
    assert_false(fake_intr_deliver_on(in_flight.cpu, in_flight.vector));
    assert_int_equal(handled_sum(), 1);
    give_back(irq);
}

/* Raised at every step: masked, routed, unmasked. */
static unsigned raise_at;

static int route_and_raise(struct irq_data *data)
{
    const int rc = chip_route(data);

    if (raise_at == 1)
        raise_interrupt();
    return rc;
}

static void mask_and_raise(struct irq_data *data)
{
    chip_mask(data);
    if (raise_at == 0)
        raise_interrupt();
}

static void unmask_and_raise(struct irq_data *data)
{
    if (raise_at == 2)
        raise_interrupt();
    chip_unmask(data);
}

static const struct irq_chip raising_chip = {.name = "raising",
                                             .mask = mask_and_raise,
                                             .unmask = unmask_and_raise,
                                             .route = route_and_raise};

static void test_an_interrupt_raised_during_the_move_comes_once(void **state)
{
    for (unsigned step = 0; step < 3; step++) {
        unsigned irq;

        setup(state);
        raise_at = 3;
        irq = request_on(&raising_chip, CPU_MASK(0));
        raise_at = step;
        assert_int_equal(irq_set_affinity(irq, CPU_MASK(1)), 0);
        raise_at = 3;
        assert_int_equal(handled[1], 1);
        assert_int_equal(handled_sum(), 1);
        give_back(irq);
    }
}

static void expect_unchanged(unsigned irq)
{
    assert_int_equal(irq_get(irq)->data.cpu, 0);
    assert_int_equal(irq_get(irq)->data.affinity, CPU_MASK(0));
    assert_int_equal(irq_get(irq)->data.vector, source.vector);
    assert_int_equal(source.cpu, 0);
    assert_false(source.masked);
    assert_int_equal(irq_get(irq)->masked, 0);
    assert_int_equal(fake_intr_used(), 1);
    assert_int_equal(fake_intr_used_on(0), 1);
    raise_interrupt();
    assert_int_equal(handled[0], 1);
    assert_int_equal(handled_sum(), 1);
}

static void test_a_route_that_fails_changes_nothing(void **state)
{
    const struct irq_chip *const chips[] = {&chip, &level_chip};

    for (unsigned i = 0; i < 2; i++) {
        unsigned irq;

        setup(state);
        irq = request_on(chips[i], CPU_MASK(0));
        source.fail_in = source.fail_cnt = 1;
        assert_int_equal(irq_set_affinity(irq, CPU_MASK(1)), -EIO);
        assert_string_equal(source.log, "mrru");
        assert_string_equal(fake_log_text(), "");
        expect_unchanged(irq);
        give_back(irq);
    }
}

static void test_a_way_back_that_fails_is_reported(void **state)
{
    const unsigned irq = request_on(&chip, CPU_MASK(0));

    (void)state;
    source.fail_in = 1;
    source.fail_cnt = 2;
    assert_int_equal(irq_set_affinity(irq, CPU_MASK(1)), -EIO);
    assert_true(fake_log_has("error: irq: source cannot be routed back to CPU 0"));
    expect_unchanged(irq);
    give_back(irq);
}

static void test_no_vector_left_changes_nothing(void **state)
{
    unsigned others[VECTOR_CNT];
    const unsigned irq = request_on(&chip, CPU_MASK(0));

    (void)state;
    for (unsigned i = 0; i < VECTOR_CNT; i++)
        others[i] = (unsigned)irq_alloc(&bare_chip, NULL, 0, CPU_MASK(1));
    assert_int_equal(irq_set_affinity(irq, CPU_MASK(1)), -ENOSPC);
    assert_string_equal(source.log, "");
    for (unsigned i = 0; i < VECTOR_CNT; i++)
        irq_free(others[i]);
    expect_unchanged(irq);
    give_back(irq);
}

static void test_bad_requests(void **state)
{
    const unsigned irq = request_on(&chip, CPU_MASK(0));

    (void)state;
    assert_int_equal(irq_set_affinity(irq, 0), -EINVAL);
    assert_int_equal(irq_set_affinity(irq, CPU_MASK(CPU_CNT)), -EINVAL);
    assert_int_equal(irq_set_affinity(0, CPU_MASK(0)), -EINVAL);
    assert_int_equal(irq_set_affinity(irq + 1, CPU_MASK(0)), -EINVAL);
    assert_int_equal(irq_set_affinity(IRQ_MAX, CPU_MASK(0)), -EINVAL);
    assert_string_equal(source.log, "");
    expect_unchanged(irq);
    give_back(irq);
}

static void test_what_cannot_be_moved(void **state)
{
    const unsigned bare = (unsigned)irq_alloc(&bare_chip, NULL, 0, CPU_MASK(0));
    const unsigned block = (unsigned)irq_alloc_block(&chip, NULL, 2, CPU_MASK(0));

    (void)state;
    assert_int_equal(irq_set_affinity(bare, CPU_MASK(1)), -EOPNOTSUPP);
    assert_int_equal(irq_set_affinity(block + 1, CPU_MASK(1)), -EOPNOTSUPP);
    assert_int_equal(fake_intr_used_on(1), 0);
    assert_int_equal(irq_set_affinity(block, CPU_MASK(1) | CPU_MASK(0)), 0);
    irq_free(bare);
    irq_free(block);
    irq_free(block + 1);
    assert_int_equal(fake_intr_used(), 0);
}

static void test_a_source_that_cannot_be_masked_is_asked_once_more(void **state)
{
    const unsigned irq = request_on(&replay_chip, CPU_MASK(0));

    (void)state;
    assert_int_equal(irq_set_affinity(irq, CPU_MASK(2)), 0);
    assert_int_equal(handled[2], 1);
    assert_int_equal(handled_sum(), 1);
    assert_int_equal(irq_get(irq)->cpu_cnt[2], 0);
    give_back(irq);
}

static void test_moves_keep_the_mask_of_others(void **state)
{
    const unsigned irq = request_on(&chip, CPU_MASK(0));

    (void)state;
    irq_mask(irq);
    assert_int_equal(irq_set_affinity(irq, CPU_MASK(1)), 0);
    assert_true(source.masked);
    raise_interrupt();
    assert_int_equal(handled_sum(), 0);
    irq_unmask(irq);
    assert_int_equal(handled[1], 1);
    give_back(irq);
}

static void test_a_thousand_moves_lose_nothing(void **state)
{
    const unsigned irq = request_on(&chip, CPU_MASK(0));

    (void)state;
    for (unsigned i = 1; i <= 1000; i++) {
        if (i % 3 == 0)
            irq_mask(irq);
        raise_interrupt();
        assert_int_equal(irq_set_affinity(irq, CPU_MASK(i % CPU_CNT)), 0);
        irq_unmask(irq);
        assert_int_equal(handled_sum(), i);
        source.log[0] = '\0';
    }
    give_back(irq);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_it_moves_and_the_old_vector_is_free, setup),
        cmocka_unit_test_setup(test_it_stays_where_it_may_be, setup),
        cmocka_unit_test_setup(test_it_takes_the_cpu_with_most_vectors_left, setup),
        cmocka_unit_test_setup(test_the_order_of_a_move, setup),
        cmocka_unit_test_setup(test_an_interrupt_in_flight_is_served_once, setup),
        cmocka_unit_test(test_an_interrupt_raised_during_the_move_comes_once),
        cmocka_unit_test(test_a_route_that_fails_changes_nothing),
        cmocka_unit_test_setup(test_a_way_back_that_fails_is_reported, setup),
        cmocka_unit_test_setup(test_no_vector_left_changes_nothing, setup),
        cmocka_unit_test_setup(test_bad_requests, setup),
        cmocka_unit_test_setup(test_what_cannot_be_moved, setup),
        cmocka_unit_test_setup(test_a_source_that_cannot_be_masked_is_asked_once_more, setup),
        cmocka_unit_test_setup(test_moves_keep_the_mask_of_others, setup),
        cmocka_unit_test_setup(test_a_thousand_moves_lose_nothing, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
