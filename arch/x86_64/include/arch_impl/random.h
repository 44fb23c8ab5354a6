/* RDRAND and RDSEED behind arch/random.h. */
#ifndef ARCH_IMPL_RANDOM_H
#define ARCH_IMPL_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

#define ARCH_CPUID1_ECX_RDRAND (1u << 30)
#define ARCH_CPUID7_EBX_RDSEED (1u << 18)
#define ARCH_RANDOM_TRIES      10 /* the generator may run dry for a moment */

static inline void arch_random_cpuid(uint32_t leaf, uint32_t *eax, uint32_t *ebx, uint32_t *ecx)
{
    uint32_t edx;

    *eax = leaf;
    *ecx = 0;
    __asm__ volatile("cpuid" : "+a"(*eax), "=b"(*ebx), "+c"(*ecx), "=d"(edx));
}

static inline bool arch_random(uint64_t *value)
{
    uint32_t eax, ebx, ecx;
    uint64_t number = 0;
    bool ok = false;

    arch_random_cpuid(1, &eax, &ebx, &ecx);
    if ((ecx & ARCH_CPUID1_ECX_RDRAND) == 0)
        return false;
    for (unsigned i = 0; i < ARCH_RANDOM_TRIES && !ok; i++)
        __asm__ volatile("rdrand %0; setc %1" : "=r"(number), "=qm"(ok) : : "cc");
    *value = number;
    return ok;
}

static inline bool arch_random_seed(uint64_t *value)
{
    uint32_t eax, ebx, ecx;
    uint64_t number = 0;
    bool ok = false;

    arch_random_cpuid(0, &eax, &ebx, &ecx);
    if (eax < 7)
        return false;
    arch_random_cpuid(7, &eax, &ebx, &ecx);
    if ((ebx & ARCH_CPUID7_EBX_RDSEED) == 0)
        return false;
    for (unsigned i = 0; i < ARCH_RANDOM_TRIES && !ok; i++)
        __asm__ volatile("rdseed %0; setc %1" : "=r"(number), "=qm"(ok) : : "cc");
    *value = number;
    return ok;
}

#endif
