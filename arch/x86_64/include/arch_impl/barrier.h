/* x86 keeps loads in order and stores in order; only a load may pass an older store. */
#ifndef ARCH_IMPL_BARRIER_H
#define ARCH_IMPL_BARRIER_H

static inline void compiler_barrier(void)
{
    __asm__ volatile("" ::: "memory");
}

static inline void dma_wmb(void)
{
    compiler_barrier();
}

static inline void dma_rmb(void)
{
    compiler_barrier();
}

/* A locked instruction orders as mfence does for write-back memory, and is cheaper. */
static inline void dma_mb(void)
{
    __asm__ volatile("lock; orl $0, -4(%%rsp)" ::: "memory", "cc");
}

#endif
