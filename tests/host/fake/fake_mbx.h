/* The mailbox registers of a card, as its VFs and its PF see them, behind tests' struct mbx_io. */
#ifndef FAKE_MBX_H
#define FAKE_MBX_H

#include <stdbool.h>
#include <stdint.h>

#include "drivers/igb/mbx.h"

#define FAKE_MBX_VF_CNT 64

struct fake_mbx_vf {
    uint32_t v2p, p2v;
    uint32_t mem[MBX_DWORD_CNT];
};

/* All of the card; the lists of accesses are of both ends. */
extern struct fake_mbx {
    const struct mbx_layout *layout;
    struct fake_mbx_vf vfs[FAKE_MBX_VF_CNT];
    uint32_t icr[4], vflre[2];
    bool lock_sticks;       /* a VFU or PFU that is written is not set */
    unsigned mem_write_cnt; /* dwords of mailbox memory written */
    unsigned delay_cnt;
    uint64_t delayed_us;
    unsigned pf_irq_cnt; /* "other" interrupts of the PF */
    void (*step)(void);  /* called by each delay: what the other end does meanwhile */
} fake_mbx;

/* How an end reaches it: ctx is &fake_mbx_vf_ctx[n], or NULL for the PF. */
extern const struct mbx_io fake_mbx_io;
extern unsigned fake_mbx_vf_ctx[FAKE_MBX_VF_CNT];

void fake_mbx_reset(const struct mbx_layout *layout);

/* The PF goes into reset, and is through with it. */
void fake_mbx_pf_reset(void);
void fake_mbx_pf_reset_done(void);

/* VF @vf is reset. */
void fake_mbx_vf_reset(unsigned vf);

#endif
