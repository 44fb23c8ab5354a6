/* Starting the other CPUs, one at a time: INIT, start-up interrupts, and a token that only the CPU
 * that is meant can take, and only in time. */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "arch/clock.h"
#include "arch/memory.h"
#include "arch/smp.h"
#include "arch/x86_64/cpu_insn.h"
#include "arch/x86_64/cpu_private.h"
#include "arch/x86_64/firmware_private.h"
#include "arch/x86_64/lapic.h"
#include "arch/x86_64/lapic_regs.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/smp_private.h"
#include "arch/x86_64/text.h"
#include "arch/x86_64/trampoline.h"

#define INIT_US       10000 /* Intel SDM volume 3A, 9.4.4; virtual CPUs need no time */
#define AGAIN_US      200
#define START_US      500000 /* a virtual CPU may have to wait for a host that is busy */
#define CYCLES_PER_US 5000u  /* at least: the clock has not been measured yet */
#define WARNING_LEN   96
#define ADDRESS_END   (1ull << 32)
#define EFER_LMA_BIT  (1ull << 10)

uint64_t smp_token, smp_ap_stack, smp_ap_root;
static unsigned next_id;
static void (*ap_main)(void);

_Noreturn void smp_ap_main(void)
{
    const unsigned id = next_id;
    uint64_t claimed =
        TOKEN_CLAIMED << 32 | (uint32_t)__atomic_load_n(&smp_token, __ATOMIC_ACQUIRE);
    const uint64_t up = TOKEN_UP << 32 | (uint32_t)claimed;

    cpu_init_this(id);
    lapic_init_this(false);
    if (!__atomic_compare_exchange_n(&smp_token, &claimed, up, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE))
        cpu_halt();
    while (cpu_count() <= id) {
        smp_clock_serve();
        cpu_relax();
    }
    ap_main();
    cpu_halt();
}

static bool trampoline_install(uint64_t pa)
{
    uint8_t *page = phys_to_virt(pa);
    struct trampoline_args args = {
        .far32_offset = (uint32_t)(pa + (uint64_t)(trampoline_32 - trampoline_start)),
        .far32_selector = TRAMPOLINE_SELECTOR32,
        .far64_offset = (uint32_t)(pa + (uint64_t)(trampoline_64 - trampoline_start)),
        .far64_selector = TRAMPOLINE_SELECTOR64,
        .gdt_limit = TRAMPOLINE_GDT_LEN - 1,
        .gdt_base = (uint32_t)(pa + (uint64_t)(trampoline_gdt - trampoline_start)),
        .cr0 = (uint32_t)cr0_read(),
        .cr3 = (uint32_t)paging_start_root(),
        .cr4 = (uint32_t)cr4_read(),
        .efer = (uint32_t)(msr_read(MSR_EFER) & ~EFER_LMA_BIT),
        .entry = (uintptr_t)smp_ap_entry,
    };

    if (pa == 0 || paging_start_root() >= ADDRESS_END)
        return false;
    memcpy(page, trampoline_start, (size_t)(trampoline_end - trampoline_start));
    memcpy(page + (trampoline_args - trampoline_start), &args, sizeof(args));
    return true;
}

/* True when the token is @wanted within @us. */
static bool await_token(uint64_t wanted, unsigned us)
{
    const uint64_t start = clock_cycles();

    while (__atomic_load_n(&smp_token, __ATOMIC_ACQUIRE) != wanted) {
        if (clock_cycles() - start > (uint64_t)us * CYCLES_PER_US)
            return false;
        cpu_relax();
    }
    return true;
}

/* Takes the token back if it is still @expected. */
static bool withdraw(uint64_t expected)
{
    return __atomic_compare_exchange_n(&smp_token, &expected, 0, false, __ATOMIC_ACQ_REL,
                                       __ATOMIC_ACQUIRE);
}

/* What became of a CPU. LOST: it began but did not get ready; it has what was prepared. */
enum outcome {
    CPU_STARTED,
    CPU_SILENT,
    CPU_LOST
};

static enum outcome start_one(uint32_t apic_id)
{
    const uint64_t up = TOKEN_UP << 32 | apic_id;
    const uint32_t startup = LAPIC_ICR_STARTUP | (uint32_t)(memory_start_page() >> PAGE_SHIFT);
    enum outcome outcome = CPU_SILENT;

    __atomic_store_n(&smp_token, TOKEN_OFFERED << 32 | apic_id, __ATOMIC_SEQ_CST);
    lapic->icr_write(apic_id, LAPIC_ICR_INIT | LAPIC_ICR_ASSERT);
    if (!cpu_has_hypervisor())
        clock_delay_us(INIT_US);
    lapic->icr_write(apic_id, startup | LAPIC_ICR_ASSERT);
    if (await_token(up, AGAIN_US))
        return CPU_STARTED;
    if (__atomic_load_n(&smp_token, __ATOMIC_ACQUIRE) >> 32 == TOKEN_OFFERED)
        lapic->icr_write(apic_id, startup | LAPIC_ICR_ASSERT);
    if (await_token(up, START_US))
        return CPU_STARTED;
    if (!withdraw(TOKEN_OFFERED << 32 | apic_id)) {
        if (await_token(up, START_US) || !withdraw(TOKEN_CLAIMED << 32 | apic_id))
            return CPU_STARTED;
        outcome = CPU_LOST;
    }
    /* One that is late waits for its next start-up, which never comes. */
    lapic->icr_write(apic_id, LAPIC_ICR_INIT | LAPIC_ICR_ASSERT);
    return outcome;
}

static void warn_cpu(void (*warn)(const char *text), uint32_t apic_id, const char *why)
{
    char line[WARNING_LEN];
    struct text text;

    text_init(&text, line, sizeof(line));
    text_add(&text, "cpu: processor with APIC id ");
    text_add_decimal(&text, apic_id);
    text_add(&text, " ");
    text_add(&text, why);
    warn(line);
}

void smp_start(unsigned limit, void (*main)(void), void (*warn)(const char *text))
{
    const struct acpi_info *acpi = firmware_acpi();
    unsigned listed = acpi->cpu_cnt < CPU_MAX ? acpi->cpu_cnt : CPU_MAX;
    bool prepared = false;

    if (listed <= 1 || limit <= 1)
        return;
    if (!trampoline_install(memory_start_page())) {
        warn("cpu: no memory where processors can start, going on with one");
        return;
    }
    ap_main = main;
    smp_ap_root = paging_root();
    for (unsigned i = 0; i < listed && cpu_count() < limit; i++) {
        uint32_t apic_id = acpi->cpu_apic_ids[i];
        enum outcome outcome;

        if (apic_id == cpu_this()->hw_id)
            continue;
        if (apic_id > LAPIC_DEVICE_DEST_MAX) {
            warn_cpu(warn, apic_id, "cannot be sent interrupts, left out");
            continue;
        }
        next_id = cpu_count();
        if (!prepared && cpu_prepare(next_id, &smp_ap_stack) != 0) {
            warn_cpu(warn, apic_id, "has no memory for its stacks, left out with all after it");
            return;
        }
        outcome = start_one(apic_id);
        prepared = outcome == CPU_SILENT;
        if (outcome == CPU_STARTED) {
            if (!smp_clock_match())
                warn_cpu(warn, apic_id, "has a clock of its own: times may seem to go back");
            cpu_set_count(next_id + 1);
        } else {
            warn_cpu(warn, apic_id, "did not start, left out");
        }
        if (outcome == CPU_LOST)
            return;
    }
}
