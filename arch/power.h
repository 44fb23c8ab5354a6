/* Ends of a run: power off with a status, reset. */
#ifndef ARCH_POWER_H
#define ARCH_POWER_H

/* Powers the machine off; @status (0..127) reaches the host where the machine has a debug-exit
 * port. */
_Noreturn void power_off(int status);

/* Resets the machine (ACPI reset register, keyboard controller, triple fault, in this order). */
_Noreturn void power_reset(void);

#endif
