/* Interrupts by number: allocation on CPUs, actions, masks, counts. */
/* sources: irq/irq.c irq/irq_action.c irq/irq_dispatch.c irq/irq_thread.c irq/irq_report.c
 * irq/cpu_list.c kernel/format.c kernel/mutex.c kernel/timer.c tests/host/fake/fake_intr.c
 * tests/host/fake/fake_thread.c tests/host/fake/wait.c tests/host/fake/clock.c
 * tests/host/fake/report.c tests/host/fake/panic.c tests/host/fake/log.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_intr.h"
#include "fake_log.h"
#include "fake_panic.h"
#include "irq/irq.h"
#include "irq/irq_report.h"

/* A chip that notes what it is told. */
static struct {
    bool masked, routed_masked;
    unsigned route_cnt;
    int route_rc;
} chip_state;

static void chip_mask(struct irq_data *data)
{
    (void)data;
    chip_state.masked = true;
}

static void chip_unmask(struct irq_data *data)
{
    (void)data;
    chip_state.masked = false;
}

static int chip_route(struct irq_data *data)
{
    assert_ptr_equal(data->chip_data, &chip_state);
    chip_state.routed_masked = chip_state.masked;
    chip_state.route_cnt++;
    return chip_state.route_rc;
}

static const struct irq_chip chip = {
    .name = "fake", .mask = chip_mask, .unmask = chip_unmask, .route = chip_route};
static const struct irq_chip bare_chip = {.name = "bare"};

struct counter {
    unsigned cnt;
    enum irq_return answer;
};

static enum irq_return count(void *cookie)
{
    struct counter *counter = cookie;

    counter->cnt++;
    return counter->answer;
}

static int setup(void **state)
{
    (void)state;
    fake_intr_reset(4);
    fake_log_clear();
    memset(&chip_state, 0, sizeof(chip_state));
    return 0;
}

static unsigned alloc(unsigned entry)
{
    const int irq = irq_alloc(&chip, &chip_state, entry, 0);

    assert_true(irq > 0);
    return (unsigned)irq;
}

static void test_alloc_masks_then_routes(void **state)
{
    const unsigned irq = alloc(7);

    (void)state;
    assert_int_equal(irq_get(irq)->data.irq, irq);
    assert_int_equal(irq_get(irq)->data.entry, 7);
    assert_true(chip_state.masked && chip_state.routed_masked && irq_get(irq)->masked);
    assert_int_equal(chip_state.route_cnt, 1);
    assert_int_equal(fake_intr_used(), 1);
    irq_free(irq);
    assert_null(irq_get(irq));
    assert_int_equal(fake_intr_used(), 0);
}

static void test_failed_alloc_leaves_nothing(void **state)
{
    unsigned irqs[4];

    (void)state;
    chip_state.route_rc = -EIO;
    assert_int_equal(irq_alloc(&chip, &chip_state, 0, 0), -EIO);
    assert_int_equal(fake_intr_used(), 0);
    chip_state.route_rc = 0;
    for (unsigned i = 0; i < 4; i++)
        irqs[i] = alloc(i);
    assert_int_equal(irq_alloc(&chip, &chip_state, 0, 0), -ENOSPC);
    for (unsigned i = 0; i < 4; i++)
        irq_free(irqs[i]);
    assert_null(irq_get(irqs[0] + 4));
}

static void test_first_action_unmasks_last_masks(void **state)
{
    struct counter one = {.answer = IRQ_HANDLED}, two = {.answer = IRQ_NONE};
    const unsigned irq = alloc(0);

    (void)state;
    assert_int_equal(irq_request(irq, count, &one, "one"), 0);
    assert_false(chip_state.masked || irq_get(irq)->masked);
    irq_mask(irq);
    assert_int_equal(irq_request(irq, count, &two, "two"), 0);
    assert_true(chip_state.masked);
    irq_unmask(irq);
    assert_string_equal(irq_get(irq)->name, "one,two");
    irq_release(irq, &one);
    assert_false(chip_state.masked);
    assert_string_equal(irq_get(irq)->name, "two");
    irq_release(irq, &two);
    assert_true(chip_state.masked);
    assert_string_equal(irq_get(irq)->name, "");
    irq_free(irq);
}

