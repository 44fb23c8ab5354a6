/* The line that tells scripts that the system is up. */
#ifndef KERNEL_READY_H
#define KERNEL_READY_H

/* Prints "@ready t_us=N" the first time it is called: by console_start(), or by kmain when there is
 * no console. */
void system_ready(void);

#endif
