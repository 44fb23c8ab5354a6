/* RDRAND and RDSEED behind arch/random.h. */
#ifndef ARCH_IMPL_RANDOM_H
#define ARCH_IMPL_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

#define ARCH_CPUID1_ECX_RDRAND (1u << 30)
#define ARCH_CPUID7_EBX_RDSEED (1u << 18)
#define ARCH_RANDOM_TRIES      10 /* the generator may run dry for a moment */

struct arch_random_cpuid {
    uint32_t eax, ebx, ecx, edx;
};

static inline struct arch_random_cpuid arch_random_cpuid(uint32_t leaf)
{
    struct arch_random_cpuid regs = {.eax = leaf};

    __asm__ volatile("cpuid" : "+a"(regs.eax), "=b"(regs.ebx), "+c"(regs.ecx), "=d"(regs.edx));
    return regs;
}

static inline bool arch_random(uint64_t *value)
{
    uint64_t number = 0;
    bool ok = false;

    if ((arch_random_cpuid(1).ecx & ARCH_CPUID1_ECX_RDRAND) == 0)
        return false;
    for (unsigned i = 0; i < ARCH_RANDOM_TRIES && !ok; i++)
        __asm__ volatile("rdrand %0; setc %1" : "=r"(number), "=qm"(ok) : : "cc");
    *value = number;
    return ok;
}

static inline bool arch_random_seed(uint64_t *value)
{
    uint64_t number = 0;
    bool ok = false;

    if (arch_random_cpuid(0).eax < 7 || (arch_random_cpuid(7).ebx & ARCH_CPUID7_EBX_RDSEED) == 0)
        return false;
    for (unsigned i = 0; i < ARCH_RANDOM_TRIES && !ok; i++)
        __asm__ volatile("rdseed %0; setc %1" : "=r"(number), "=qm"(ok) : : "cc");
    *value = number;
    return ok;
}

#endif
