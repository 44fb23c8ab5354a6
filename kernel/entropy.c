/* The pool, its generator, and the two sources that every machine may have. See entropy.h. */
#include "kernel/entropy.h"

#include <errno.h>
#include <string.h>

#include "arch/barrier.h"
#include "arch/clock.h"
#include "arch/random.h"
#include "arch/spinlock.h"
#include "kernel/chacha20.h"
#include "kernel/sha256.h"

#define CPU_WORDS          4
#define JITTER_SAMPLES     64 /* in one addition */
#define JITTER_SAMPLE_BITS 8  /* samples that are worth a bit */
#define JITTER_ROUNDS_MAX  64 /* then a machine that keeps the beat is given up */
#define RESEED_BYTES       65536u
#define RESEED_NS          60000000000ull
#define REQUEST_MAX        256u

struct pool {
    struct sha256 input; /* of what was added since the last seed */
    bool input_begun;
    bool device_in_key;
    bool poor; /* the last search for enough failed; the next ones are short */
    uint8_t key[CHACHA20_KEY_LEN];
    unsigned fresh_bits; /* in input */
    uint64_t since_seed; /* bytes given out */
    uint64_t seeded_ns;
    uint64_t last_words[ENTROPY_SOURCE_CNT];
    struct entropy_stats stats;
};

static struct pool pool;
static struct spinlock lock; /* pool */
static struct list feeders = LIST_INIT(feeders);
static struct spinlock feeders_lock; /* taken before a feeder's own, and pool's */

/* With the pool's lock. A generator that is stuck gives the same word again; so does a sound one,
 * once in 2^64. */
static bool repeats(enum entropy_source source, const void *data, size_t len)
{
    bool found = false;

    for (size_t done = 0; done + sizeof(uint64_t) <= len; done += sizeof(uint64_t)) {
        uint64_t word;

        memcpy(&word, (const uint8_t *)data + done, sizeof(word));
        found |= word == pool.last_words[source];
        pool.last_words[source] = word;
    }
    return found;
}

/* With the pool's lock. */
static void begin_input(void)
{
    if (!pool.input_begun)
        sha256_init(&pool.input);
    pool.input_begun = true;
}

/* With the pool's lock. */
static unsigned mix(enum entropy_source source, const void *data, size_t len, unsigned bits)
{
    const uint64_t head[] = {source, len, clock_cycles()};

    begin_input();
    sha256_update(&pool.input, head, sizeof(head));
    sha256_update(&pool.input, data, len);
    /* Timing says itself what it is worth; short times are often alike. */
    if (source != ENTROPY_JITTER && repeats(source, data, len)) {
        pool.stats.repeats[source]++;
        bits = 0;
    }
    /* Only whole words are looked at, so only they are worth something. */
    if (source != ENTROPY_JITTER && len > 0)
        bits = (unsigned)((uint64_t)bits * (len - len % sizeof(uint64_t)) / len);
    pool.stats.bytes[source] += len;
    pool.stats.bits[source] += bits;
    if (pool.fresh_bits < 8 * SHA256_LEN)
        pool.fresh_bits += bits;
    return bits;
}

unsigned entropy_add(enum entropy_source source, const void *data, size_t len, unsigned bits)
{
    uint64_t state = spin_lock(&lock);

    bits = mix(source, data, len, bits);
    spin_unlock(&lock, state);
    return bits;
}

bool entropy_wants(void)
{
    uint64_t state = spin_lock(&lock);
    bool wants = pool.fresh_bits < 8 * SHA256_LEN;

    spin_unlock(&lock, state);
    return wants;
}

static void add_cpu(void)
{
    uint64_t words[CPU_WORDS];
    unsigned cnt = 0;

    while (cnt < CPU_WORDS && (arch_random_seed(&words[cnt]) || arch_random(&words[cnt])))
        cnt++;
    if (cnt > 0)
        entropy_add(ENTROPY_CPU, words, cnt * sizeof(words[0]), cnt * 64);
}

/*
 * Times of memory accesses. Only those count whose first three differences are not zero: on a
 * machine that keeps the beat none does. Nothing else is done in between, so that a beat shows.
 */
static void add_jitter(void)
{
    static volatile uint64_t cells[JITTER_SAMPLES];
    uint64_t times[JITTER_SAMPLES];
    uint16_t deltas[JITTER_SAMPLES] = {0};
    uint64_t first = 0, second = 0, last = clock_cycles();
    unsigned good = 0;

    for (unsigned i = 0; i < JITTER_SAMPLES; i++) {
        cells[i] += last;
        times[i] = last = clock_cycles();
    }
    for (unsigned i = 1; i < JITTER_SAMPLES; i++) {
        uint64_t delta = times[i] - times[i - 1];

        good += i > 2 && delta != 0 && delta != first && delta - first != second;
        second = delta - first;
        first = delta;
        deltas[i] = (uint16_t)delta;
    }
    entropy_add(ENTROPY_JITTER, deltas, sizeof(deltas), good / JITTER_SAMPLE_BITS);
}

