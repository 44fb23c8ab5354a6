/* Private: the reports that the kernel itself brings. */
#ifndef KERNEL_REPORT_KERNEL_H
#define KERNEL_REPORT_KERNEL_H

#include "kernel/report.h"

void report_memory(int json, report_emit_t emit, void *arg);
void report_threads(int json, report_emit_t emit, void *arg);

#endif
