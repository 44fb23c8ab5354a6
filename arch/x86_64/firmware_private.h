/* What arch/x86_64 alone needs from the firmware tables. */
#ifndef ARCH_X86_64_FIRMWARE_PRIVATE_H
#define ARCH_X86_64_FIRMWARE_PRIVATE_H

#include "arch/x86_64/acpi.h"

/* Valid after firmware_init(). */
const struct acpi_info *firmware_acpi(void);

#endif
