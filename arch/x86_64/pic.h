/* The legacy 8259 interrupt controllers. */
#ifndef ARCH_X86_64_PIC_H
#define ARCH_X86_64_PIC_H

/* Moves their vectors away from the exceptions, for the spurious ones, and masks all inputs. */
void pic_mask_all(void);

#endif
