/* The split ring's layout against the formula of virtio 1.3, 2.7.2, and the event test against
 * counting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "virtio/vring.h"

static uint64_t align(uint64_t x)
{
    return (x + 4095) & ~4095ull;
}

static void test_size_is_that_of_the_specification(void **state)
{
    (void)state;
    for (uint32_t num = 1; num <= 32768; num *= 2)
        assert_int_equal(vring_size(num), align(16ull * num + 2 * (3 + num)) + 6 + 8ull * num);
    assert_int_equal(vring_size(256), 10246);
}

static void test_parts_are_aligned_and_apart(void **state)
{
    (void)state;
    for (uint32_t num = 1; num <= 32768; num *= 2) {
        assert_int_equal(vring_avail_off(num), 16ull * num);
        assert_int_equal(vring_used_off(num) % 4096, 0);
        assert_true(vring_used_off(num) >= vring_avail_off(num) + 6 + 2ull * num);
    }
}

/* Counts whether moving the index from old to new passes the event, entry by entry. */
static bool passes(uint16_t event, uint16_t new_idx, uint16_t old_idx)
{
    for (uint16_t idx = old_idx; idx != new_idx; idx++) {
        if (idx == event)
            return true;
    }
    return false;
}

static void test_need_event_is_true_when_the_index_passes_it(void **state)
{
    static const uint16_t starts[] = {0, 1, 100, 32767, 65530, 65535};

    (void)state;
    for (size_t s = 0; s < sizeof(starts) / sizeof(starts[0]); s++) {
        for (uint16_t steps = 0; steps < 12; steps++) {
            uint16_t new_idx = (uint16_t)(starts[s] + steps);

            for (uint16_t lag = 0; lag < 24; lag++) {
                uint16_t event = (uint16_t)(starts[s] - 8 + lag);

                assert_int_equal(!!vring_need_event(event, new_idx, starts[s]),
                                 passes(event, new_idx, starts[s]));
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_size_is_that_of_the_specification),
        cmocka_unit_test(test_parts_are_aligned_and_apart),
        cmocka_unit_test(test_need_event_is_true_when_the_index_passes_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
