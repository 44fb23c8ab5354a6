/* The entropy pool with sources that the test plays: good ones, none, stuck ones. */
/* sources: kernel/sha256.c kernel/chacha20.c tests/host/fake/clock.c */
/* cflags: -include tests/host/fake/fake_random.h */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_clock.h"

/* Included for its pool, which starts anew with each test. */
#include "kernel/entropy.c"

#define BEAT 100 /* cycles between two looks at the clock */

static uint64_t cycles, noise;
static bool jitters;
static unsigned seed_words, random_words; /* that the processor still gives */
static bool stuck;                        /* always the same one */
static uint64_t word;

/* A fixed sequence: what it makes unpredictable is only what the test wants to be so. */
static uint64_t next_noise(void)
{
    noise = noise * 6364136223846793005ull + 1442695040888963407ull;
    return noise >> 33;
}

uint64_t fake_clock_cycles(void)
{
    cycles += BEAT + (jitters ? next_noise() % 64 : 0);
    return cycles;
}

static bool give(unsigned *left, uint64_t *value)
{
    if (*left == 0)
        return false;
    --*left;
    word += stuck ? 0 : 0x9e3779b97f4a7c15ull;
    *value = word;
    return true;
}

bool fake_arch_random(uint64_t *value)
{
    return give(&random_words, value);
}

bool fake_arch_random_seed(uint64_t *value)
{
    return give(&seed_words, value);
}

static int setup(void **state)
{
    (void)state;
    memset(&pool, 0, sizeof(pool));
    list_init(&feeders);
    cycles = noise = 0;
    word = 1;
    jitters = stuck = false;
    seed_words = random_words = 0;
    fake_clock_now_ns = 0;
    return 0;
}

static void test_blocks_are_those_of_the_rfc(void **state)
{
    /* RFC 8439, 2.3.2 */
    static const uint8_t expected[] = {
        0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15, 0x50, 0x0f, 0xdd, 0x1f, 0xa3,
        0x20, 0x71, 0xc4, 0xc7, 0xd1, 0xf4, 0xc7, 0x33, 0xc0, 0x68, 0x03, 0x04, 0x22,
        0xaa, 0x9a, 0xc3, 0xd4, 0x6c, 0x4e, 0xd2, 0x82, 0x64, 0x46, 0x07, 0x9f, 0xaa,
        0x09, 0x14, 0xc2, 0xd7, 0x05, 0xd9, 0x8b, 0x02, 0xa2, 0xb5, 0x12, 0x9c, 0xd1,
        0xde, 0x16, 0x4e, 0xb9, 0xcb, 0xd0, 0x83, 0xe8, 0xa2, 0x50, 0x3c, 0x4e};
    static const uint8_t nonce[12] = {0, 0, 0, 9, 0, 0, 0, 0x4a};
    uint8_t key[32], block[64];

    (void)state;
    for (unsigned i = 0; i < sizeof(key); i++)
        key[i] = (uint8_t)i;
    chacha20_block(key, 1, nonce, block);
    assert_memory_equal(block, expected, sizeof(expected));
}

static void assert_refused(void)
{
    uint8_t bytes[8] = "unread.";

    assert_int_equal(entropy_get(bytes, sizeof(bytes)), -EAGAIN);
    assert_string_equal((char *)bytes, "unread.");
}

static void test_without_a_source_nothing_is_given(void **state)
{
    struct entropy_stats stats;

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        assert_refused();
    entropy_stats(&stats);
    assert_false(stats.seeded);
    assert_int_equal(stats.bits[ENTROPY_JITTER], 0);
    assert_int_equal(stats.given, 0);
    assert_true(stats.bytes[ENTROPY_JITTER] > 0);
}

static void test_whoever_must_have_numbers_gets_different_ones(void **state)
{
    uint64_t numbers[2];

    (void)state;
    entropy_get_weak(&numbers[0], sizeof(numbers[0]));
    entropy_get_weak(&numbers[1], sizeof(numbers[1]));
    assert_true(numbers[0] != numbers[1] && numbers[0] != 0);
    assert_refused();
}

static void test_a_processor_with_a_generator_is_enough(void **state)
{
    struct entropy_stats stats;
    uint8_t bytes[32];

    (void)state;
    seed_words = 2; /* runs dry, the other one goes on */
    random_words = 100;
    assert_int_equal(entropy_get(bytes, sizeof(bytes)), 0);
    entropy_stats(&stats);
    assert_true(stats.seeded);
    assert_int_equal(stats.bits[ENTROPY_CPU], 256);
    assert_int_equal(seed_words, 0);
    assert_int_equal(random_words, 98);
    assert_true(stats.bytes[ENTROPY_JITTER] > 0); /* never alone */
}

