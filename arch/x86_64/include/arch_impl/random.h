/* RDRAND behind arch/random.h. */
#ifndef ARCH_IMPL_RANDOM_H
#define ARCH_IMPL_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

#define ARCH_CPUID1_ECX_RDRAND (1u << 30)
#define ARCH_RDRAND_TRIES      10 /* the generator may run dry for a moment */

static inline bool arch_random(uint64_t *value)
{
    uint32_t eax = 1, ebx, ecx = 0, edx;
    uint64_t number = 0;
    bool ok = false;

    __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    if ((ecx & ARCH_CPUID1_ECX_RDRAND) == 0)
        return false;
    for (unsigned i = 0; i < ARCH_RDRAND_TRIES && !ok; i++)
        __asm__ volatile("rdrand %0; setc %1" : "=r"(number), "=qm"(ok) : : "cc");
    *value = number;
    return ok;
}

#endif
