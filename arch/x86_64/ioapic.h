/* I/O APICs: inputs (GSIs) to vectors. */
#ifndef ARCH_X86_64_IOAPIC_H
#define ARCH_X86_64_IOAPIC_H

/* Maps the controllers that firmware lists and masks all their inputs. */
void ioapic_init(void);

#endif
