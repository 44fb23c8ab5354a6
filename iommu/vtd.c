/* Commands to a VT-d remapping unit, each with its bounded wait. */
#include "iommu/vtd.h"

#include <errno.h>

#include "arch/io.h"
#include "arch/memory.h"

/* Reads of a register, each of which takes a good deal longer than a cycle. */
#define TRIES 1000000u

/* Bits of GSTS that must not be written back: they are commands for once. */
#define ONCE (VTD_G_SRTP | VTD_G_SFL | VTD_G_WBF | VTD_G_SIRTP)

static uint32_t read_status(const struct vtd_unit *unit)
{
    return mmio_read32(unit->regs + VTD_GSTS);
}

static int wait_status(const struct vtd_unit *unit, uint32_t bits, uint32_t value)
{
    for (unsigned i = 0; i < TRIES; i++) {
        if ((read_status(unit) & bits) == value)
            return 0;
    }
    return -ETIMEDOUT;
}

/* One bit at a time may change (11.4.4). */
static int command(const struct vtd_unit *unit, uint32_t bit, bool on)
{
    uint32_t keep = read_status(unit) & ~ONCE & ~bit;

    mmio_write32(unit->regs + VTD_GCMD, keep | (on ? bit : 0));
    return wait_status(unit, bit, on && bit != VTD_G_WBF ? bit : 0);
}

/* 64-bit command registers have their busy bit at the top. */
static int invalidate(const struct vtd_unit *unit, uint64_t reg, uint64_t value)
{
    mmio_write64(unit->regs + reg, value);
    for (unsigned i = 0; i < TRIES; i++) {
        if ((mmio_read64(unit->regs + reg) & VTD_CCMD_ICC) == 0)
            return 0;
    }
    return -ETIMEDOUT;
}

int vtd_open(struct vtd_unit *unit, uint64_t pa)
{
    uint64_t end;

    unit->regs_len = VTD_REGS_LEN;
    unit->regs = mmio_map(pa, unit->regs_len);
    if (unit->regs == NULL)
        return -ENOMEM;
    unit->cap = mmio_read64(unit->regs + VTD_CAP);
    unit->ecap = mmio_read64(unit->regs + VTD_ECAP);
    if (mmio_read32(unit->regs + VTD_VER) == UINT32_MAX || unit->cap == UINT64_MAX ||
        unit->ecap == UINT64_MAX) {
        mmio_unmap(unit->regs, unit->regs_len);
        return -ENODEV;
    }
    end = VTD_CAP_FRO(unit->cap) + VTD_CAP_NFR(unit->cap) * VTD_FRCD_LEN;
    if (end < VTD_ECAP_IRO(unit->ecap) + VTD_IOTLB_END)
        end = VTD_ECAP_IRO(unit->ecap) + VTD_IOTLB_END;
    if (end <= unit->regs_len)
        return 0;
    mmio_unmap(unit->regs, unit->regs_len);
    unit->regs_len = (unsigned)end;
    unit->regs = mmio_map(pa, unit->regs_len);
    return unit->regs != NULL ? 0 : -ENOMEM;
}

int vtd_off(struct vtd_unit *unit)
{
    static const uint32_t bits[] = {VTD_G_TE, VTD_G_IRE, VTD_G_QIE};

    for (unsigned i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
        if ((read_status(unit) & bits[i]) != 0 && command(unit, bits[i], false) != 0)
            return -ETIMEDOUT;
    }
    return 0;
}

int vtd_flush(struct vtd_unit *unit)
{
    int err = 0;

    if (unit->cap & VTD_CAP_RWBF)
        err = command(unit, VTD_G_WBF, true);
    if (err == 0)
        err = invalidate(unit, VTD_CCMD, VTD_CCMD_ICC | VTD_CCMD_GLOBAL);
    if (err == 0)
        err = invalidate(unit, VTD_ECAP_IRO(unit->ecap) + VTD_IOTLB,
                         VTD_IOTLB_IVT | VTD_IOTLB_GLOBAL | VTD_IOTLB_DR | VTD_IOTLB_DW);
    return err;
}

int vtd_on(struct vtd_unit *unit, uint64_t root_pa)
{
    int err;

    mmio_write64(unit->regs + VTD_RTADDR, root_pa);
    err = command(unit, VTD_G_SRTP, true);
    if (err == 0)
        err = vtd_flush(unit);
    if (err == 0)
        err = command(unit, VTD_G_TE, true);
    if (err != 0)
        command(unit, VTD_G_TE, false);
    return err;
}
