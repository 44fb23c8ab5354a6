/* The interrupt descriptor table: 256 gates to the stubs of isr.S. */
#include "arch/x86_64/idt.h"

#include "arch/x86_64/cpu_regs.h"

#define VECTOR_CNT 256
#define STUB_LEN   16 /* bytes from one stub to the next */

extern const uint8_t isr_stubs[];

static struct idt_gate idt[VECTOR_CNT] __attribute__((aligned(16)));

static const uint8_t ist_of_vector[VECTOR_EXCEPTION_CNT] = {
    [VECTOR_NMI] = IST_NMI,
    [VECTOR_DOUBLE_FAULT] = IST_DOUBLE_FAULT,
    [VECTOR_PAGE_FAULT] = IST_PAGE_FAULT,
    [VECTOR_MACHINE_CHECK] = IST_MACHINE_CHECK,
};

void idt_init(void)
{
    for (unsigned i = 0; i < VECTOR_CNT; i++) {
        uint64_t stub = (uintptr_t)isr_stubs + (uint64_t)i * STUB_LEN;

        idt[i] = (struct idt_gate){
            .offset_low = (uint16_t)stub,
            .selector = SELECTOR_CODE,
            .ist = i < VECTOR_EXCEPTION_CNT ? ist_of_vector[i] : 0,
            .type = IDT_GATE_INTERRUPT,
            .offset_mid = (uint16_t)(stub >> 16),
            .offset_high = (uint32_t)(stub >> 32),
        };
    }
}

void idt_load(void)
{
    struct descriptor_pointer pointer = {sizeof(idt) - 1, (uintptr_t)idt};

    __asm__ volatile("lidt %0" ::"m"(pointer));
}