/* With the pool's lock. */
static void seed(void)
{
    uint8_t digest[SHA256_LEN];
    struct sha256 key;

    begin_input();
    sha256_final(&pool.input, digest);
    sha256_init(&key);
    sha256_update(&key, pool.key, sizeof(pool.key));
    sha256_update(&key, digest, sizeof(digest));
    sha256_final(&key, pool.key);
    pool.device_in_key = pool.stats.bits[ENTROPY_DEVICE] > 0;
    pool.input_begun = false;
    pool.fresh_bits = 0;
    pool.since_seed = 0;
    pool.seeded_ns = clock_ns();
}

/* What a device gave first does not wait, if the others were quicker. */
static bool seed_is_due(void)
{
    uint64_t state = spin_lock(&lock);
    bool first = !pool.device_in_key && pool.stats.bits[ENTROPY_DEVICE] >= ENTROPY_SEED_BITS;
    bool due = !pool.stats.seeded || first || pool.since_seed >= RESEED_BYTES ||
               clock_ns() - pool.seeded_ns >= RESEED_NS;

    spin_unlock(&lock, state);
    return due;
}

/* A new key, if what was added is worth it; else it stays for a while when there is no @more. */
static bool try_seed(bool more)
{
    uint64_t state = spin_lock(&lock);
    bool enough = pool.fresh_bits >= ENTROPY_SEED_BITS;

    if (enough) {
        seed();
        pool.stats.seeds++;
        pool.stats.seeded = true;
    } else if (!more) {
        pool.since_seed = 0;
        pool.seeded_ns = clock_ns();
    }
    pool.poor = !enough;
    spin_unlock(&lock, state);
    return enough;
}

static void ask_feeders(void)
{
    uint64_t state = spin_lock(&feeders_lock);

    LIST_FOR_EACH(it, &feeders) {
        struct entropy_feeder *feeder = CONTAINER_OF(it, struct entropy_feeder, link);

        feeder->ask(feeder);
    }
    spin_unlock(&feeders_lock, state);
}

/* What devices gave is there already; the processor and some timing come to it, more timing where
 * that is not enough. */
static void gather(void)
{
    unsigned rounds = READ_ONCE(pool.poor) ? 1 : JITTER_ROUNDS_MAX;

    if (!seed_is_due())
        return;
    add_cpu();
    do {
        add_jitter();
    } while (!try_seed(--rounds > 0) && rounds > 0);
    ask_feeders();
}

/* With the pool's lock: the first part of the key stream is the next key. */
static void generate(uint8_t *data, size_t len)
{
    static const uint8_t nonce[CHACHA20_NONCE_LEN];
    uint8_t key[CHACHA20_KEY_LEN], block[CHACHA20_BLOCK_LEN];
    size_t used = CHACHA20_KEY_LEN;

    memcpy(key, pool.key, sizeof(key));
    chacha20_block(key, 0, nonce, block);
    memcpy(pool.key, block, sizeof(pool.key));
    pool.since_seed += len;
    pool.stats.given += len;
    for (uint32_t counter = 1; len > 0; counter++) {
        size_t part = sizeof(block) - used < len ? sizeof(block) - used : len;

        memcpy(data, block + used, part);
        data += part;
        len -= part;
        used = 0;
        if (len > 0)
            chacha20_block(key, counter, nonce, block);
    }
    memset(key, 0, sizeof(key));
    memset(block, 0, sizeof(block));
    __asm__ volatile("" : : "r"(key), "r"(block) : "memory"); /* the clearing must happen */
}

static int get(void *data, size_t len, bool weak)
{
    gather();
    for (size_t done = 0; done < len;) {
        size_t part = len - done < REQUEST_MAX ? len - done : REQUEST_MAX;
        uint64_t state = spin_lock(&lock);
        bool may = pool.stats.seeded || weak;

        if (may && !pool.stats.seeded)
            seed(); /* without the claim to be one */
        if (may)
            generate((uint8_t *)data + done, part);
        spin_unlock(&lock, state);
        if (!may)
            return -EAGAIN;
        done += part;
    }
    return 0;
}

int entropy_get(void *data, size_t len)
{
    return get(data, len, false);
}

void entropy_get_weak(void *data, size_t len)
{
    get(data, len, true);
}

void entropy_feeder_register(struct entropy_feeder *feeder)
{
    uint64_t state = spin_lock(&feeders_lock);

    list_append(&feeders, &feeder->link);
    feeder->ask(feeder);
    spin_unlock(&feeders_lock, state);
}

void entropy_feeder_unregister(struct entropy_feeder *feeder)
{
    uint64_t state = spin_lock(&feeders_lock);

    list_remove(&feeder->link);
    spin_unlock(&feeders_lock, state);
}

void entropy_stats(struct entropy_stats *stats)
{
    uint64_t state = spin_lock(&lock);

    *stats = pool.stats;
    spin_unlock(&lock, state);
}
