/* The PF's end of one VF's mailbox. Requests, acknowledgements and resets of all VFs are bits of
 * registers that they share; each end takes only its own, by writing it. */
#include <errno.h>

#include "drivers/igb/mbx_private.h"

static unsigned ctrl(const struct mbx *mbx)
{
    return mbx->layout->pf_ctrl + 4 * mbx->vf;
}

static unsigned mem(const struct mbx *mbx)
{
    return mbx->layout->pf_mem + 4 * MBX_DWORD_CNT * mbx->vf;
}

/* Whether @bit is set, which it is not afterwards. */
static bool take(struct mbx *mbx, unsigned reg, unsigned clear_reg, uint32_t bit)
{
    if ((mbx_reg_read(mbx, reg) & bit) == 0)
        return false;
    mbx_reg_write(mbx, clear_reg, bit);
    return true;
}

static bool take_icr(struct mbx *mbx, uint32_t bit)
{
    const unsigned reg = mbx->layout->icr + 4 * (mbx->vf / MBX_ICR_VF_CNT);

    return take(mbx, reg, reg, bit);
}

static bool pf_check_for_msg(struct mbx *mbx)
{
    bool there = take_icr(mbx, MBX_ICR_REQ(mbx->vf));

    mbx->stats.req_cnt += there;
    return there;
}

static bool pf_check_for_ack(struct mbx *mbx)
{
    bool there = take_icr(mbx, MBX_ICR_ACK(mbx->vf));

    mbx->stats.ack_cnt += there;
    return there;
}

static bool pf_check_for_rst(struct mbx *mbx)
{
    const unsigned bank = mbx->vf / MBX_VFLRE_VF_CNT;
    bool there =
        take(mbx, mbx->layout->vflre[bank], mbx->layout->vflre_clear[bank], MBX_VFLRE_BIT(mbx->vf));

    mbx->stats.rst_cnt += there;
    return there;
}

static int lock_buffer(struct mbx *mbx)
{
    for (unsigned i = 0; i < MBX_LOCK_TRIES; i++) {
        mbx_reg_write(mbx, ctrl(mbx), MBX_P2V_PFU);
        if ((mbx_reg_read(mbx, ctrl(mbx)) & MBX_P2V_PFU) != 0)
            return 0;
        mbx->io->delay_us(mbx->delay_us);
    }
    return -EBUSY;
}

static int pf_write(struct mbx *mbx, const uint32_t *msg, unsigned cnt)
{
    int rc = lock_buffer(mbx);

    if (rc != 0)
        return rc;
    take_icr(mbx, MBX_ICR_REQ(mbx->vf)); /* of the message that is overwritten */
    take_icr(mbx, MBX_ICR_ACK(mbx->vf));
    mbx_copy_out(mbx, mem(mbx), msg, cnt);
    mbx->stats.tx_cnt++;
    mbx_reg_write(mbx, ctrl(mbx), MBX_P2V_STS);
    return 0;
}

static int pf_read(struct mbx *mbx, uint32_t *msg, unsigned cnt)
{
    int rc = lock_buffer(mbx);

    if (rc != 0)
        return rc;
    mbx_copy_in(mbx, mem(mbx), msg, cnt);
    mbx->stats.rx_cnt++;
    mbx_reg_write(mbx, ctrl(mbx), MBX_P2V_ACK);
    return 0;
}

const struct mbx_ops mbx_pf_ops = {
    .read = pf_read,
    .write = pf_write,
    .check_for_msg = pf_check_for_msg,
    .check_for_ack = pf_check_for_ack,
    .check_for_rst = pf_check_for_rst,
};
