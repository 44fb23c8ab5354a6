/* Local APIC registers (Intel SDM volume 3, chapter 11) and the format of message-signalled
 * interrupts (11.11). */
#ifndef ARCH_X86_64_LAPIC_REGS_H
#define ARCH_X86_64_LAPIC_REGS_H

#include <stdint.h>

#define LAPIC_ID         0x020
#define LAPIC_TPR        0x080
#define LAPIC_EOI        0x0b0
#define LAPIC_SVR        0x0f0
#define LAPIC_ESR        0x280
#define LAPIC_ICR_LOW    0x300
#define LAPIC_ICR_HIGH   0x310
#define LAPIC_LVT_TIMER  0x320
#define LAPIC_LVT_LINT0  0x350
#define LAPIC_LVT_LINT1  0x360
#define LAPIC_LVT_ERROR  0x370
#define LAPIC_TIMER_INIT 0x380
#define LAPIC_TIMER_CUR  0x390
#define LAPIC_TIMER_DIV  0x3e0

#define LAPIC_SVR_ENABLE         0x100u
#define LAPIC_LVT_MASKED         0x10000u
#define LAPIC_LVT_NMI            0x400u
#define LAPIC_LVT_TIMER_DEADLINE 0x40000u
#define LAPIC_TIMER_DIV_16       0x3u

#define LAPIC_ICR_NMI          0x400u
#define LAPIC_ICR_INIT         0x500u
#define LAPIC_ICR_STARTUP      0x600u /* | page number of where to start */
#define LAPIC_ICR_ASSERT       0x4000u
#define LAPIC_ICR_PENDING      0x1000u
#define LAPIC_ICR_ALL_BUT_SELF 0xc0000u

/* Local APIC ids that messages of devices and I/O APICs can name; the one behind means all CPUs. */
#define LAPIC_DEVICE_DEST_MAX 0xfeu

#define MSI_ADDRESS_BASE       0xfee00000u
#define MSI_ADDRESS_DEST_SHIFT 12    /* physical destination, no redirection hint */
#define MSI_DATA_VECTOR_MASK   0xffu /* fixed delivery, edge */

#endif
