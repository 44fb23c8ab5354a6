/* The interrupts table, shared by the console command and the "interrupts" report. */
#ifndef IRQ_IRQ_REPORT_H
#define IRQ_IRQ_REPORT_H

#include <stdint.h>

#include "irq/irq.h"
#include "kernel/report.h"

/* Whole table, one row a source, as text or as a JSON array. Thread context. */
void irq_report(int json, report_emit_t emit, void *arg);

/* Interrupts of @desc on all CPUs. */
uint64_t irq_count_sum(const struct irq_desc *desc);

#endif
