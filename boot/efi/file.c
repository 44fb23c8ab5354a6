/* Where the kernel comes from: \kernel.elf beside the loader's medium overrides the one that the
 * loader carries. */
#include "boot/efi/loader.h"

#define KERNEL_FILE_MAX (256ull << 20)

extern const UINT8 kimg_start[], kimg_end[];

static CHAR16 kernel_path[] = L"\\kernel.elf";

static EFI_STATUS open_root(EFI_HANDLE image, EFI_FILE_HANDLE *root)
{
    EFI_LOADED_IMAGE *loaded;
    EFI_SIMPLE_FILE_SYSTEM_PROTOCOL *volume;
    EFI_GUID image_guid = LOADED_IMAGE_PROTOCOL, volume_guid = SIMPLE_FILE_SYSTEM_PROTOCOL;
    EFI_STATUS status = BS->HandleProtocol(image, &image_guid, (void **)&loaded);

    if (!EFI_ERROR(status))
        status = BS->HandleProtocol(loaded->DeviceHandle, &volume_guid, (void **)&volume);
    return EFI_ERROR(status) ? status : volume->OpenVolume(volume, root);
}

static EFI_STATUS file_len(EFI_FILE_HANDLE file, UINT64 *len)
{
    EFI_STATUS status = file->SetPosition(file, ~0ull);

    if (!EFI_ERROR(status))
        status = file->GetPosition(file, len);
    if (!EFI_ERROR(status))
        status = file->SetPosition(file, 0);
    return status;
}

static EFI_STATUS read_file(EFI_FILE_HANDLE file, const UINT8 **data, UINTN *len)
{
    UINT64 size;
    UINTN got;
    void *buf;
    EFI_STATUS status = file_len(file, &size);

    if (EFI_ERROR(status))
        return status;
    if (size == 0 || size > KERNEL_FILE_MAX)
        return EFI_BAD_BUFFER_SIZE;
    status = BS->AllocatePool(EfiLoaderData, size, &buf);
    if (EFI_ERROR(status))
        return status;
    got = size;
    status = file->Read(file, &got, buf);
    if (!EFI_ERROR(status) && got != size)
        status = EFI_END_OF_FILE;
    if (EFI_ERROR(status)) {
        BS->FreePool(buf);
        return status;
    }
    *data = buf;
    *len = size;
    return EFI_SUCCESS;
}

EFI_STATUS kernel_find(EFI_HANDLE image, const UINT8 **data, UINTN *len)
{
    EFI_FILE_HANDLE root, file;
    EFI_STATUS status;

    *data = kimg_start;
    *len = (UINTN)(kimg_end - kimg_start);
    /* Started by the firmware's own loader there is no medium; without the file the carried kernel
     * it is. */
    if (EFI_ERROR(open_root(image, &root)))
        return EFI_SUCCESS;
    status = root->Open(root, &file, kernel_path, EFI_FILE_MODE_READ, 0);
    if (EFI_ERROR(status)) {
        root->Close(root);
        return EFI_SUCCESS;
    }
    status = read_file(file, data, len);
    file->Close(file);
    root->Close(root);
    if (EFI_ERROR(status))
        Print(L"vring0: cannot read \\kernel.elf: %r\n", status);
    else
        Print(L"vring0: kernel from \\kernel.elf\n");
    return status;
}