static void test_all_actions_run_and_unclaimed_interrupts_are_counted(void **state)
{
    struct counter one = {.answer = IRQ_NONE}, two = {.answer = IRQ_HANDLED};
    const unsigned irq = alloc(0), vector = irq_get(irq)->data.vector;

    (void)state;
    irq_request(irq, count, &one, "one");
    fake_intr_deliver(vector);
    assert_int_equal(irq_get(irq)->spurious_cnt, 1);
    irq_request(irq, count, &two, "two");
    fake_intr_deliver(vector);
    assert_int_equal(one.cnt, 2);
    assert_int_equal(two.cnt, 1);
    assert_int_equal(irq_get(irq)->spurious_cnt, 1);
    assert_int_equal(irq_get(irq)->cpu_cnt[0], 2);
    irq_release(irq, &one);
    irq_release(irq, &two);
    fake_intr_deliver(vector);
    assert_int_equal(two.cnt, 1);
    assert_int_equal(irq_get(irq)->spurious_cnt, 2);
    irq_free(irq);
    assert_false(fake_intr_deliver(vector));
}

static void test_bad_requests(void **state)
{
    struct counter one = {0};
    const unsigned irq = alloc(0);

    (void)state;
    assert_int_equal(irq_request(0, count, &one, "one"), -EINVAL);
    assert_int_equal(irq_request(IRQ_MAX, count, &one, "one"), -EINVAL);
    assert_int_equal(irq_request(irq + 1, count, &one, "one"), -EINVAL);
    assert_int_equal(irq_request(irq, NULL, &one, "one"), -EINVAL);
    assert_int_equal(irq_request(irq, count, &one, "one"), 0);
    assert_int_equal(irq_request(irq, count, &one, "again"), -EBUSY);
    irq_release(irq, &chip);
    assert_string_equal(irq_get(irq)->name, "one");
    assert_true(PANICS(irq_free(irq)));
    irq_release(irq, &one);
    irq_release(irq, &one);
    irq_release(IRQ_MAX, &one);
    irq_mask(IRQ_MAX);
    irq_unmask(IRQ_MAX);
    irq_count_early(IRQ_MAX);
    irq_count_lost(IRQ_MAX);
    irq_free(irq);
}

static void test_chips_may_lack_everything(void **state)
{
    struct counter one = {.answer = IRQ_HANDLED};
    const int irq = irq_alloc(&bare_chip, NULL, 0, 0);

    (void)state;
    assert_true(irq > 0);
    assert_int_equal(irq_request((unsigned)irq, count, &one, "one"), 0);
    irq_release((unsigned)irq, &one);
    irq_free((unsigned)irq);
}

static void test_names_too_long_are_cut(void **state)
{
    struct counter counters[4];
    const unsigned irq = alloc(0);

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(irq_request(irq, count, &counters[i], "a-name-of-14ch"), 0);
    assert_string_equal(irq_get(irq)->name, "a-name-of-14ch,a-name-of-14ch,a");
    for (unsigned i = 0; i < 4; i++)
        irq_release(irq, &counters[i]);
    irq_free(irq);
}

static void test_the_table(void **state)
{
    struct counter one = {.answer = IRQ_HANDLED};
    const unsigned irq = alloc(1);

    (void)state;
    irq_request(irq, count, &one, "net0-rx0");
    for (unsigned i = 0; i < 12; i++)
        fake_intr_deliver(irq_get(irq)->data.vector);
    irq_count_early(irq);
    irq_count_lost(irq);
    irq_count_lost(irq);
    irq_report(0, report_emit_print, NULL);
    assert_string_equal(
        fake_log_text(),
        "name                 chip    entry  vector  cpus cpu       CPU0  spurious  early  lost\n"
        "net0-rx0             fake        1  0x30       0   0         12         0      1     2\n");
    fake_log_clear();
    irq_report(1, report_emit_print, NULL);
    assert_string_equal(
        fake_log_text(),
        "[{\"irq\":1,\"name\":\"net0-rx0\",\"chip\":\"fake\",\"entry\":1,\"vector\":48,"
        "\"cpus\":\"0\",\"cpu\":0,\"counts\":[12],\"spurious\":0,\"early\":1,\"lost\":2,"
        "\"polls\":0,\"masked\":false}]");
    irq_release(irq, &one);
    irq_free(irq);
}

