/* Sets of CPUs as people write them: "0", "1-3", "0,2,4-7". */
#ifndef IRQ_CPU_LIST_H
#define IRQ_CPU_LIST_H

#include <stddef.h>

#include "arch/cpu.h"

/* Room for any list; the longest has two CPUs of every three. */
#define CPU_LIST_LEN 160

/* @mask into @buf, rising, ranges joined; "" for none. Returns @buf. Any context. */
const char *cpu_list_format(char *buf, size_t size, cpu_mask_t mask);

/* 0; -EINVAL not a list; -ERANGE a number that no CPU can have. @mask is set on success only. Any
 * context. */
int cpu_list_parse(const char *text, cpu_mask_t *mask);

#endif
