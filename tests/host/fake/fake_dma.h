/* dma_alloc() of host tests; physical addresses are the host's own. Link
 * tests/host/fake/fake_dma.c. */
#ifndef FAKE_DMA_H
#define FAKE_DMA_H

#include <stddef.h>

/* The call after this many further ones fails; -1: none does. */
extern int fake_dma_fail_after;

/* Bytes allocated and not yet freed. */
extern size_t fake_dma_in_use;

#endif
