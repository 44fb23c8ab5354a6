/* The parts of the ELF-64 format that an executable's loader reads. */
#ifndef BOOT_EFI_ELF_SPEC_H
#define BOOT_EFI_ELF_SPEC_H

#include <stdint.h>

#define ELF_IDENT_64_LE "\177ELF\2\1\1"
#define ELF_IDENT_LEN   7
#define ELF_TYPE_EXEC   2
#define ELF_MACHINE_X64 62
#define ELF_PT_LOAD     1

struct elf_header {
    uint8_t ident[16];
    uint16_t type;
    uint16_t machine;
    uint32_t version;
    uint64_t entry;
    uint64_t phoff;
    uint64_t shoff;
    uint32_t flags;
    uint16_t ehsize;
    uint16_t phentsize;
    uint16_t phnum;
    uint16_t shentsize;
    uint16_t shnum;
    uint16_t shstrndx;
};
_Static_assert(sizeof(struct elf_header) == 64, "ELF header");

struct elf_segment {
    uint32_t type;
    uint32_t flags;
    uint64_t offset;
    uint64_t vaddr;
    uint64_t paddr;
    uint64_t filesz;
    uint64_t memsz;
    uint64_t align;
};
_Static_assert(sizeof(struct elf_segment) == 56, "ELF program header");

#endif
