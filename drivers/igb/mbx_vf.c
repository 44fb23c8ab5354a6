/* The VF's end of the mailbox. Reading its control register clears three of the bits, so each read
 * notes them: whoever looks for one must not lose the others. */
#include <errno.h>

#include "drivers/igb/mbx_private.h"

/* With the lock. */
static uint32_t read_ctrl(struct mbx *mbx)
{
    uint32_t value = mbx_reg_read(mbx, mbx->layout->vf_ctrl);

    mbx->noted |= value & MBX_V2P_READ_CLEAR;
    return value | mbx->noted;
}

uint32_t mbx_note(struct mbx *mbx)
{
    uint64_t irq = spin_lock(&mbx->lock);
    uint32_t value = read_ctrl(mbx);

    spin_unlock(&mbx->lock, irq);
    return value;
}

/* Whether one of @bits is there, which none of them is afterwards. */
static bool take(struct mbx *mbx, uint32_t bits)
{
    uint64_t irq = spin_lock(&mbx->lock);
    uint32_t value = read_ctrl(mbx);

    mbx->noted &= ~bits;
    spin_unlock(&mbx->lock, irq);
    return (value & bits) != 0;
}

static bool vf_check_for_msg(struct mbx *mbx)
{
    bool there = take(mbx, MBX_V2P_PFSTS);

    mbx->stats.req_cnt += there;
    return there;
}

static bool vf_check_for_ack(struct mbx *mbx)
{
    bool there = take(mbx, MBX_V2P_PFACK);

    mbx->stats.ack_cnt += there;
    return there;
}

static bool vf_check_for_rst(struct mbx *mbx)
{
    bool there = take(mbx, MBX_V2P_RSTI | MBX_V2P_RSTD);

    mbx->stats.rst_cnt += there;
    return there;
}

/* The card refuses the bit while the PF has the buffer, which only a read tells. */
static int lock_buffer(struct mbx *mbx)
{
    for (unsigned i = 0; i < MBX_LOCK_TRIES; i++) {
        mbx_reg_write(mbx, mbx->layout->vf_ctrl, MBX_V2P_VFU);
        if ((mbx_note(mbx) & MBX_V2P_VFU) != 0)
            return 0;
        mbx->io->delay_us(mbx->delay_us);
    }
    return -EBUSY;
}

static int vf_write(struct mbx *mbx, const uint32_t *msg, unsigned cnt)
{
    int rc = lock_buffer(mbx);

    if (rc != 0)
        return rc;
    take(mbx, MBX_V2P_PFSTS | MBX_V2P_PFACK); /* of the message that is overwritten */
    mbx_copy_out(mbx, mbx->layout->vf_mem, msg, cnt);
    mbx->stats.tx_cnt++;
    mbx_reg_write(mbx, mbx->layout->vf_ctrl, MBX_V2P_REQ);
    return 0;
}

static int vf_read(struct mbx *mbx, uint32_t *msg, unsigned cnt)
{
    int rc = lock_buffer(mbx);

    if (rc != 0)
        return rc;
    mbx_copy_in(mbx, mbx->layout->vf_mem, msg, cnt);
    mbx->stats.rx_cnt++;
    mbx_reg_write(mbx, mbx->layout->vf_ctrl, MBX_V2P_ACK);
    return 0;
}

const struct mbx_ops mbx_vf_ops = {
    .read = vf_read,
    .write = vf_write,
    .check_for_msg = vf_check_for_msg,
    .check_for_ack = vf_check_for_ack,
    .check_for_rst = vf_check_for_rst,
};
