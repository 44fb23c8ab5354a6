/* The CPU's random number generator. */
#ifndef ARCH_RANDOM_H
#define ARCH_RANDOM_H

/*
 * Inline, any context; false when the CPU has no generator or it failed:
 *   bool arch_random(uint64_t *value)        output of a generator that is seeded now and then
 *   bool arch_random_seed(uint64_t *value)   what such a generator is seeded with
 */
#include "arch_impl/random.h"

#endif
