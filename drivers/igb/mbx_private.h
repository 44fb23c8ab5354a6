/* Register access of the mailbox's two ends. */
#ifndef DRIVERS_IGB_MBX_PRIVATE_H
#define DRIVERS_IGB_MBX_PRIVATE_H

#include "drivers/igb/mbx.h"

static inline uint32_t mbx_reg_read(const struct mbx *mbx, unsigned off)
{
    return mbx->io->read32(mbx->ctx, off);
}

static inline void mbx_reg_write(const struct mbx *mbx, unsigned off, uint32_t value)
{
    mbx->io->write32(mbx->ctx, off, value);
}

static inline void mbx_copy_in(const struct mbx *mbx, unsigned mem, uint32_t *msg, unsigned cnt)
{
    for (unsigned i = 0; i < cnt; i++)
        msg[i] = mbx_reg_read(mbx, mem + 4 * i);
}

static inline void mbx_copy_out(const struct mbx *mbx, unsigned mem, const uint32_t *msg,
                                unsigned cnt)
{
    for (unsigned i = 0; i < cnt; i++)
        mbx_reg_write(mbx, mem + 4 * i, msg[i]);
}

#endif