static void test_a_generator_that_is_stuck_is_not(void **state)
{
    struct entropy_stats stats;

    (void)state;
    stuck = true;
    random_words = 1000;
    word = 0;
    assert_refused();
    word = UINT64_MAX;
    assert_refused(); /* its first word is new, the others are not */
    entropy_stats(&stats);
    assert_int_equal(stats.bits[ENTROPY_CPU], 0);
    assert_true(stats.repeats[ENTROPY_CPU] >= 2);
}

static void test_timing_is_enough_where_it_varies(void **state)
{
    struct entropy_stats stats;
    uint8_t bytes[32];

    (void)state;
    jitters = true;
    assert_int_equal(entropy_get(bytes, sizeof(bytes)), 0);
    entropy_stats(&stats);
    assert_true(stats.bits[ENTROPY_JITTER] >= ENTROPY_SEED_BITS);
    /* One bit for eight times of two bytes, at most. */
    assert_true(stats.bytes[ENTROPY_JITTER] >= ENTROPY_SEED_BITS * 8 * 2);
}

/* All that is worth nothing changes what comes out, once there is a seed. */
static void test_what_is_worth_nothing_is_mixed_in(void **state)
{
    uint8_t bytes[2][32];

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        setup(NULL);
        random_words = 4;
        entropy_add(ENTROPY_DEVICE, &i, sizeof(i), 0);
        assert_int_equal(entropy_get(bytes[i], sizeof(bytes[i])), 0);
    }
    assert_memory_not_equal(bytes[0], bytes[1], sizeof(bytes[0]));
}

/* The same sources, but one of them a bit different: nothing takes away what another one gave. */
static void test_a_hostile_source_does_not_replace_the_others(void **state)
{
    uint8_t hostile[64] = {0}, bytes[2][32];

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        setup(NULL);
        random_words = 4;
        word = i;
        for (unsigned n = 0; n < 100; n++)
            entropy_add(ENTROPY_DEVICE, hostile, sizeof(hostile), 256);
        assert_int_equal(entropy_get(bytes[i], sizeof(bytes[i])), 0);
    }
    assert_memory_not_equal(bytes[0], bytes[1], sizeof(bytes[0]));
}

static void test_a_device_that_repeats_itself_is_worth_nothing(void **state)
{
    uint8_t zeros[64] = {0}, same[64];

    (void)state;
    for (unsigned i = 0; i < sizeof(same); i++)
        same[i] = (uint8_t)(i % 8); /* one word again and again */
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(entropy_add(ENTROPY_DEVICE, zeros, sizeof(zeros), 256), 0);
        assert_int_equal(entropy_add(ENTROPY_DEVICE, same, sizeof(same), 256), 0);
    }
    assert_refused();
    for (unsigned i = 0; i < sizeof(same); i++)
        same[i] = (uint8_t)next_noise();
    assert_int_equal(entropy_add(ENTROPY_DEVICE, same, sizeof(same), 256), 256);
    assert_int_equal(entropy_get(same, sizeof(same)), 0);
}

/* What was given out cannot be computed from what is in memory afterwards: the key is another. */
static void test_less_than_a_word_at_a_time_is_worth_nothing(void **state)
{
    uint8_t byte = 7, noise[12];

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(entropy_add(ENTROPY_DEVICE, &byte, 1, 4), 0);
    assert_refused();
    for (unsigned i = 0; i < sizeof(noise); i++)
        noise[i] = (uint8_t)next_noise();
    assert_int_equal(entropy_add(ENTROPY_DEVICE, noise, sizeof(noise), 48), 32);
}

static void test_the_key_changes_with_each_request(void **state)
{
    static const uint8_t nonce[12];
    uint8_t before[32], block[64], bytes[32];

    (void)state;
    random_words = 4;
    assert_int_equal(entropy_get(bytes, sizeof(bytes)), 0);
    memcpy(before, pool.key, sizeof(before));
    assert_int_equal(entropy_get(bytes, sizeof(bytes)), 0);
    chacha20_block(before, 0, nonce, block);
    assert_memory_equal(pool.key, block, 32);
    assert_memory_equal(bytes, block + 32, 32);
}

