/* The UEFI loader: puts the kernel into memory, gathers boot_info, ends boot services, and jumps to
 * start64. */
#include "boot/efi/loader.h"

#define MAP_SLACK      (16 * LOADER_PAGE_SIZE) /* the map grows by what the loader itself allocates */
#define EXIT_TRIES_MAX 8

struct memory_map {
    UINT8 *data;
    UINTN size; /* of the buffer */
    UINTN len;
    UINTN entry_len;
    UINTN key;
};

static EFI_STATUS map_allocate(struct memory_map *map)
{
    UINT32 version;
    void *buf;
    EFI_STATUS status;

    map->len = 0;
    status = BS->GetMemoryMap(&map->len, NULL, &map->key, &map->entry_len, &version);
    if (status != EFI_BUFFER_TOO_SMALL)
        return EFI_ERROR(status) ? status : EFI_LOAD_ERROR;
    map->size = map->len + MAP_SLACK;
    status = BS->AllocatePool(EfiLoaderData, map->size, &buf);
    map->data = buf;
    return status;
}

/* The key is stale when an event handler allocated something meanwhile: again with a new map. */
static EFI_STATUS exit_boot_services(EFI_HANDLE image, struct memory_map *map)
{
    EFI_STATUS status = EFI_LOAD_ERROR;
    UINT32 version;

    for (UINTN i = 0; i < EXIT_TRIES_MAX; i++) {
        map->len = map->size;
        status = BS->GetMemoryMap(&map->len, (EFI_MEMORY_DESCRIPTOR *)map->data, &map->key,
                                  &map->entry_len, &version);
        if (EFI_ERROR(status))
            break;
        status = BS->ExitBootServices(image, map->key);
        if (!EFI_ERROR(status))
            break;
    }
    return status;
}

static void __attribute__((noreturn, noinline))
jump(UINT64 root_pa, UINT64 entry_va, const struct boot_info *info)
{
    __asm__ volatile("cli\n\t"
                     "movq %0, %%cr3\n\t"
                     "jmp *%1"
                     :
                     : "r"(root_pa), "r"(entry_va), "D"(info)
                     : "memory");
    __builtin_unreachable();
}

static struct boot_info *info_allocate(const struct loaded_kernel *kernel)
{
    UINTN cnt = (sizeof(struct boot_info) + LOADER_PAGE_SIZE - 1) / LOADER_PAGE_SIZE;
    struct boot_info *info = (struct boot_info *)low_pages(cnt);

    if (info == NULL) {
        Print(L"vring0: no memory below 4 GiB\n");
        return NULL;
    }
    info->magic = BOOT_INFO_MAGIC;
    info->path = BOOT_PATH_UEFI;
    info->image_pa = kernel->image_pa;
    info->image_len = kernel->image_len;
    return info;
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system)
{
    struct loaded_kernel kernel;
    struct memory_map map;
    struct boot_info *info;
    const UINT8 *file;
    UINTN file_len;
    UINT64 root_pa;
    EFI_STATUS status;

    InitializeLib(image, system);
    BS->SetWatchdogTimer(0, 0, 0, NULL);
    status = kernel_find(image, &file, &file_len);
    if (EFI_ERROR(status))
        return status;
    status = kernel_load(file, file_len, &kernel);
    if (EFI_ERROR(status))
        return status;
    status = tables_build(&kernel, (UINT64)jump, &root_pa);
    if (EFI_ERROR(status))
        return status;
    info = info_allocate(&kernel);
    if (info == NULL)
        return EFI_OUT_OF_RESOURCES;
    info_add_cmdline(image, info);
    info->rsdp_pa = info_find_rsdp(system);
    status = map_allocate(&map);
    if (!EFI_ERROR(status))
        status = exit_boot_services(image, &map);
    if (EFI_ERROR(status)) {
        Print(L"vring0: cannot end boot services: %r\n", status);
        return status;
    }
    info_add_memory(info, map.data, map.len, map.entry_len);
    jump(root_pa, kernel.entry_va, info);
}
