/* Timers: order, cancelling, re-arming, and how seldom the hardware is touched. */
/* sources: kernel/timer.c tests/host/fake/clock.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fake_clock.h"
#include "kernel/timer.h"

#define TIMER_CNT 40

static struct probe {
    struct timer timer;
    bool armed;
    uint64_t deadline_ns;
    unsigned fired;
    uint64_t again_ns; /* != 0: re-arms itself by so much */
} probes[TIMER_CNT];

static uint64_t last_deadline;

static void fired(void *arg)
{
    struct probe *p = arg;

    assert_true(p->armed);
    assert_true(fake_clock_now_ns >= p->deadline_ns);
    assert_true(p->deadline_ns >= last_deadline);
    last_deadline = p->deadline_ns;
    p->fired++;
    p->armed = false;
    if (p->again_ns != 0) {
        p->armed = true;
        p->deadline_ns = fake_clock_now_ns + p->again_ns;
        timer_arm(&p->timer, p->deadline_ns);
    }
}

static int setup(void **state)
{
    (void)state;
    fake_clock_now_ns = 0;
    fake_clock_armed_ns = UINT64_MAX;
    last_deadline = 0;
    timers_init();
    for (unsigned i = 0; i < TIMER_CNT; i++) {
        probes[i] = (struct probe){0};
        timer_setup(&probes[i].timer, fired, &probes[i]);
    }
    fake_clock_set_cnt = 0;
    return 0;
}

static void arm(struct probe *p, uint64_t deadline)
{
    p->armed = true;
    p->deadline_ns = deadline;
    timer_arm(&p->timer, deadline);
}

static void test_order(void **state)
{
    (void)state;
    arm(&probes[0], 300);
    arm(&probes[1], 100);
    arm(&probes[2], 200);
    arm(&probes[3], 200);
    fake_clock_advance(99);
    assert_int_equal(probes[1].fired, 0);
    fake_clock_advance(1);
    assert_int_equal(probes[1].fired, 1);
    assert_int_equal(probes[2].fired, 0);
    fake_clock_advance(1000);
    assert_int_equal(probes[0].fired + probes[2].fired + probes[3].fired, 3);
    assert_true(fake_clock_armed_ns == UINT64_MAX);
}

static void test_only_an_earlier_deadline_touches_the_hardware(void **state)
{
    (void)state;
    arm(&probes[0], 300);
    assert_int_equal(fake_clock_set_cnt, 1);
    arm(&probes[1], 400);
    arm(&probes[2], 300);
    assert_int_equal(fake_clock_set_cnt, 1);
    arm(&probes[3], 200);
    assert_int_equal(fake_clock_set_cnt, 2);
    assert_true(fake_clock_armed_ns == 200);
    timer_cancel(&probes[3].timer);
    assert_int_equal(fake_clock_set_cnt, 2);
}

static void test_cancel(void **state)
{
    (void)state;
    arm(&probes[0], 100);
    arm(&probes[1], 200);
    timer_cancel(&probes[0].timer);
    timer_cancel(&probes[0].timer);
    probes[0].armed = false;
    fake_clock_advance(500);
    assert_int_equal(probes[0].fired, 0);
    assert_int_equal(probes[1].fired, 1);
}

static void test_rearming_moves(void **state)
{
    (void)state;
    arm(&probes[0], 100);
    arm(&probes[0], 300);
    fake_clock_advance(200);
    assert_int_equal(probes[0].fired, 0);
    arm(&probes[0], 250);
    fake_clock_advance(50);
    assert_int_equal(probes[0].fired, 1);
    fake_clock_advance(500);
    assert_int_equal(probes[0].fired, 1);
}

static void test_the_past_is_now(void **state)
{
    (void)state;
    fake_clock_now_ns = 1000;
    arm(&probes[0], 10);
    fake_clock_advance(0);
    assert_int_equal(probes[0].fired, 1);
}

static void test_periodic(void **state)
{
    (void)state;
    probes[0].again_ns = 10;
    arm(&probes[0], 10);
    fake_clock_advance(1000);
    assert_int_equal(probes[0].fired, 100);
    assert_int_equal(fake_clock_set_cnt, 101);
}

static void test_random(void **state)
{
    (void)state;
    srand(3);
    for (unsigned round = 0; round < 20000; round++) {
        struct probe *p = &probes[rand() % TIMER_CNT];

        if (rand() % 3 == 0) {
            timer_cancel(&p->timer);
            p->armed = false;
        } else {
            arm(p, fake_clock_now_ns + (uint64_t)rand() % 500);
        }
        last_deadline = 0;
        if (rand() % 2 == 0)
            fake_clock_advance((uint64_t)rand() % 50);
        for (unsigned i = 0; i < TIMER_CNT; i++)
            assert_false(probes[i].armed && probes[i].deadline_ns < fake_clock_now_ns);
    }
}

#define TEST(fn) cmocka_unit_test_setup(fn, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_order),           TEST(test_only_an_earlier_deadline_touches_the_hardware),
        TEST(test_cancel),          TEST(test_rearming_moves),
        TEST(test_the_past_is_now), TEST(test_periodic),
        TEST(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
