/* The local APIC of this CPU. Its two access methods are behind one ops table. Private to
 * arch/x86_64. */
#ifndef ARCH_X86_64_LAPIC_H
#define ARCH_X86_64_LAPIC_H

#include <stdbool.h>
#include <stdint.h>

struct lapic_ops {
    const char *name;
    bool (*enable)(void); /* false when the registers cannot be reached */
    uint32_t (*read)(unsigned reg);
    void (*write)(unsigned reg, uint32_t value);
    unsigned (*id)(void);
    void (*icr_write)(unsigned dest, uint32_t command); /* any context */
    void (*eoi)(void);
};

extern const struct lapic_ops xapic_ops, x2apic_ops;

/* The method in use. */
extern const struct lapic_ops *lapic;

/* Enables this CPU's local APIC. @nmi_input: it takes the machine's NMIs, which one CPU does. */
void lapic_init_this(bool nmi_input);

/* Chooses the method, enables the boot CPU's local APIC and quiets CPUs that firmware left
 * spinning. */
void lapic_init(void);

/* The one-shot timer on VECTOR_TIMER counts down from @count at bus clock / LAPIC_TIMER_DIVIDER; 0
 * stops it. */
#define LAPIC_TIMER_DIVIDER 16
void lapic_timer_start(uint32_t count);
uint32_t lapic_timer_count(void);
void lapic_timer_mask(bool masked);

/* Puts the timer into TSC-deadline mode: it is then armed through MSR_TSC_DEADLINE. */
void lapic_timer_deadline_mode(void);

#endif
