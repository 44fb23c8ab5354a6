/* What the two boot paths share on their way to kmain(). */
#ifndef BOOT_START_H
#define BOOT_START_H

#include "boot/boot_info.h"

/* The kernel's own boot_info, zero at first. */
struct boot_info *boot_info_storage(void);

/* Goes on to kmain() with boot_info_storage() filled in. */
_Noreturn void boot_enter(void);

/* C side of the 64-bit entry. @from lies in the loader's memory. */
_Noreturn void boot_main(const struct boot_info *from);

/* C side of the PVH entry. @start_info_pa is identity-mapped. */
_Noreturn void pvh_main(uint64_t start_info_pa);

#endif
