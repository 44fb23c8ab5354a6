/* QEMU's fw_cfg device: reads one small file, by its DMA interface where there is one, else byte by
 * byte. */
#include "boot/fw_cfg.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "arch/barrier.h"
#include "arch/io.h"
#include "arch/memory.h"

#define FW_CFG_PORT_SELECT   0x510
#define FW_CFG_PORT_DATA     0x511
#define FW_CFG_PORT_DMA_HIGH 0x514
#define FW_CFG_PORT_DMA_LOW  0x518

#define FW_CFG_SIGNATURE 0x0000
#define FW_CFG_ID        0x0001
#define FW_CFG_FILE_DIR  0x0019

#define FW_CFG_VERSION_DMA    0x02
#define FW_CFG_DMA_CTL_ERROR  0x01
#define FW_CFG_DMA_CTL_READ   0x02
#define FW_CFG_DMA_CTL_SELECT 0x08
#define FW_CFG_DMA_POLL_MAX   1000000

#define FW_CFG_FILE_MAX     256 /* files looked at */
#define FW_CFG_CMDLINE_NAME "opt/org.vring0/cmdline"

/* All fields are big-endian. */
struct fw_cfg_file {
    uint32_t size;
    uint16_t select;
    uint16_t reserved;
    char name[56];
};
_Static_assert(sizeof(struct fw_cfg_file) == 64, "fw_cfg_file");

struct fw_cfg_dma_access {
    uint32_t control;
    uint32_t length;
    uint64_t address;
};
_Static_assert(sizeof(struct fw_cfg_dma_access) == 16, "fw_cfg_dma_access");

static struct {
    uint32_t cnt;
    struct fw_cfg_file files[FW_CFG_FILE_MAX];
} directory;
static char text[BOOT_CMDLINE_MAX];
static struct fw_cfg_dma_access dma __attribute__((aligned(16)));

static void read_bytes(uint16_t key, void *buf, size_t len)
{
    uint8_t *p = buf;

    io_out16(FW_CFG_PORT_SELECT, key);
    while (len-- > 0)
        *p++ = io_in8(FW_CFG_PORT_DATA);
}

static bool read_dma(uint16_t key, void *buf, size_t len)
{
    uint64_t pa = virt_to_phys(&dma);

    dma.control =
        __builtin_bswap32((uint32_t)key << 16 | FW_CFG_DMA_CTL_SELECT | FW_CFG_DMA_CTL_READ);
    dma.length = __builtin_bswap32((uint32_t)len);
    dma.address = __builtin_bswap64(virt_to_phys(buf));
    dma_wmb();
    io_out32(FW_CFG_PORT_DMA_HIGH, __builtin_bswap32((uint32_t)(pa >> 32)));
    io_out32(FW_CFG_PORT_DMA_LOW, __builtin_bswap32((uint32_t)pa));
    for (unsigned i = 0; i < FW_CFG_DMA_POLL_MAX; i++) {
        uint32_t control = __builtin_bswap32(READ_ONCE(dma.control));

        if ((control & ~(uint32_t)FW_CFG_DMA_CTL_ERROR) == 0)
            return control == 0;
    }
    return false;
}

/* @buf is static memory. */
static bool read_item(bool by_dma, uint16_t key, void *buf, size_t len)
{
    if (by_dma)
        return read_dma(key, buf, len);
    read_bytes(key, buf, len);
    return true;
}

static const struct fw_cfg_file *find_file(bool by_dma, const char *name)
{
    uint32_t cnt;

    if (!read_item(by_dma, FW_CFG_FILE_DIR, &directory, sizeof(directory.cnt)))
        return NULL;
    cnt = __builtin_bswap32(directory.cnt);
    if (cnt > FW_CFG_FILE_MAX)
        cnt = FW_CFG_FILE_MAX;
    if (!read_item(by_dma, FW_CFG_FILE_DIR, &directory,
                   sizeof(directory.cnt) + cnt * sizeof(directory.files[0])))
        return NULL;
    for (uint32_t i = 0; i < cnt; i++) {
        struct fw_cfg_file *file = &directory.files[i];

        file->name[sizeof(file->name) - 1] = '\0';
        if (strcmp(file->name, name) == 0)
            return file;
    }
    return NULL;
}

static void append(struct boot_info *info, const char *more, size_t more_len)
{
    size_t len = strlen(info->cmdline);

    if (len > 0 && len < BOOT_CMDLINE_MAX - 1)
        info->cmdline[len++] = ' ';
    if (more_len > BOOT_CMDLINE_MAX - 1 - len)
        more_len = BOOT_CMDLINE_MAX - 1 - len;
    memcpy(info->cmdline + len, more, more_len);
    info->cmdline[len + more_len] = '\0';
}

void fw_cfg_append_cmdline(struct boot_info *info)
{
    const struct fw_cfg_file *file;
    uint8_t signature[4], version[4];
    size_t len;
    bool by_dma;

    read_bytes(FW_CFG_SIGNATURE, signature, sizeof(signature));
    if (memcmp(signature, "QEMU", 4) != 0)
        return;
    read_bytes(FW_CFG_ID, version, sizeof(version));
    by_dma = version[0] & FW_CFG_VERSION_DMA;
    file = find_file(by_dma, FW_CFG_CMDLINE_NAME);
    if (file == NULL)
        return;
    len = __builtin_bswap32(file->size);
    if (len > sizeof(text))
        len = sizeof(text);
    if (len > 0 && read_item(by_dma, __builtin_bswap16(file->select), text, len))
        append(info, text, strnlen(text, len));
}
