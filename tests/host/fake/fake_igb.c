/* The card's registers: plain memory, but for masks, reset bits and the mailbox. */
#include "fake_igb.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "drivers/igb/igb_regs.h"
#include "fake_mbx.h"

struct fake_igb fake_igb;

void fake_igb_reset(void)
{
    memset(&fake_igb, 0, sizeof(fake_igb));
    fake_mbx_reset(&mbx_layout_82576);
    FAKE_IGB_PF(E1000_STATUS) = E1000_STATUS_LU | E1000_STATUS_GIO_MASTER_ENABLE;
    FAKE_IGB_VF(E1000_VTSTATUS) = E1000_STATUS_LU;
    FAKE_IGB_PF(E1000_EECD) = E1000_EECD_AUTO_RD;
}

static bool is_mailbox(bool pf, unsigned off)
{
    if (!pf)
        return off == mbx_layout_82576.vf_ctrl || (off >= 0x800 && off < 0x840);
    return (off >= 0x800 && off < 0xa00) || (off >= 0xc00 && off < 0xc20) || off == 0xc80 ||
           off == 0xc88;
}

uint32_t fake_igb_read(const volatile void *reg)
{
    const volatile uint32_t *word = reg;
    const bool pf = word >= fake_igb.pf && word < fake_igb.pf + 0x20000 / 4;
    const unsigned off =
        (unsigned)((const char *)word - (const char *)(pf ? fake_igb.pf : fake_igb.vf));

    if (is_mailbox(pf, off)) {
        const uint32_t value = fake_mbx_io.read32(pf ? NULL : &fake_mbx_vf_ctx[0], off);

        if (pf && fake_igb.mbx_read_hook != NULL)
            fake_igb.mbx_read_hook(off);
        return value;
    }
    return *word;
}

/* The masks of PF and VF are at the same offsets. */
static void write_plain(uint32_t *regs, unsigned off, uint32_t value)
{
    switch (off) {
    case E1000_EIMS:
        regs[off / 4] |= value;
        break;
    case E1000_EIMC:
        regs[E1000_EIMS / 4] &= ~value;
        break;
    case E1000_EICS:
        fake_igb.eics |= value;
        break;
    case E1000_IMS:
        regs[off / 4] |= value;
        break;
    case E1000_IMC:
        regs[E1000_IMS / 4] &= ~value;
        break;
    default:
        regs[off / 4] = value;
    }
}

static void write_pf(unsigned off, uint32_t value)
{
    if (off == E1000_CTRL) {
        FAKE_IGB_PF(E1000_STATUS) &= ~E1000_STATUS_GIO_MASTER_ENABLE;
        if ((value & E1000_CTRL_GIO_MASTER_DISABLE) == 0)
            FAKE_IGB_PF(E1000_STATUS) |= E1000_STATUS_GIO_MASTER_ENABLE;
        if ((value & E1000_CTRL_RST) != 0)
            fake_mbx_pf_reset();
        value &= ~E1000_CTRL_RST;
    }
    if (off == E1000_CTRL_EXT && (value & E1000_CTRL_EXT_PFRSTD) != 0)
        fake_mbx_pf_reset_done();
    if (off == E1000_MDIC)
        value |= E1000_MDIC_READY;
    write_plain(fake_igb.pf, off, value);
}

void fake_igb_write(volatile void *reg, uint32_t value)
{
    volatile uint32_t *word = reg;
    const bool pf = word >= fake_igb.pf && word < fake_igb.pf + 0x20000 / 4;
    const unsigned off =
        (unsigned)((volatile char *)word - (volatile char *)(pf ? fake_igb.pf : fake_igb.vf));

    const bool tail = (off & 0x3f) == E1000_Q_TAIL && off >= (pf ? 0xc000 : 0x2800);

    if (pf && fake_igb.stuck_off != 0 && off == fake_igb.stuck_off)
        return;
    if (is_mailbox(pf, off))
        fake_mbx_io.write32(pf ? NULL : &fake_mbx_vf_ctx[0], off, value);
    else if (pf)
        write_pf(off, value);
    else if (off == E1000_VTCTRL && (value & E1000_CTRL_RST) != 0)
        fake_mbx_vf_reset(0);
    else
        write_plain(fake_igb.vf, off, value);
    fake_igb.tail_write_cnt += tail;
    if (tail && fake_igb.tail_hook != NULL)
        fake_igb.tail_hook();
}