static void test_long_requests_do_not_repeat(void **state)
{
    uint8_t bytes[1000];

    (void)state;
    random_words = 4;
    assert_int_equal(entropy_get(bytes, sizeof(bytes)), 0);
    for (unsigned i = 0; i + 16 <= sizeof(bytes); i += 8) {
        for (unsigned j = i + 8; j + 8 <= sizeof(bytes); j += 8)
            assert_memory_not_equal(bytes + i, bytes + j, 8);
    }
}

static unsigned asked;

static void ask(struct entropy_feeder *feeder)
{
    (void)feeder;
    asked++;
}

static void test_feeders_are_asked_when_a_seed_was_used_up(void **state)
{
    struct entropy_feeder feeder = {.ask = ask};
    uint8_t bytes[4096];

    (void)state;
    asked = 0;
    random_words = 1000;
    entropy_feeder_register(&feeder);
    assert_int_equal(asked, 1);
    assert_int_equal(entropy_get(bytes, 1), 0);
    assert_int_equal(asked, 2);
    assert_true(entropy_wants());
    for (unsigned i = 0; i < RESEED_BYTES / sizeof(bytes) - 1; i++)
        assert_int_equal(entropy_get(bytes, sizeof(bytes)), 0);
    assert_int_equal(asked, 2);
    entropy_get(bytes, sizeof(bytes));
    entropy_get(bytes, 1);
    assert_int_equal(asked, 3);
    fake_clock_now_ns += RESEED_NS;
    entropy_get(bytes, 1);
    assert_int_equal(asked, 4);
    entropy_feeder_unregister(&feeder);
    fake_clock_now_ns += RESEED_NS;
    entropy_get(bytes, 1);
    assert_int_equal(asked, 4);
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned j = 0; j < 32; j++)
            bytes[j] = (uint8_t)next_noise();
        entropy_add(ENTROPY_DEVICE, bytes, 32, 128);
    }
    assert_false(entropy_wants());
}

/* Once: what comes later waits until it is needed. */
static void test_a_late_device_is_used_soon(void **state)
{
    struct entropy_stats stats;
    uint8_t bytes[64];

    (void)state;
    random_words = 100;
    assert_int_equal(entropy_get(bytes, 1), 0);
    for (unsigned n = 0; n < 3; n++) {
        for (unsigned i = 0; i < sizeof(bytes); i++)
            bytes[i] = (uint8_t)next_noise();
        entropy_add(ENTROPY_DEVICE, bytes, sizeof(bytes), 256);
        assert_int_equal(entropy_get(bytes, 1), 0);
        entropy_stats(&stats);
        assert_int_equal(stats.seeds, 2);
    }
}

/* A seed that fails leaves the generator as it is, and is not tried at every request. */
static void test_sources_may_fail_later(void **state)
{
    struct entropy_stats before, after;
    uint8_t bytes[32];

    (void)state;
    random_words = 4;
    assert_int_equal(entropy_get(bytes, sizeof(bytes)), 0);
    fake_clock_now_ns += RESEED_NS;
    assert_int_equal(entropy_get(bytes, sizeof(bytes)), 0);
    entropy_stats(&before);
    assert_int_equal(before.seeds, 1);
    assert_int_equal(entropy_get(bytes, sizeof(bytes)), 0);
    entropy_stats(&after);
    assert_int_equal(after.bytes[ENTROPY_JITTER], before.bytes[ENTROPY_JITTER]);
}

#define TEST(name) cmocka_unit_test_setup(test_##name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(blocks_are_those_of_the_rfc),
        TEST(without_a_source_nothing_is_given),
        TEST(whoever_must_have_numbers_gets_different_ones),
        TEST(a_processor_with_a_generator_is_enough),
        TEST(a_generator_that_is_stuck_is_not),
        TEST(timing_is_enough_where_it_varies),
        TEST(what_is_worth_nothing_is_mixed_in),
        TEST(a_hostile_source_does_not_replace_the_others),
        TEST(a_device_that_repeats_itself_is_worth_nothing),
        TEST(less_than_a_word_at_a_time_is_worth_nothing),
        TEST(the_key_changes_with_each_request),
        TEST(long_requests_do_not_repeat),
        TEST(feeders_are_asked_when_a_seed_was_used_up),
        TEST(a_late_device_is_used_soon),
        TEST(sources_may_fail_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
