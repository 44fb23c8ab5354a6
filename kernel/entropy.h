/*
 * The entropy pool: what unpredictable things are seen goes in, random numbers come out.
 *
 * Additions are hashed together (SHA-256), whatever they are: a source can add to what the others
 * gave but take nothing away. The generator's key is replaced by a hash of the old key and of all
 * additions, when these are worth at least ENTROPY_SEED_BITS together; output is the key stream of
 * ChaCha20, whose first bytes replace the key after each request, so that what was given out cannot
 * be computed from what is in memory later. Until the first such seed there is no output. The
 * processor's generator and timing are asked by the pool itself, also where a device has given
 * enough; devices feed it when it wants more.
 */
#ifndef KERNEL_ENTROPY_H
#define KERNEL_ENTROPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/list.h"

#define ENTROPY_SEED_BITS 128u

enum entropy_source {
    ENTROPY_CPU,    /* RDSEED, RDRAND */
    ENTROPY_JITTER, /* how long memory accesses take */
    ENTROPY_DEVICE, /* virtio-rng */
    ENTROPY_SOURCE_CNT
};

/* Mixes @data in, worth @bits; a source that repeats itself is mixed in as worth nothing. Returns
 * what it was taken for. Any context. */
unsigned entropy_add(enum entropy_source source, const void *data, size_t len, unsigned bits);

/* Whether a device should be asked for more. Any context. */
bool entropy_wants(void);

/* @len random bytes. 0; -EAGAIN there was no source that is worth it, @data is unchanged. Any
 * context. */
int entropy_get(void *data, size_t len);

/* As entropy_get(), and where there is no source, numbers that differ but can be guessed: for
 * ports and identifiers that must be had. Any context. */
void entropy_get_weak(void *data, size_t len);

/* Somebody to be asked when the pool wants more. */
struct entropy_feeder {
    struct list link;
    void (*ask)(struct entropy_feeder *feeder); /* with a spinlock held; entropy_add() later */
};
void entropy_feeder_register(struct entropy_feeder *feeder);   /* and asks it at once */
void entropy_feeder_unregister(struct entropy_feeder *feeder); /* ask() does not run afterwards */

struct entropy_stats {
    uint64_t bits[ENTROPY_SOURCE_CNT];    /* taken for, in all */
    uint64_t bytes[ENTROPY_SOURCE_CNT];   /* mixed in */
    uint64_t repeats[ENTROPY_SOURCE_CNT]; /* additions that repeated what was before */
    uint64_t seeds;                       /* keys made of additions */
    uint64_t given;                       /* bytes given out */
    bool seeded;
};
void entropy_stats(struct entropy_stats *stats);

#endif