static void test_counts_of_several_cpus(void **state)
{
    struct counter one = {.answer = IRQ_HANDLED};
    unsigned irq;

    (void)state;
    fake_intr_reset_cpus(3, 4);
    irq = (unsigned)irq_alloc(&chip, &chip_state, 0, CPU_MASK(0) | CPU_MASK(2));
    irq_request(irq, count, &one, "a");
    fake_intr_deliver_on(0, irq_get(irq)->data.vector);
    fake_log_clear();
    irq_report(1, report_emit_print, NULL);
    assert_true(fake_log_has("\"cpus\":\"0,2\",\"cpu\":0,\"counts\":[1,0,0],"));
    irq_release(irq, &one);
    irq_free(irq);
}

static void test_alloc_takes_the_cpu_with_most_vectors_left(void **state)
{
    static const unsigned expected[] = {0, 1, 2, 3, 0, 1, 2, 3};
    unsigned irqs[8];

    (void)state;
    fake_intr_reset_cpus(4, 2);
    for (unsigned i = 0; i < 8; i++) {
        irqs[i] = alloc(i);
        assert_int_equal(irq_get(irqs[i])->data.cpu, expected[i]);
        assert_int_equal(irq_get(irqs[i])->data.affinity, 0xf);
        assert_int_equal(irq_vectors_free(cpu_mask_all()), 7 - i);
    }
    assert_int_equal(irq_alloc(&chip, &chip_state, 0, 0), -ENOSPC);
    irq_free(irqs[6]);
    assert_int_equal(irq_vectors_free(CPU_MASK(2) | CPU_MASK(3)), 1);
    assert_int_equal(irq_vectors_free(CPU_MASK(3)), 0);
    assert_int_equal(irq_alloc(&chip, &chip_state, 0, CPU_MASK(3)), -ENOSPC);
    assert_int_equal(irq_alloc(&chip, &chip_state, 0, CPU_MASK(9)), -EINVAL);
    irqs[6] = (unsigned)irq_alloc(&chip, &chip_state, 0, CPU_MASK(2) | CPU_MASK(3) | CPU_MASK(9));
    assert_int_equal(irq_get(irqs[6])->data.cpu, 2);
    assert_int_equal(irq_get(irqs[6])->data.affinity, 0xc);
    for (unsigned i = 0; i < 8; i++)
        irq_free(irqs[i]);
    assert_int_equal(fake_intr_used(), 0);
}

static void test_numbers_run_out_as_vectors_do(void **state)
{
    static unsigned irqs[IRQ_MAX];

    (void)state;
    fake_intr_reset_cpus(16, 192);
    for (unsigned i = 1; i < IRQ_MAX; i++) {
        assert_int_equal(irq_vectors_free(cpu_mask_all()), IRQ_MAX - i);
        irqs[i] = alloc(0);
    }
    assert_int_equal(irq_vectors_free(cpu_mask_all()), 0);
    assert_int_equal(irq_alloc(&chip, &chip_state, 0, 0), -ENOSPC);
    assert_int_equal(irq_alloc_block(&chip, &chip_state, 2, 0), -ENOSPC);
    for (unsigned i = 1; i < IRQ_MAX; i++)
        irq_free(irqs[i]);
    assert_int_equal(fake_intr_used(), 0);
}

static void test_blocks_are_aligned_and_in_a_row(void **state)
{
    struct counter one = {.answer = IRQ_HANDLED};
    unsigned single;
    int first;

    (void)state;
    fake_intr_reset_cpus(2, 16);
    single = alloc(0);
    chip_state.route_cnt = 0;
    first = irq_alloc_block(&chip, &chip_state, 4, CPU_MASK(0));
    assert_int_equal(first, single + 1);
    assert_int_equal(chip_state.route_cnt, 4);
    for (unsigned i = 0; i < 4; i++) {
        const struct irq_data *data = &irq_get((unsigned)first + i)->data;

        assert_int_equal(data->vector, 0x34 + i);
        assert_int_equal(data->entry, i);
        assert_int_equal(data->cpu, 0);
    }
    irq_request((unsigned)first + 2, count, &one, "two");
    assert_true(fake_intr_deliver(0x36));
    assert_int_equal(one.cnt, 1);
    irq_release((unsigned)first + 2, &one);
    for (unsigned i = 0; i < 4; i++)
        irq_free((unsigned)first + i);
    irq_free(single);
    assert_int_equal(fake_intr_used(), 0);
}

