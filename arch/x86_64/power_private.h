/* What ends of a run need beforehand. Private to arch/x86_64. */
#ifndef ARCH_X86_64_POWER_PRIVATE_H
#define ARCH_X86_64_POWER_PRIVATE_H

/* Maps the power registers that are in memory. Once, when the ACPI tables have been read. */
void power_map_registers(void);

#endif
