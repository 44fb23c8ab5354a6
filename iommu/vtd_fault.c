/* Faults of VT-d: accesses that a unit did not let through, reported by interrupt as "@event" lines
 * at a bounded rate. */
#include <errno.h>

#include "arch/io.h"
#include "iommu/iommu_private.h"
#include "irq/irq.h"
#include "kernel/format.h"
#include "kernel/log.h"

/* A device that keeps on is heard of ten times a second. */
#define PAUSE_NS 100000000ull

/* By the number in a record (VT-d 4.1, 7.1.3). */
static const char *const reasons[] = {
    [1] = "nothing of this bus may access memory",
    [2] = "this function may not access memory",
    [3] = "bad context entry",
    [4] = "address beyond what the IOMMU translates",
    [5] = "memory that devices may not write",
    [6] = "memory that devices may not read",
    [7] = "page tables out of reach",
    [8] = "root table out of reach",
    [9] = "context table out of reach",
    [10] = "bad root entry",
    [11] = "bad context entry",
    [12] = "bad page table entry",
    [13] = "kind of access that this function may not make",
};

static void mask(struct irq_data *data)
{
    const struct vtd_unit *unit = data->chip_data;

    mmio_write32(unit->regs + VTD_FECTL, VTD_FECTL_IM);
    mmio_read32(unit->regs + VTD_FECTL);
}

static void unmask(struct irq_data *data)
{
    const struct vtd_unit *unit = data->chip_data;

    mmio_write32(unit->regs + VTD_FECTL, 0);
}

static int route(struct irq_data *data)
{
    const struct vtd_unit *unit = data->chip_data;
    struct msi_message message;

    intr_msi_compose(data->cpu, data->vector, &message);
    mmio_write32(unit->regs + VTD_FEDATA, message.data);
    mmio_write32(unit->regs + VTD_FEADDR, (uint32_t)message.address);
    mmio_write32(unit->regs + VTD_FEUADDR, (uint32_t)(message.address >> 32));
    return 0;
}

static const struct irq_chip chip = {
    .name = "iommu",
    .mask = mask,
    .unmask = unmask,
    .route = route,
};

static void report(uint64_t lo, uint64_t hi)
{
    unsigned reason = VTD_FRCD_FR(hi), sid = VTD_FRCD_SID(hi);
    const char *text = NULL;
    char quoted[80];

    if (reason < sizeof(reasons) / sizeof(reasons[0]))
        text = reasons[reason];
    at_line("event", "name=%02x:%02x.%x kind=dma-fault addr=%#llx access=%s code=%u reason=%s",
            sid >> 8, sid >> 3 & 0x1f, sid & 7, (unsigned long long)VTD_FRCD_PAGE(lo),
            (hi & VTD_FRCD_READ) != 0 ? "read" : "write", reason,
            at_quote(quoted, sizeof(quoted), text != NULL ? text : "unknown"));
}

static uint8_t *record_at(const struct vtd_unit *unit, size_t i)
{
    return unit->regs + VTD_CAP_FRO(unit->cap) + i * VTD_FRCD_LEN;
}

/* A record holds its first fault until that is cleared; what comes meanwhile only leaves a mark. */
static void take_records(const struct vtd_unit *unit)
{
    for (unsigned i = 0; i < VTD_CAP_NFR(unit->cap); i++) {
        uint8_t *record = record_at(unit, i);
        uint64_t hi = mmio_read64(record + VTD_FRCD_HI), lo;

        if ((hi & VTD_FRCD_F) == 0)
            continue;
        lo = mmio_read64(record);
        mmio_write64(record + VTD_FRCD_HI, VTD_FRCD_F);
        iommu_count_fault();
        report(lo, hi);
    }
}

/* No interrupt follows while a fault is pending: this ends when there is none. */
static void serve(void *cookie)
{
    const struct vtd_unit *unit = cookie;

    do {
        take_records(unit);
        mmio_write32(unit->regs + VTD_FSTS, VTD_FSTS_PFO);
        thread_sleep_ns(PAUSE_NS);
    } while ((mmio_read32(unit->regs + VTD_FSTS) & (VTD_FSTS_PFO | VTD_FSTS_PPF)) != 0);
}

int vtd_faults_start(struct vtd_unit *unit)
{
    int irq = irq_alloc(&chip, unit, 0, 0);
    int err;

    if (irq < 0)
        return irq;
    /* What firmware's time left behind is nobody's news, and would keep interrupts from coming. */
    for (unsigned i = 0; i < VTD_CAP_NFR(unit->cap); i++)
        mmio_write64(record_at(unit, i) + VTD_FRCD_HI, VTD_FRCD_F);
    mmio_write32(unit->regs + VTD_FSTS, VTD_FSTS_PFO);
    err = irq_request_threaded((unsigned)irq, NULL, serve, IRQF_ONESHOT, unit, unit->name);
    if (err != 0) {
        irq_free((unsigned)irq);
        return err;
    }
    unit->irq = (unsigned)irq;
    return 0;
}
