/* What console commands about interrupts share. */
#ifndef IRQ_IRQ_CMD_H
#define IRQ_IRQ_CMD_H

#include "arch/cpu.h"

/* Reads an argument that names CPUs, all of which must be in use. 0, or what console_fail() said.
 * Thread context. */
int irq_cmd_cpus(const char *text, cpu_mask_t *mask);

#endif
