/* Control registers, model-specific registers and CPUID bits of x86-64 (Intel SDM volume 3 and 4,
 * AMD APM volume 2). */
#ifndef ARCH_X86_64_CPU_REGS_H
#define ARCH_X86_64_CPU_REGS_H

#include <stdint.h>

#define CR0_MP (1u << 1)
#define CR0_EM (1u << 2)
#define CR0_TS (1u << 3)
#define CR0_NE (1u << 5)
#define CR0_WP (1u << 16)
#define CR0_NW (1u << 29)
#define CR0_CD (1u << 30)

#define CR4_PGE        (1u << 7)
#define CR4_OSFXSR     (1u << 9)
#define CR4_OSXMMEXCPT (1u << 10)
#define CR4_UMIP       (1u << 11)
#define CR4_LA57       (1u << 12)
#define CR4_SMEP       (1u << 20)
#define CR4_SMAP       (1u << 21)

#define MSR_TSC          0x10
#define MSR_APIC_BASE    0x1b
#define MSR_TSC_DEADLINE 0x6e0
#define MSR_X2APIC       0x800 /* + register offset / 16 */
#define MSR_EFER         0xc0000080
#define MSR_GS_BASE      0xc0000101

#define APIC_BASE_X2APIC  (1u << 10)
#define APIC_BASE_ENABLE  (1u << 11)
#define APIC_BASE_PA_MASK 0x000ffffffffff000ull

#define EFER_NXE (1u << 11)

/* CPUID leaf 1 */
#define CPUID_1_ECX_X2APIC       (1u << 21)
#define CPUID_1_ECX_TSC_DEADLINE (1u << 24)
#define CPUID_1_ECX_HYPERVISOR   (1u << 31)
/* CPUID leaf 7, subleaf 0 */
#define CPUID_7_EBX_SMEP         (1u << 7)
#define CPUID_7_EBX_SMAP         (1u << 20)
#define CPUID_7_ECX_UMIP         (1u << 2)
/* CPUID leaf 0x80000001 */
#define CPUID_80000001_EDX_NX    (1u << 20)

#define CPUID_LEAF_TSC        0x15
#define CPUID_LEAF_FREQUENCY  0x16
#define CPUID_LEAF_HYPERVISOR 0x40000000
#define CPUID_LEAF_HV_TIMING  0x40000010
#define CPUID_LEAF_EXTENDED   0x80000000
#define CPUID_LEAF_BRAND      0x80000002

/* Exception vectors */
#define VECTOR_DIVIDE        0
#define VECTOR_NMI           2
#define VECTOR_DOUBLE_FAULT  8
#define VECTOR_PAGE_FAULT    14
#define VECTOR_MACHINE_CHECK 18
#define VECTOR_EXCEPTION_CNT 32

#define PAGE_FAULT_PRESENT (1u << 0)
#define PAGE_FAULT_WRITE   (1u << 1)
#define PAGE_FAULT_RSVD    (1u << 3)
#define PAGE_FAULT_FETCH   (1u << 4)

/* Page-table entries */
#define PTE_PRESENT (1ull << 0)
#define PTE_WRITE   (1ull << 1)
#define PTE_PWT     (1ull << 3)
#define PTE_PCD     (1ull << 4)
#define PTE_LARGE   (1ull << 7)
#define PTE_NX      (1ull << 63)
#define PTE_PA_MASK 0x000ffffffffff000ull

/* Segment selectors of the kernel's GDT */
#define SELECTOR_CODE 0x08
#define SELECTOR_DATA 0x10
#define SELECTOR_TSS  0x18

/* Interrupt stack table indices (1..7) */
#define IST_DOUBLE_FAULT  1
#define IST_NMI           2
#define IST_MACHINE_CHECK 3
#define IST_PAGE_FAULT    4
#define IST_CNT           4

struct tss {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7]; /* ist[n - 1] is IST n */
    uint64_t reserved2;
    uint16_t reserved3;
    uint16_t iomap_base;
} __attribute__((packed));
_Static_assert(sizeof(struct tss) == 104, "TSS");

struct idt_gate {
    uint16_t offset_low;
    uint16_t selector;
    uint8_t ist;
    uint8_t type;
    uint16_t offset_mid;
    uint32_t offset_high;
    uint32_t reserved;
};
_Static_assert(sizeof(struct idt_gate) == 16, "IDT gate");

#define IDT_GATE_INTERRUPT 0x8e /* present, ring 0, interrupts off */

struct descriptor_pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));
_Static_assert(sizeof(struct descriptor_pointer) == 10, "lgdt and lidt operand");

#endif
