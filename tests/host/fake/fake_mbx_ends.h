/* Both ends of one VF's mailbox on the fake card; tests run with the offsets of each card. */
#ifndef FAKE_MBX_ENDS_H
#define FAKE_MBX_ENDS_H

#include "fake_mbx.h"

#define TRIES 20
#define STEP  500

static const struct mbx_layout *layout;
static unsigned vf_nr; /* a VF beyond the first of each register */
static struct mbx vf, pf;
static uint32_t reply[MBX_DWORD_CNT];
static unsigned reply_at; /* the delay at which the PF looks */

static inline int setup(const struct mbx_layout *wanted, unsigned nr)
{
    layout = wanted;
    vf_nr = nr;
    fake_mbx_reset(layout);
    mbx_init(&vf, &mbx_vf_ops, layout, &fake_mbx_io, &fake_mbx_vf_ctx[vf_nr], vf_nr);
    mbx_init(&pf, &mbx_pf_ops, layout, &fake_mbx_io, NULL, vf_nr);
    mbx_reset(&vf, TRIES, STEP);
    mbx_reset(&pf, TRIES, STEP);
    reply_at = 1;
    return 0;
}

static inline int setup_82576(void **state)
{
    (void)state;
    return setup(&mbx_layout_82576, 3);
}

static inline int setup_82599(void **state)
{
    (void)state;
    return setup(&mbx_layout_82599, 37);
}

static inline struct fake_mbx_vf *regs(void)
{
    return &fake_mbx.vfs[vf_nr];
}

/* The PF looks, reads, answers with ACK set in dword 0. */
static inline void serve(void)
{
    if (fake_mbx.delay_cnt < reply_at || !mbx_check_for_msg(&pf))
        return;
    assert_int_equal(mbx_read(&pf, reply, MBX_DWORD_CNT), 0);
    reply[0] |= MBX_MSG_ACK;
    assert_int_equal(mbx_write(&pf, reply, 3), 0);
}

#define BOTH(fn)                                  \
    {#fn "_82576", fn, setup_82576, NULL, NULL},  \
    {                                             \
#fn "_82599", fn, setup_82599, NULL, NULL \
    }

#endif
