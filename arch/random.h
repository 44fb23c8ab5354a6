/* The CPU's random number generator. */
#ifndef ARCH_RANDOM_H
#define ARCH_RANDOM_H

/* Inline: bool arch_random(uint64_t *value), false when the CPU has no generator or it failed. Any
 * context. */
#include "arch_impl/random.h"

#endif
