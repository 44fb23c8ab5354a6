/* PVH boot: turns hvm_start_info into boot_info. Runs with the first 4 GiB mapped at 0. */
#include <string.h>

#include "arch/memory.h"
#include "boot/memmap.h"
#include "boot/pvh_spec.h"
#include "boot/start.h"

#define PVH_IDENTITY_END (4ull << 30)
#define PVH_MEMMAP_MAX   1024

/* Where a PC's firmware leaves the RSDP when nobody tells its address (ACPI 6.5, 5.2.5.1). */
#define BIOS_EBDA_SEGMENT_PA 0x40e
#define BIOS_EBDA_SEARCH_LEN 1024
#define BIOS_AREA_START_PA   0xe0000
#define BIOS_AREA_END_PA     0x100000
#define RSDP_SIGNATURE       "RSD PTR "
#define RSDP_V1_LEN          20

extern char _image_start[], _image_end[];

/* Identity-mapped memory; the optimizer must not see that page 0 is meant. */
static const void *low_memory(uint64_t pa)
{
    const void *p = (const void *)(uintptr_t)pa;

    __asm__("" : "+r"(p));
    return p;
}

static const void *readable(uint64_t pa, uint64_t len)
{
    return pa != 0 && pa < PVH_IDENTITY_END && len <= PVH_IDENTITY_END - pa ? low_memory(pa) : NULL;
}

static void add_type(struct boot_info *info, const struct hvm_memmap_table_entry *map, uint32_t cnt,
                     enum boot_mem_type wanted)
{
    for (uint32_t i = 0; i < cnt; i++) {
        uint32_t type = BOOT_MEM_RESERVED;

        if (map[i].type == HVM_MEMMAP_TYPE_RAM)
            type = BOOT_MEM_USABLE;
        else if (map[i].type == HVM_MEMMAP_TYPE_ACPI || map[i].type == HVM_MEMMAP_TYPE_NVS)
            type = BOOT_MEM_ACPI;
        if (type == wanted && map[i].size <= UINT64_MAX - map[i].addr)
            memmap_add(info, map[i].addr, map[i].addr + map[i].size, type);
    }
}

static void read_memmap(struct boot_info *info, const struct hvm_start_info *start)
{
    const struct hvm_memmap_table_entry *map;
    uint32_t cnt = start->version >= 1 ? start->memmap_entries : 0;

    if (cnt > PVH_MEMMAP_MAX)
        cnt = PVH_MEMMAP_MAX;
    map = readable(start->memmap_paddr, cnt * sizeof(*map));
    if (map == NULL)
        return;
    add_type(info, map, cnt, BOOT_MEM_USABLE);
    add_type(info, map, cnt, BOOT_MEM_ACPI);
    add_type(info, map, cnt, BOOT_MEM_RESERVED);
    memmap_finish(info);
}

static uint64_t search_rsdp(uint64_t start_pa, uint64_t end_pa)
{
    for (uint64_t pa = start_pa; pa + RSDP_V1_LEN <= end_pa; pa += 16) {
        const uint8_t *p = low_memory(pa);
        uint8_t sum = 0;

        if (memcmp(p, RSDP_SIGNATURE, 8) != 0)
            continue;
        for (unsigned i = 0; i < RSDP_V1_LEN; i++)
            sum += p[i];
        if (sum == 0)
            return pa;
    }
    return 0;
}

static uint64_t find_rsdp(void)
{
    uint64_t ebda_pa = (uint64_t) * (const uint16_t *)low_memory(BIOS_EBDA_SEGMENT_PA) << 4;
    uint64_t pa = 0;

    if (ebda_pa >= 0x80000 && ebda_pa < 0xa0000)
        pa = search_rsdp(ebda_pa, ebda_pa + BIOS_EBDA_SEARCH_LEN);
    return pa != 0 ? pa : search_rsdp(BIOS_AREA_START_PA, BIOS_AREA_END_PA);
}

static void copy_cmdline(struct boot_info *info, const char *from)
{
    for (unsigned i = 0; i < BOOT_CMDLINE_MAX - 1 && from[i] != '\0'; i++)
        info->cmdline[i] = from[i];
}

_Noreturn void pvh_main(uint64_t start_info_pa)
{
    struct boot_info *info = boot_info_storage();
    const struct hvm_start_info *start = readable(start_info_pa, sizeof(*start));
    const char *cmdline;

    info->magic = BOOT_INFO_MAGIC;
    info->path = BOOT_PATH_PVH;
    info->image_pa = (uintptr_t)_image_start - MEMORY_IMAGE_BASE;
    info->image_len = (uint64_t)(_image_end - _image_start);
    if (start != NULL && start->magic == HVM_START_MAGIC_VALUE) {
        read_memmap(info, start);
        cmdline = readable(start->cmdline_paddr, BOOT_CMDLINE_MAX);
        if (cmdline != NULL)
            copy_cmdline(info, cmdline);
        info->rsdp_pa = start->rsdp_paddr;
    }
    if (info->rsdp_pa == 0)
        info->rsdp_pa = find_rsdp();
    boot_enter();
}
