/* The PVH boot protocol's structures, version 1 (Xen, public/arch-x86/hvm/start_info.h). */
#ifndef BOOT_PVH_SPEC_H
#define BOOT_PVH_SPEC_H

#include <stdint.h>

#define HVM_START_MAGIC_VALUE 0x336ec578u

#define HVM_MEMMAP_TYPE_RAM  1
#define HVM_MEMMAP_TYPE_ACPI 3
#define HVM_MEMMAP_TYPE_NVS  4

struct hvm_start_info {
    uint32_t magic;
    uint32_t version;
    uint32_t flags;
    uint32_t nr_modules;
    uint64_t modlist_paddr;
    uint64_t cmdline_paddr;
    uint64_t rsdp_paddr;
    uint64_t memmap_paddr; /* from version 1 on */
    uint32_t memmap_entries;
    uint32_t reserved;
};
_Static_assert(sizeof(struct hvm_start_info) == 56, "hvm_start_info");

struct hvm_memmap_table_entry {
    uint64_t addr;
    uint64_t size;
    uint32_t type;
    uint32_t reserved;
};
_Static_assert(sizeof(struct hvm_memmap_table_entry) == 24, "hvm_memmap_table_entry");

#endif
