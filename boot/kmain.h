/* Where both boot paths end. */
#ifndef BOOT_KMAIN_H
#define BOOT_KMAIN_H

#include "boot/boot_info.h"

/* Called on the boot stack, interrupts off, with low memory still mapped. @info is the kernel's own
 * copy. */
void kmain(struct boot_info *info);

#endif
