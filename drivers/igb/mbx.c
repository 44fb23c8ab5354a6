/* What both ends of the mailbox share: the posted calls with their time limits, the bounds, and the
 * tables of registers. */
#include "drivers/igb/mbx.h"

#include <errno.h>
#include <stddef.h>

const struct mbx_layout mbx_layout_82576 = {
    .name = "82576",
    .vf_cnt = 8,
    .vf_ctrl = 0x0c40,
    .vf_mem = 0x0800,
    .pf_ctrl = 0x0c00,
    .pf_mem = 0x0800,
    .icr = 0x0c80,
    .vflre = {0x0c88, 0},
    .vflre_clear = {0x0c88, 0},
};

const struct mbx_layout mbx_layout_82599 = {
    .name = "82599",
    .vf_cnt = 64,
    .vf_ctrl = 0x02fc,
    .vf_mem = 0x0200,
    .pf_ctrl = 0x4b00,
    .pf_mem = 0x13000,
    .icr = 0x0710,
    .vflre = {0x0600, 0x01c0},
    .vflre_clear = {0x0700, 0x0704},
};

void mbx_init(struct mbx *mbx, const struct mbx_ops *ops, const struct mbx_layout *layout,
              const struct mbx_io *io, void *ctx, unsigned vf)
{
    *mbx = (struct mbx){.ops = ops, .layout = layout, .io = io, .ctx = ctx, .vf = vf};
}

void mbx_reset(struct mbx *mbx, unsigned tries, unsigned delay_us)
{
    uint64_t irq = spin_lock(&mbx->lock);

    mbx->noted = 0;
    mbx->tries = tries;
    mbx->delay_us = delay_us;
    spin_unlock(&mbx->lock, irq);
}

static bool fits(unsigned cnt)
{
    return cnt > 0 && cnt <= MBX_DWORD_CNT;
}

int mbx_write(struct mbx *mbx, const uint32_t *msg, unsigned cnt)
{
    if (mbx->ops->write == NULL)
        return -ENOTSUP;
    return fits(cnt) ? mbx->ops->write(mbx, msg, cnt) : -EMSGSIZE;
}

int mbx_read(struct mbx *mbx, uint32_t *msg, unsigned cnt)
{
    if (mbx->ops->read == NULL)
        return -ENOTSUP;
    return fits(cnt) ? mbx->ops->read(mbx, msg, cnt) : -EMSGSIZE;
}

bool mbx_check_for_msg(struct mbx *mbx)
{
    return mbx->ops->check_for_msg != NULL && mbx->ops->check_for_msg(mbx);
}

bool mbx_check_for_ack(struct mbx *mbx)
{
    return mbx->ops->check_for_ack != NULL && mbx->ops->check_for_ack(mbx);
}

bool mbx_check_for_rst(struct mbx *mbx)
{
    return mbx->ops->check_for_rst != NULL && mbx->ops->check_for_rst(mbx);
}

/* Looks for an indication until the tries are used up, which then none are left of. A reset of the
 * other end ends the wait: it has forgotten what it was asked. */
static int wait_for(struct mbx *mbx, bool (*check)(struct mbx *mbx))
{
    const unsigned tries = mbx->tries;

    for (unsigned i = 0; i < tries; i++) {
        if (check(mbx))
            return 0;
        if (mbx_check_for_rst(mbx))
            return -ECONNRESET;
        mbx->io->delay_us(mbx->delay_us);
    }
    mbx->tries = 0;
    return -ETIMEDOUT;
}

int mbx_write_posted(struct mbx *mbx, const uint32_t *msg, unsigned cnt)
{
    int rc;

    if (mbx->ops->check_for_ack == NULL)
        return -ENOTSUP;
    if (mbx->tries == 0)
        return -ENOTCONN;
    rc = mbx_write(mbx, msg, cnt);
    return rc != 0 ? rc : wait_for(mbx, mbx->ops->check_for_ack);
}

int mbx_read_posted(struct mbx *mbx, uint32_t *msg, unsigned cnt)
{
    int rc;

    if (mbx->ops->check_for_msg == NULL || mbx->ops->read == NULL)
        return -ENOTSUP;
    if (!fits(cnt))
        return -EMSGSIZE;
    if (mbx->tries == 0)
        return -ENOTCONN;
    rc = wait_for(mbx, mbx->ops->check_for_msg);
    return rc != 0 ? rc : mbx_read(mbx, msg, cnt);
}
