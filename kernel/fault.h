/* Reports of CPU exceptions that nothing handles: one @fault line, a register dump and a backtrace.
 */
#ifndef KERNEL_FAULT_H
#define KERNEL_FAULT_H

/* Registers the reports with the architecture. Needs the log only; threads are named once they
 * exist. */
void fault_init(void);

#endif
