/* An 82576 of host tests: the registers of its PF and of its VF 0, whose mailbox is that of
 * fake_mbx.h. Included before everything else (cflags: -include ...). */
#ifndef FAKE_IGB_H
#define FAKE_IGB_H

#include <stdint.h>

#include "arch/io.h"

extern struct fake_igb {
    uint32_t pf[0x20000 / 4], vf[0x4000 / 4];
    unsigned tail_write_cnt; /* of queues' tails */
    uint32_t eics;           /* vectors raised by software */
    unsigned stuck_off;      /* the PF's register that keeps what it has; 0: none does */
    void (*tail_hook)(void); /* called by each write of a tail */
    void (*mbx_read_hook)(unsigned off); /* called after the PF has read a mailbox register */
} fake_igb;

void fake_igb_reset(void);

uint32_t fake_igb_read(const volatile void *reg);
void fake_igb_write(volatile void *reg, uint32_t value);
#define mmio_read32(reg)         fake_igb_read(reg)
#define mmio_write32(reg, value) fake_igb_write(reg, value)

/* What a PF's register holds, without an access. */
#define FAKE_IGB_PF(off) fake_igb.pf[(off) / 4]
#define FAKE_IGB_VF(off) fake_igb.vf[(off) / 4]

#endif
