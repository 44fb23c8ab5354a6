/* Memory ordering between the CPU and a device that shares memory with it (virtio 1.3, 2.7.13
 * and 2.7.14). */
#ifndef ARCH_BARRIER_H
#define ARCH_BARRIER_H

/*
 *   dma_wmb()  earlier writes to shared memory are visible before later ones
 *   dma_rmb()  earlier reads of shared memory complete before later ones
 *   dma_mb()   both, and write-then-read: for "publish the index, then read whether to notify"
 *   compiler_barrier()
 * READ_ONCE(x) / WRITE_ONCE(x, v) access shared memory exactly once, at the width of x.
 */
#define READ_ONCE(x)     (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

#include "arch_impl/barrier.h"

#endif
