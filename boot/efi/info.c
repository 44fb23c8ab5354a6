/* What firmware knows, as boot_info: command line, RSDP, memory map. */
#include "boot/efi/loader.h"
#include "boot/memmap.h"

static BOOLEAN ends_with_efi(const CHAR16 *text, UINTN len)
{
    return len >= 4 && text[len - 4] == L'.' && (text[len - 3] | 0x20) == L'e' &&
           (text[len - 2] | 0x20) == L'f' && (text[len - 1] | 0x20) == L'i';
}

/* The shell puts the program's name in front of its arguments. */
static UINTN skip_program(const CHAR16 *text, UINTN len)
{
    UINTN end = 0;

    while (end < len && text[end] != L' ')
        end++;
    if (!ends_with_efi(text, end))
        return 0;
    while (end < len && text[end] == L' ')
        end++;
    return end;
}

/* Load options may be anything: only what is plain text to its end counts as a command line. */
void info_add_cmdline(EFI_HANDLE image, struct boot_info *info)
{
    EFI_GUID guid = LOADED_IMAGE_PROTOCOL;
    EFI_LOADED_IMAGE *loaded;
    const CHAR16 *text;
    UINTN len, used = 0;

    if (EFI_ERROR(BS->HandleProtocol(image, &guid, (void **)&loaded)) ||
        loaded->LoadOptions == NULL)
        return;
    text = loaded->LoadOptions;
    for (len = 0; len < loaded->LoadOptionsSize / sizeof(CHAR16) && text[len] != 0; len++)
        if (text[len] < 0x20 || text[len] > 0x7e)
            return;
    for (UINTN i = skip_program(text, len); i < len && used < BOOT_CMDLINE_MAX - 1; i++)
        info->cmdline[used++] = (char)text[i];
}

UINT64 info_find_rsdp(EFI_SYSTEM_TABLE *system)
{
    EFI_GUID acpi2 = ACPI_20_TABLE_GUID, acpi1 = ACPI_TABLE_GUID;
    UINT64 found = 0;

    for (UINTN i = 0; i < system->NumberOfTableEntries; i++) {
        EFI_CONFIGURATION_TABLE *table = &system->ConfigurationTable[i];

        if (CompareGuid(&table->VendorGuid, &acpi2) == 0)
            return (UINT64)table->VendorTable;
        if (CompareGuid(&table->VendorGuid, &acpi1) == 0)
            found = (UINT64)table->VendorTable;
    }
    return found;
}

static enum boot_mem_type type_of(const EFI_MEMORY_DESCRIPTOR *entry)
{
    switch (entry->Type) {
    case EfiConventionalMemory:
    case EfiBootServicesCode:
    case EfiBootServicesData:
    case EfiLoaderCode:
    case EfiLoaderData:
        return BOOT_MEM_USABLE;
    case EfiACPIReclaimMemory:
    case EfiACPIMemoryNVS:
        return BOOT_MEM_ACPI;
    default:
        return BOOT_MEM_RESERVED;
    }
}

static void add_type(struct boot_info *info, const UINT8 *map, UINTN map_len, UINTN entry_len,
                     enum boot_mem_type wanted)
{
    for (UINTN off = 0; off + entry_len <= map_len; off += entry_len) {
        const EFI_MEMORY_DESCRIPTOR *entry = (const EFI_MEMORY_DESCRIPTOR *)(map + off);

        if (type_of(entry) == wanted)
            memmap_add(info, entry->PhysicalStart,
                       entry->PhysicalStart + entry->NumberOfPages * LOADER_PAGE_SIZE, wanted);
    }
}

/* Runs after boot services have ended: calls nothing of the firmware. */
void info_add_memory(struct boot_info *info, const UINT8 *map, UINTN map_len, UINTN entry_len)
{
    add_type(info, map, map_len, entry_len, BOOT_MEM_USABLE);
    add_type(info, map, map_len, entry_len, BOOT_MEM_ACPI);
    add_type(info, map, map_len, entry_len, BOOT_MEM_RESERVED);
    memmap_finish(info);
}
