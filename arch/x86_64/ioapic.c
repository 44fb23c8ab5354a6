/* I/O APICs: routing, masking and unmasking of inputs, and which input an ISA interrupt is on. */
#include "arch/x86_64/ioapic.h"

#include <errno.h>
#include <stddef.h>

#include "arch/intr.h"
#include "arch/io.h"
#include "arch/memory.h"
#include "arch/spinlock.h"
#include "arch/x86_64/cpu_private.h"
#include "arch/x86_64/firmware_private.h"
#include "arch/x86_64/lapic_regs.h"

#define IOAPIC_REG_SELECT 0x00
#define IOAPIC_REG_WINDOW 0x10
#define IOAPIC_VERSION    0x01
#define IOAPIC_REDIR(n)   (0x10 + 2 * (n))

#define IOAPIC_REDIR_MASKED     0x10000u
#define IOAPIC_REDIR_LEVEL      0x8000u
#define IOAPIC_REDIR_IRR        0x4000u /* level: taken, and not acknowledged yet */
#define IOAPIC_REDIR_LOW        0x2000u
#define IOAPIC_REDIR_DEST_SHIFT 24
#define IOAPIC_INPUT_MAX        120 /* the register select has eight bits */

struct ioapic {
    uint8_t *regs;
    unsigned gsi_base;
    unsigned input_cnt;
};

static struct ioapic ioapics[ACPI_IOAPIC_MAX];
static unsigned ioapic_cnt;
static struct spinlock select_lock; /* register select and window go together */

static const uint32_t trigger_bits[] = {
    [INTR_EDGE_HIGH] = 0,
    [INTR_LEVEL_LOW] = IOAPIC_REDIR_LEVEL | IOAPIC_REDIR_LOW,
    [INTR_EDGE_LOW] = IOAPIC_REDIR_LOW,
    [INTR_LEVEL_HIGH] = IOAPIC_REDIR_LEVEL,
};

static uint32_t reg_read(const struct ioapic *io, unsigned reg)
{
    mmio_write32(io->regs + IOAPIC_REG_SELECT, reg);
    return mmio_read32(io->regs + IOAPIC_REG_WINDOW);
}

static void reg_write(const struct ioapic *io, unsigned reg, uint32_t value)
{
    mmio_write32(io->regs + IOAPIC_REG_SELECT, reg);
    mmio_write32(io->regs + IOAPIC_REG_WINDOW, value);
}

static const struct ioapic *find(unsigned gsi)
{
    for (unsigned i = 0; i < ioapic_cnt; i++)
        if (gsi - ioapics[i].gsi_base < ioapics[i].input_cnt)
            return &ioapics[i];
    return NULL;
}

void ioapic_init(void)
{
    const struct acpi_info *acpi = firmware_acpi();

    for (unsigned i = 0; i < acpi->ioapic_cnt; i++) {
        struct ioapic *io = &ioapics[ioapic_cnt];
        uint32_t version;

        io->regs = mmio_map(acpi->ioapics[i].pa, PAGE_SIZE);
        if (io->regs == NULL)
            continue;
        io->gsi_base = acpi->ioapics[i].gsi_base;
        version = reg_read(io, IOAPIC_VERSION);
        io->input_cnt = (version >> 16 & 0xff) + 1;
        if (version == 0 || io->input_cnt > IOAPIC_INPUT_MAX) { /* nothing there */
            mmio_unmap(io->regs, PAGE_SIZE);
            continue;
        }
        for (unsigned n = 0; n < io->input_cnt; n++)
            reg_write(io, IOAPIC_REDIR(n), IOAPIC_REDIR_MASKED);
        ioapic_cnt++;
    }
}

int intr_gsi_route(unsigned gsi, unsigned cpu, unsigned vector, enum intr_trigger trigger)
{
    const struct ioapic *io = find(gsi);
    struct percpu *target = cpu_by_id(cpu);
    unsigned reg;
    uint64_t state;
    int rc = -EBUSY;

    if (io == NULL || target == NULL)
        return -ENODEV;
    if (target->hw_id > LAPIC_DEVICE_DEST_MAX)
        return -EINVAL;
    reg = IOAPIC_REDIR(gsi - io->gsi_base);
    state = spin_lock(&select_lock);
    /* The acknowledgement finds its input by the vector: with another one there it would not, and
     * the input would stay silent for good. */
    if (!(reg_read(io, reg) & IOAPIC_REDIR_IRR)) {
        reg_write(io, reg, IOAPIC_REDIR_MASKED | trigger_bits[trigger] | vector);
        reg_write(io, reg + 1, (uint32_t)target->hw_id << IOAPIC_REDIR_DEST_SHIFT);
        rc = 0;
    }
    spin_unlock(&select_lock, state);
    return rc;
}

static void set_masked(unsigned gsi, bool masked)
{
    const struct ioapic *io = find(gsi);
    uint64_t state;
    unsigned reg;
    uint32_t low;

    if (io == NULL)
        return;
    reg = IOAPIC_REDIR(gsi - io->gsi_base);
    state = spin_lock(&select_lock);
    low = reg_read(io, reg) & ~IOAPIC_REDIR_MASKED;
    reg_write(io, reg, masked ? low | IOAPIC_REDIR_MASKED : low);
    spin_unlock(&select_lock, state);
}

void intr_gsi_mask(unsigned gsi)
{
    set_masked(gsi, true);
}

void intr_gsi_unmask(unsigned gsi)
{
    set_masked(gsi, false);
}

unsigned intr_isa_gsi(unsigned isa_irq, enum intr_trigger *trigger)
{
    const struct acpi_info *acpi = firmware_acpi();

    for (unsigned i = 0; i < acpi->override_cnt; i++) {
        const struct acpi_override *o = &acpi->overrides[i];

        if (o->isa_irq != isa_irq)
            continue;
        if (o->level)
            *trigger = o->low ? INTR_LEVEL_LOW : INTR_LEVEL_HIGH;
        else
            *trigger = o->low ? INTR_EDGE_LOW : INTR_EDGE_HIGH;
        return o->gsi;
    }
    *trigger = INTR_EDGE_HIGH;
    return isa_irq;
}
