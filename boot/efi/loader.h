/* The UEFI loader's parts. A failed one prints why and returns the firmware's status. */
#ifndef BOOT_EFI_LOADER_H
#define BOOT_EFI_LOADER_H

#include <efi.h>
#include <efilib.h>

#include "boot/boot_info.h"

#define LOADER_PAGE_SIZE  4096ull
#define LOADER_LARGE_SIZE (2ull << 20)
#define LOADER_LOW_END    (4ull << 30) /* the kernel, its tables and boot_info lie below */

struct loaded_kernel {
    UINT64 image_pa;
    UINT64 image_va; /* lowest linked address */
    UINT64 image_len;
    UINT64 entry_va;
};

/* file.c: the kernel file, from the boot medium or the one carried along. */
EFI_STATUS kernel_find(EFI_HANDLE image, const UINT8 **data, UINTN *len);

/* elf.c: puts the file's segments into new memory, 2 MiB aligned. */
EFI_STATUS kernel_load(const UINT8 *data, UINTN len, struct loaded_kernel *kernel);

/* tables.c: zeroed pages below 4 GiB, 0 when there are none; and page tables made of them. */
UINT64 low_pages(UINTN cnt);
EFI_STATUS tables_build(const struct loaded_kernel *kernel, UINT64 code_pa, UINT64 *root_pa);

/* info.c: what firmware knows, as boot_info. */
void info_add_cmdline(EFI_HANDLE image, struct boot_info *info);
UINT64 info_find_rsdp(EFI_SYSTEM_TABLE *system);
void info_add_memory(struct boot_info *info, const UINT8 *map, UINTN map_len, UINTN entry_len);

#endif
