/* Ends of the run that arch itself asks for. Private to arch/x86_64. */
#ifndef ARCH_X86_64_FAULT_PRIVATE_H
#define ARCH_X86_64_FAULT_PRIVATE_H

/* Reports "@fault kind=arch reason=..." with a backtrace and ends the run. */
_Noreturn void fault_abort(const char *reason);

/* Prints through the registered function, or straight to the UART. */
void fault_print(const char *text);

#endif
