/* Puts the kernel's segments into memory. The file may come from the boot medium: every number in
 * it is checked. */
#include "boot/efi/elf_spec.h"
#include "boot/efi/loader.h"

#define IMAGE_LEN_MAX (64ull << 20)
#define KERNEL_BASE   0xffffffff80000000ull

static BOOLEAN header_is_good(const struct elf_header *header, UINTN len)
{
    return len >= sizeof(*header) &&
           CompareMem(header->ident, ELF_IDENT_64_LE, ELF_IDENT_LEN) == 0 &&
           header->type == ELF_TYPE_EXEC && header->machine == ELF_MACHINE_X64 &&
           header->phentsize == sizeof(struct elf_segment) && header->phoff % 8 == 0 &&
           header->phoff <= len &&
           header->phnum <= (len - header->phoff) / sizeof(struct elf_segment);
}

static const struct elf_segment *segments_of(const UINT8 *data)
{
    return (const struct elf_segment *)(data + ((const struct elf_header *)data)->phoff);
}

static BOOLEAN segment_is_good(const struct elf_segment *segment, UINTN len)
{
    return segment->vaddr >= KERNEL_BASE && segment->memsz <= ~0ull - segment->vaddr &&
           segment->filesz <= segment->memsz && segment->offset <= len &&
           segment->filesz <= len - segment->offset;
}

/* Lowest and highest address of the segments, in whole pages from a 2 MiB boundary on. */
static BOOLEAN find_extent(const UINT8 *data, UINTN len, struct loaded_kernel *kernel)
{
    const struct elf_header *header = (const struct elf_header *)data;
    UINT64 low = ~0ull, high = 0;

    for (UINTN i = 0; i < header->phnum; i++) {
        const struct elf_segment *segment = &segments_of(data)[i];

        if (segment->type != ELF_PT_LOAD || segment->memsz == 0)
            continue;
        if (!segment_is_good(segment, len))
            return FALSE;
        if (segment->vaddr < low)
            low = segment->vaddr;
        if (segment->vaddr + segment->memsz > high)
            high = segment->vaddr + segment->memsz;
    }
    if (low >= high || low % LOADER_LARGE_SIZE != 0 || high - low > IMAGE_LEN_MAX)
        return FALSE;
    kernel->image_va = low;
    kernel->image_len = (high - low + LOADER_PAGE_SIZE - 1) & ~(LOADER_PAGE_SIZE - 1);
    kernel->entry_va = header->entry;
    return header->entry >= low && header->entry < high;
}

static void copy_segments(const UINT8 *data, const struct loaded_kernel *kernel)
{
    const struct elf_header *header = (const struct elf_header *)data;

    for (UINTN i = 0; i < header->phnum; i++) {
        const struct elf_segment *segment = &segments_of(data)[i];

        if (segment->type == ELF_PT_LOAD && segment->memsz != 0)
            CopyMem((void *)(kernel->image_pa + (segment->vaddr - kernel->image_va)),
                    (void *)(data + segment->offset), segment->filesz);
    }
}

/* Memory for the image at a 2 MiB boundary; what lies before and behind it is given back. */
static EFI_STATUS allocate_image(struct loaded_kernel *kernel)
{
    UINTN cnt = kernel->image_len / LOADER_PAGE_SIZE, slack = LOADER_LARGE_SIZE / LOADER_PAGE_SIZE,
          before;
    EFI_PHYSICAL_ADDRESS at = LOADER_LOW_END - 1;
    EFI_STATUS status = BS->AllocatePages(AllocateMaxAddress, EfiLoaderData, cnt + slack, &at);

    if (EFI_ERROR(status))
        return status;
    kernel->image_pa = (at + LOADER_LARGE_SIZE - 1) & ~(LOADER_LARGE_SIZE - 1);
    before = (kernel->image_pa - at) / LOADER_PAGE_SIZE;
    if (before > 0)
        BS->FreePages(at, before);
    if (slack > before)
        BS->FreePages(kernel->image_pa + kernel->image_len, slack - before);
    ZeroMem((void *)kernel->image_pa, kernel->image_len);
    return EFI_SUCCESS;
}

EFI_STATUS kernel_load(const UINT8 *data, UINTN len, struct loaded_kernel *kernel)
{
    EFI_STATUS status;

    if (!header_is_good((const struct elf_header *)data, len) || !find_extent(data, len, kernel)) {
        Print(L"vring0: the kernel file is damaged or no vring0 kernel\n");
        return EFI_LOAD_ERROR;
    }
    status = allocate_image(kernel);
    if (EFI_ERROR(status)) {
        Print(L"vring0: no %ld KiB of memory below 4 GiB for the kernel: %r\n",
              kernel->image_len / 1024, status);
        return status;
    }
    copy_segments(data, kernel);
    return EFI_SUCCESS;
}
