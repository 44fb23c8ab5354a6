/* From the UEFI loader's hands into the kernel's own: checks the boot information and keeps a copy
 * of it. */
#include "boot/start.h"

#include <string.h>

#include "arch/cpu.h"
#include "arch/memory.h"
#include "arch/uart.h"
#include "boot/kmain.h"

static struct boot_info boot_info;

extern char _image_start[];

static _Noreturn void refuse(const char *why)
{
    uart_init();
    uart_write(why, strlen(why));
    cpu_halt();
}

struct boot_info *boot_info_storage(void)
{
    return &boot_info;
}

_Noreturn void boot_enter(void)
{
    memory_image_delta = (uintptr_t)_image_start - boot_info.image_pa;
    kmain(&boot_info);
    cpu_halt();
}

_Noreturn void boot_main(const struct boot_info *from)
{
    if (from->magic != BOOT_INFO_MAGIC || from->mem_cnt > BOOT_MEM_MAX)
        refuse("vring0: the loader is not this kernel's: bad boot_info\n");
    boot_info = *from;
    boot_info.cmdline[BOOT_CMDLINE_MAX - 1] = '\0';
    boot_enter();
}
