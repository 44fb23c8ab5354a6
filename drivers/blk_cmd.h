/* Shared by the files of the console command "blk". */
#ifndef DRIVERS_BLK_CMD_H
#define DRIVERS_BLK_CMD_H

#include "drivers/blockdev.h"

/* The device of that name. 0, or console_fail(-ENOENT) naming those that there are. */
int blk_cmd_device(const char *name, struct block_device **dev);

/* blk soak DEV ..., with argv of the whole command. */
int blk_cmd_soak(int argc, char **argv);

#endif
