/* The local APIC: set-up, timer, and the one place that composes message-signalled interrupts. */
#include "arch/x86_64/lapic.h"

#include "arch/x86_64/cpu_insn.h"
#include "arch/x86_64/intr_cpu.h"
#include "arch/x86_64/lapic_regs.h"

static const struct lapic_ops *choose_ops(void)
{
    return cpuid(1, 0).ecx & CPUID_1_ECX_X2APIC ? &x2apic_ops : &xapic_ops;
}

const struct lapic_ops *lapic = &xapic_ops;

void lapic_init_this(bool nmi_input)
{
    if (!lapic->enable())
        return;
    lapic->write(LAPIC_TPR, 0);
    lapic->write(LAPIC_LVT_TIMER, LAPIC_LVT_MASKED | VECTOR_TIMER);
    lapic->write(LAPIC_LVT_LINT0, LAPIC_LVT_MASKED);
    lapic->write(LAPIC_LVT_LINT1, nmi_input ? LAPIC_LVT_NMI : LAPIC_LVT_MASKED);
    lapic->write(LAPIC_LVT_ERROR, LAPIC_LVT_MASKED);
    lapic->write(LAPIC_TIMER_DIV, LAPIC_TIMER_DIV_16);
    lapic->write(LAPIC_SVR, LAPIC_SVR_ENABLE | VECTOR_SPURIOUS);
    cpu_this()->hw_id = lapic->id();
}

void lapic_init(void)
{
    lapic = choose_ops();
    lapic_init_this(true);
    /* OVMF parks the other CPUs in MWAIT, which spins under emulation: INIT makes them wait for
     * start-up silently. */
    lapic->icr_write(0, LAPIC_ICR_ALL_BUT_SELF | LAPIC_ICR_ASSERT | LAPIC_ICR_INIT);
}

void lapic_timer_start(uint32_t count)
{
    lapic->write(LAPIC_TIMER_INIT, count);
}

uint32_t lapic_timer_count(void)
{
    return lapic->read(LAPIC_TIMER_CUR);
}

void lapic_timer_mask(bool masked)
{
    lapic->write(LAPIC_LVT_TIMER, (masked ? LAPIC_LVT_MASKED : 0) | VECTOR_TIMER);
}

void lapic_timer_deadline_mode(void)
{
    lapic->write(LAPIC_LVT_TIMER, LAPIC_LVT_TIMER_DEADLINE | VECTOR_TIMER);
    /* Orders the mode change, a memory write in xAPIC mode, before the first write of the deadline
     * register. */
    __asm__ volatile("mfence" ::: "memory");
}

void intr_msi_compose(unsigned cpu, unsigned vector, struct msi_message *msg)
{
    /* A CPU that cannot be named here has no vectors to give out. */
    msg->address = MSI_ADDRESS_BASE | (uint64_t)cpu_hw_id(cpu) << MSI_ADDRESS_DEST_SHIFT;
    msg->data = vector & MSI_DATA_VECTOR_MASK;
}

void intr_raise(unsigned cpu, unsigned vector)
{
    lapic->icr_write(cpu_hw_id(cpu), LAPIC_ICR_ASSERT | (vector & MSI_DATA_VECTOR_MASK));
}