static void test_bad_blocks(void **state)
{
    (void)state;
    fake_intr_reset_cpus(2, 3);
    assert_int_equal(irq_alloc_block(&chip, &chip_state, 0, 0), -EINVAL);
    assert_int_equal(irq_alloc_block(&chip, &chip_state, 3, 0), -EINVAL);
    assert_int_equal(irq_alloc_block(&chip, &chip_state, 2 * IRQ_BLOCK_MAX, 0), -EINVAL);
    assert_int_equal(irq_alloc_block(&chip, &chip_state, 4, 0), -ENOSPC);
    chip_state.route_rc = -EIO;
    assert_int_equal(irq_alloc_block(&chip, &chip_state, 2, 0), -EIO);
    assert_int_equal(chip_state.route_cnt, 1);
    assert_int_equal(fake_intr_used(), 0);
    for (unsigned irq = 1; irq < 5; irq++)
        assert_null(irq_get(irq));
}

/* A reason to mask goes away without the others. */
static void test_reasons_to_mask_are_independent(void **state)
{
    struct counter one = {.answer = IRQ_HANDLED};
    const unsigned irq = alloc(0);

    (void)state;
    irq_mask(irq);
    irq_mask(irq);
    irq_unmask(irq);
    assert_true(chip_state.masked);
    irq_request(irq, count, &one, "one");
    assert_false(chip_state.masked);
    irq_mask(irq);
    irq_release(irq, &one);
    irq_request(irq, count, &one, "one");
    assert_true(chip_state.masked);
    irq_unmask(irq);
    assert_false(chip_state.masked);
    irq_release(irq, &one);
    irq_free(irq);
}

static unsigned pending_irq;
static struct counter *released;

/* The handler that was pending when the action went still runs; the others' answers count. */
static void deliver_pending(cpu_mask_t mask)
{
    fake_smp_sync_hook = NULL;
    assert_true(mask & CPU_MASK(irq_get(pending_irq)->data.cpu));
    fake_intr_deliver(irq_get(pending_irq)->data.vector);
    assert_int_equal(released->cnt, 0);
}

static void test_release_while_an_interrupt_is_pending(void **state)
{
    struct counter one = {.answer = IRQ_HANDLED};

    (void)state;
    pending_irq = alloc(0);
    released = &one;
    irq_request(pending_irq, count, &one, "one");
    fake_smp_sync_hook = deliver_pending;
    irq_release(pending_irq, &one);
    assert_null(fake_smp_sync_hook);
    assert_int_equal(irq_get(pending_irq)->spurious_cnt, 1);
    fake_smp_sync_hook = deliver_pending;
    irq_free(pending_irq);
    assert_null(fake_smp_sync_hook);
    assert_int_equal(fake_intr_used(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_alloc_masks_then_routes, setup),
        cmocka_unit_test_setup(test_failed_alloc_leaves_nothing, setup),
        cmocka_unit_test_setup(test_first_action_unmasks_last_masks, setup),
        cmocka_unit_test_setup(test_all_actions_run_and_unclaimed_interrupts_are_counted, setup),
        cmocka_unit_test_setup(test_bad_requests, setup),
        cmocka_unit_test_setup(test_chips_may_lack_everything, setup),
        cmocka_unit_test_setup(test_names_too_long_are_cut, setup),
        cmocka_unit_test_setup(test_the_table, setup),
        cmocka_unit_test_setup(test_counts_of_several_cpus, setup),
        cmocka_unit_test_setup(test_alloc_takes_the_cpu_with_most_vectors_left, setup),
        cmocka_unit_test_setup(test_numbers_run_out_as_vectors_do, setup),
        cmocka_unit_test_setup(test_blocks_are_aligned_and_in_a_row, setup),
        cmocka_unit_test_setup(test_bad_blocks, setup),
        cmocka_unit_test_setup(test_reasons_to_mask_are_independent, setup),
        cmocka_unit_test_setup(test_release_while_an_interrupt_is_pending, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
