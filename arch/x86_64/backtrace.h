/* Function names and return addresses, for reports. Private to arch/x86_64. */
#ifndef ARCH_X86_64_BACKTRACE_H
#define ARCH_X86_64_BACKTRACE_H

#include <stdint.h>

#include "arch/x86_64/text.h"

/* Adds "name+0x12", or "?" for what is no kernel code. */
void backtrace_add_function(struct text *text, uint64_t rip);

/* Prints the frame at @rip and its callers, whose chain begins at @rbp. */
void backtrace_print_from(uint64_t rip, uint64_t rbp);

#endif
