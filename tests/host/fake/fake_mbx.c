/* A card's mailbox: who may take the buffer, what a control write tells the other end, what a read
 * clears. */
#include "fake_mbx.h"

#include <stddef.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct fake_mbx fake_mbx;
unsigned fake_mbx_vf_ctx[FAKE_MBX_VF_CNT];

void fake_mbx_reset(const struct mbx_layout *layout)
{
    memset(&fake_mbx, 0, sizeof(fake_mbx));
    fake_mbx.layout = layout;
    for (unsigned i = 0; i < FAKE_MBX_VF_CNT; i++)
        fake_mbx_vf_ctx[i] = i;
}

void fake_mbx_pf_reset(void)
{
    for (unsigned i = 0; i < FAKE_MBX_VF_CNT; i++)
        fake_mbx.vfs[i].v2p = MBX_V2P_RSTI;
}

void fake_mbx_pf_reset_done(void)
{
    for (unsigned i = 0; i < FAKE_MBX_VF_CNT; i++)
        fake_mbx.vfs[i].v2p = (fake_mbx.vfs[i].v2p & ~MBX_V2P_RSTI) | MBX_V2P_RSTD;
}

void fake_mbx_vf_reset(unsigned vf)
{
    fake_mbx.vflre[vf / 32] |= 1u << vf % 32;
    fake_mbx.pf_irq_cnt++;
}

static void tell_pf(unsigned vf, uint32_t bit)
{
    fake_mbx.icr[vf / 16] |= bit << vf % 16;
    fake_mbx.pf_irq_cnt++;
}

static void write_v2p(unsigned n, uint32_t value)
{
    struct fake_mbx_vf *vf = &fake_mbx.vfs[n];

    if (value & MBX_V2P_REQ)
        tell_pf(n, 1);
    if (value & MBX_V2P_ACK)
        tell_pf(n, 0x10000);
    if (!(value & MBX_V2P_VFU)) {
        vf->v2p &= ~MBX_V2P_VFU;
        vf->p2v &= ~MBX_P2V_VFU;
    } else if (!(vf->v2p & MBX_V2P_PFU) && !fake_mbx.lock_sticks) {
        vf->v2p |= MBX_V2P_VFU;
        vf->p2v |= MBX_P2V_VFU;
    }
}

static void write_p2v(unsigned n, uint32_t value)
{
    struct fake_mbx_vf *vf = &fake_mbx.vfs[n];

    if (value & MBX_P2V_STS)
        vf->v2p |= MBX_V2P_PFSTS;
    if (value & MBX_P2V_ACK)
        vf->v2p |= MBX_V2P_PFACK;
    if (!(value & MBX_P2V_PFU)) {
        vf->v2p &= ~MBX_V2P_PFU;
        vf->p2v &= ~MBX_P2V_PFU;
    } else if (!(vf->p2v & MBX_P2V_VFU) && !fake_mbx.lock_sticks) {
        vf->v2p |= MBX_V2P_PFU;
        vf->p2v |= MBX_P2V_PFU;
    }
}

/* The dword of mailbox memory at @off of memory that begins at @base, NULL when it lies outside. */
static uint32_t *mem_at(unsigned off, unsigned base, unsigned vf_cnt, unsigned first)
{
    const unsigned index = (off - base) / 4;

    if (off < base || index >= vf_cnt * MBX_DWORD_CNT)
        return NULL;
    return &fake_mbx.vfs[first + index / MBX_DWORD_CNT].mem[index % MBX_DWORD_CNT];
}

/* Registers that are plain words to the PF; *@clear when writing ones clears. */
static uint32_t *pf_word(unsigned off, bool write, bool *clear)
{
    const struct mbx_layout *layout = fake_mbx.layout;
    const unsigned banks = (layout->vf_cnt + 31) / 32;

    *clear = true;
    for (unsigned i = 0; i < (layout->vf_cnt + 15) / 16; i++)
        if (off == layout->icr + 4 * i)
            return &fake_mbx.icr[i];
    for (unsigned i = 0; i < banks; i++)
        if (off == (write ? layout->vflre_clear[i] : layout->vflre[i]))
            return &fake_mbx.vflre[i];
    *clear = false;
    return mem_at(off, layout->pf_mem, layout->vf_cnt, 0);
}

static bool is_pf_ctrl(unsigned off)
{
    return off >= fake_mbx.layout->pf_ctrl &&
           off < fake_mbx.layout->pf_ctrl + 4 * fake_mbx.layout->vf_cnt;
}

static uint32_t read32(void *ctx, unsigned off)
{
    const unsigned *n = ctx;
    uint32_t *word, value;
    bool clear;

    if (n != NULL && off == fake_mbx.layout->vf_ctrl) {
        value = fake_mbx.vfs[*n].v2p;
        fake_mbx.vfs[*n].v2p &= ~MBX_V2P_READ_CLEAR;
        return value;
    }
    if (n == NULL && is_pf_ctrl(off))
        return fake_mbx.vfs[(off - fake_mbx.layout->pf_ctrl) / 4].p2v;
    word = n != NULL ? mem_at(off, fake_mbx.layout->vf_mem, 1, *n) : pf_word(off, false, &clear);
    assert_non_null(word);
    return *word;
}

static void write32(void *ctx, unsigned off, uint32_t value)
{
    const unsigned *n = ctx;
    bool clear = false;
    uint32_t *word;

    if (n != NULL && off == fake_mbx.layout->vf_ctrl) {
        write_v2p(*n, value);
        return;
    }
    if (n == NULL && is_pf_ctrl(off)) {
        write_p2v((off - fake_mbx.layout->pf_ctrl) / 4, value);
        return;
    }
    word = n != NULL ? mem_at(off, fake_mbx.layout->vf_mem, 1, *n) : pf_word(off, true, &clear);
    assert_non_null(word);
    fake_mbx.mem_write_cnt += !clear;
    *word = clear ? *word & ~value : value;
}

static void delay_us(unsigned us)
{
    fake_mbx.delay_cnt++;
    fake_mbx.delayed_us += us;
    if (fake_mbx.step != NULL)
        fake_mbx.step();
}

const struct mbx_io fake_mbx_io = {.read32 = read32, .write32 = write32, .delay_us = delay_us};
