/* What both entry paths (UEFI loader, PVH) hand to the kernel. Fixed layout: the loader is a
 * separate program. */
#ifndef BOOT_BOOT_INFO_H
#define BOOT_BOOT_INFO_H

#include <stdint.h>

#define BOOT_INFO_MAGIC \
    0x010030676e697276ull /* "vring0", then the layout's version: another loader is refused */
#define BOOT_MEM_MAX     128
#define BOOT_CMDLINE_MAX 2048

enum boot_path {
    BOOT_PATH_UEFI = 1,
    BOOT_PATH_PVH = 2
};

/* Firmware memory classes, reduced to what the kernel acts on. */
enum boot_mem_type {
    BOOT_MEM_USABLE = 1,   /* free once the kernel runs */
    BOOT_MEM_RESERVED = 2, /* never touch */
    BOOT_MEM_ACPI = 3,     /* tables: mapped read-only, never reused */
};

struct boot_mem_range {
    uint64_t start_pa;
    uint64_t end_pa; /* exclusive */
    uint32_t type;   /* enum boot_mem_type */
    uint32_t reserved;
};

/*
 * Ranges are sorted by start_pa and do not overlap; USABLE ones are whole pages and never hold page
 * 0. The kernel image itself lies inside a USABLE range and is carved out by the page allocator
 * (image_pa, image_len).
 */
struct boot_info {
    uint64_t magic;
    uint32_t path;      /* enum boot_path */
    uint32_t mem_cnt;   /* entries in mem[] */
    uint64_t image_pa;  /* physical address of _image_start */
    uint64_t image_len; /* bytes up to _image_end, page multiple */
    uint64_t rsdp_pa;   /* 0: no ACPI */
    struct boot_mem_range mem[BOOT_MEM_MAX];
    char cmdline[BOOT_CMDLINE_MAX]; /* NUL-terminated; sources joined by a space */
};
_Static_assert(sizeof(struct boot_mem_range) == 24, "part of the loader's interface");
_Static_assert(sizeof(struct boot_info) == 40 + 24 * BOOT_MEM_MAX + BOOT_CMDLINE_MAX, "no padding");

#endif
