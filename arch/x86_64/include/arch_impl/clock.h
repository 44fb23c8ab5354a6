/* The time-stamp counter. */
#ifndef ARCH_IMPL_CLOCK_H
#define ARCH_IMPL_CLOCK_H

#include <stdint.h>

static inline uint64_t clock_cycles(void)
{
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

#endif
