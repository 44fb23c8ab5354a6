/* Local APIC registers through model-specific registers. */
#include "arch/x86_64/cpu_insn.h"
#include "arch/x86_64/lapic.h"
#include "arch/x86_64/lapic_regs.h"

static uint32_t msr_of(unsigned reg)
{
    return MSR_X2APIC + reg / 16;
}

static bool x2apic_enable(void)
{
    uint64_t base = msr_read(MSR_APIC_BASE) | APIC_BASE_ENABLE;

    /* From disabled, the x2APIC bit may only be set in a second step. */
    msr_write(MSR_APIC_BASE, base);
    msr_write(MSR_APIC_BASE, base | APIC_BASE_X2APIC);
    return true;
}

static uint32_t x2apic_read(unsigned reg)
{
    return (uint32_t)msr_read(msr_of(reg));
}

static void x2apic_write(unsigned reg, uint32_t value)
{
    msr_write(msr_of(reg), value);
}

static unsigned x2apic_id(void)
{
    return x2apic_read(LAPIC_ID);
}

static void x2apic_icr_write(unsigned dest, uint32_t command)
{
    /* Unlike a write to device memory this one does not wait for earlier stores, nor for a fence
     * alone (Intel SDM volume 3A, 10.12.3). */
    __asm__ volatile("mfence; lfence" ::: "memory");
    msr_write(msr_of(LAPIC_ICR_LOW), (uint64_t)dest << 32 | command);
}

static void x2apic_eoi(void)
{
    msr_write(MSR_X2APIC + LAPIC_EOI / 16, 0);
}

const struct lapic_ops x2apic_ops = {
    .name = "x2apic",
    .enable = x2apic_enable,
    .read = x2apic_read,
    .write = x2apic_write,
    .id = x2apic_id,
    .icr_write = x2apic_icr_write,
    .eoi = x2apic_eoi,
};
