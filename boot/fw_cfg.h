/* Boot options that QEMU hands over through its fw_cfg device. */
#ifndef BOOT_FW_CFG_H
#define BOOT_FW_CFG_H

#include "boot/boot_info.h"

/*
 * Appends the file opt/org.vring0/cmdline to @info->cmdline, behind a space; what does not fit is
 * cut off. Does nothing where there is no such device or file. Call after memory_init().
 */
void fw_cfg_append_cmdline(struct boot_info *info);

#endif
