/* Included before everything else (cflags: -include ...): the processor's generator and its cycle
 * counter are the test's. */
#ifndef FAKE_RANDOM_H
#define FAKE_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/clock.h"
#include "arch/random.h"

bool fake_arch_random(uint64_t *value);
bool fake_arch_random_seed(uint64_t *value);
uint64_t fake_clock_cycles(void);

#define arch_random(value)      fake_arch_random(value)
#define arch_random_seed(value) fake_arch_random_seed(value)
#define clock_cycles()          fake_clock_cycles()

#endif
