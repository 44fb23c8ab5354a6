/* Local APIC registers through memory. */
#include "arch/cpu.h"
#include "arch/io.h"
#include "arch/memory.h"
#include "arch/x86_64/cpu_insn.h"
#include "arch/x86_64/lapic.h"
#include "arch/x86_64/lapic_regs.h"

#define ICR_POLL_MAX 100000

static uint8_t *regs;

static bool xapic_enable(void)
{
    uint64_t base = msr_read(MSR_APIC_BASE);

    msr_write(MSR_APIC_BASE, base | APIC_BASE_ENABLE);
    if (regs == NULL)
        regs = mmio_map(base & APIC_BASE_PA_MASK, PAGE_SIZE);
    return regs != NULL;
}

static uint32_t xapic_read(unsigned reg)
{
    return mmio_read32(regs + reg);
}

static void xapic_write(unsigned reg, uint32_t value)
{
    mmio_write32(regs + reg, value);
}

static unsigned xapic_id(void)
{
    return xapic_read(LAPIC_ID) >> 24;
}

static void xapic_icr_write(unsigned dest, uint32_t command)
{
    /* The two halves must not be torn apart by a handler that sends a command itself. */
    uint64_t state = cpu_irq_save();

    for (unsigned i = 0; i < ICR_POLL_MAX && (xapic_read(LAPIC_ICR_LOW) & LAPIC_ICR_PENDING); i++)
        ;
    xapic_write(LAPIC_ICR_HIGH, dest << 24);
    xapic_write(LAPIC_ICR_LOW, command);
    cpu_irq_restore(state);
}

static void xapic_eoi(void)
{
    mmio_write32(regs + LAPIC_EOI, 0);
}

const struct lapic_ops xapic_ops = {
    .name = "xapic",
    .enable = xapic_enable,
    .read = xapic_read,
    .write = xapic_write,
    .id = xapic_id,
    .icr_write = xapic_icr_write,
    .eoi = xapic_eoi,
};
