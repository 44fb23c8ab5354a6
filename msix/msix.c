/* MSI-X of a function: mapping, programming and undoing it, and the irq chip that masks and routes
 * entries. */
#include "msix/msix.h"

#include <errno.h>
#include <stdlib.h>

#include "arch/io.h"
#include "irq/irq.h"
#include "kernel/log.h"
#include "kernel/panic.h"
#include "msix/msix_regs.h"
#include "msix/pci_irq_kind.h"

/* Where table or PBA lies, as the capability says. */
struct region {
    unsigned bar;
    uint64_t off;
    size_t len;
};

/* Private truth; the device is written from it and read only to check. */
struct entry {
    uint32_t control;
    int irq;
};

struct msix_state {
    struct pci_device *pdev;
    struct msix_table_entry *table;
    size_t table_len;
    uint16_t flags;     /* control register as it was before */
    unsigned table_cnt; /* entries of the function */
    unsigned cnt;       /* entries in use */
    struct entry entries[];
};

static void control_write(struct msix_state *msix, unsigned entry, uint32_t control)
{
    msix->entries[entry].control = control;
    mmio_write32(&msix->table[entry].control, control);
}

/* The read pushes the write out to the device: once masked, no more messages come from this entry.
 */
static void chip_mask(struct irq_data *data)
{
    struct msix_state *msix = data->chip_data;

    control_write(msix, data->entry, msix->entries[data->entry].control | MSIX_CONTROL_MASKED);
    mmio_read32(&msix->table[data->entry].control);
}

static void chip_unmask(struct irq_data *data)
{
    struct msix_state *msix = data->chip_data;

    control_write(msix, data->entry, msix->entries[data->entry].control & ~MSIX_CONTROL_MASKED);
    mmio_read32(&msix->table[data->entry].control);
}

/* Changing an entry that is not masked is undefined (6.8.2); irq.c keeps it masked meanwhile. */
static int chip_route(struct irq_data *data)
{
    struct msix_state *msix = data->chip_data;
    struct msix_table_entry *entry = &msix->table[data->entry];
    struct msi_message message;

    ASSERT(msix->entries[data->entry].control & MSIX_CONTROL_MASKED);
    intr_msi_compose(data->cpu, data->vector, &message);
    mmio_write32(&entry->address_low, (uint32_t)message.address);
    mmio_write32(&entry->address_high, (uint32_t)(message.address >> 32));
    mmio_write32(&entry->data, message.data);
    if (mmio_read32(&entry->address_low) != (uint32_t)message.address ||
        mmio_read32(&entry->address_high) != (uint32_t)(message.address >> 32) ||
        mmio_read32(&entry->data) != message.data ||
        !(mmio_read32(&entry->control) & MSIX_CONTROL_MASKED))
        return -EIO;
    return 0;
}

static const struct irq_chip msix_chip = {
    .name = "msix",
    .mask = chip_mask,
    .unmask = chip_unmask,
    .route = chip_route,
};

static uint16_t flags_read(const struct pci_device *pdev)
{
    return pci_read16(pdev, pdev->msix_cap + PCI_MSIX_FLAGS);
}

static void flags_write(const struct pci_device *pdev, uint16_t flags)
{
    pci_write16(pdev, pdev->msix_cap + PCI_MSIX_FLAGS, flags);
}

static int region_read(const struct pci_device *pdev, unsigned reg, size_t len,
                       struct region *region)
{
    const uint32_t value = pci_read32(pdev, pdev->msix_cap + reg);
    const struct pci_bar *bar;

    *region = (struct region){value & PCI_MSIX_BIR, value & PCI_MSIX_OFFSET, len};
    if (region->bar >= PCI_BAR_CNT)
        return -EINVAL;
    bar = &pdev->bars[region->bar];
    if ((bar->kind != PCI_BAR_MEM32 && bar->kind != PCI_BAR_MEM64) || bar->base == 0 ||
        region->off > bar->len || len > bar->len - region->off)
        return -EINVAL;
    return 0;
}

/* The PBA is not used, but a function that has it elsewhere than it may be is not to be trusted. */
static int table_find(const struct pci_device *pdev, unsigned table_cnt, struct region *table)
{
    struct region pba;
    int rc = region_read(pdev, PCI_MSIX_TABLE, table_cnt * sizeof(struct msix_table_entry), table);

    if (rc == 0)
        rc = region_read(pdev, PCI_MSIX_PBA, MSIX_PBA_LEN(table_cnt), &pba);
    if (rc)
        return rc;
    if (table->bar == pba.bar && table->off < pba.off + pba.len &&
        pba.off < table->off + table->len)
        return -EINVAL;
    return 0;
}

static int table_map(struct msix_state *msix)
{
    struct region table;
    int rc = table_find(msix->pdev, msix->table_cnt, &table);

    if (rc)
        return rc;
    msix->table_len = table.len;
    msix->table = pci_bar_map(msix->pdev, table.bar, table.off, table.len);
    return msix->table ? 0 : -ENOMEM;
}

static void table_unmap(const struct msix_state *msix)
{
    pci_bar_unmap(msix->pdev, msix->table, msix->table_len);
}

/* MSI-X on with all entries silent: some functions answer table accesses only then. */
static void switch_on(struct msix_state *msix)
{
    const struct pci_device *pdev = msix->pdev;

    msix->flags = flags_read(pdev);
    flags_write(pdev, msix->flags | PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
    for (unsigned i = 0; i < msix->table_cnt; i++) {
        const uint32_t control = mmio_read32(&msix->table[i].control);

        if (i < msix->cnt)
            msix->entries[i].control = control | MSIX_CONTROL_MASKED;
        if (!(control & MSIX_CONTROL_MASKED))
            mmio_write32(&msix->table[i].control, control | MSIX_CONTROL_MASKED);
    }
}

static void switch_off(const struct msix_state *msix)
{
    flags_write(msix->pdev, msix->flags);
}

static void irqs_free(struct msix_state *msix, unsigned cnt)
{
    while (cnt-- > 0)
        irq_free((unsigned)msix->entries[cnt].irq);
}

static int irqs_alloc(struct msix_state *msix, const cpu_mask_t *masks)
{
    for (unsigned i = 0; i < msix->cnt; i++) {
        const int irq = irq_alloc(&msix_chip, msix, i, masks ? masks[i] : 0);

        if (irq < 0) {
            irqs_free(msix, i);
            return irq;
        }
        msix->entries[i].irq = irq;
    }
    return 0;
}

/* @msix has its counts; everything else is built here. */
static int switch_all_on(struct msix_state *msix, const cpu_mask_t *masks)
{
    int rc = table_map(msix);

    if (rc)
        return rc;
    switch_on(msix);
    rc = irqs_alloc(msix, masks);
    if (rc)
        goto err_on;
    flags_write(msix->pdev,
                (msix->flags & (uint16_t)~PCI_MSIX_FLAGS_MASKALL) | PCI_MSIX_FLAGS_ENABLE);
    if (flags_read(msix->pdev) & PCI_MSIX_FLAGS_ENABLE)
        return 0;
    rc = -EIO;
    irqs_free(msix, msix->cnt);
err_on:
    switch_off(msix);
    table_unmap(msix);
    return rc;
}

/* Real virtual functions have the bit hardwired to 0: their memory is decoded while they exist. */
static bool memory_decoded(const struct pci_device *pdev)
{
    return pdev->pf != NULL || (pci_read16(pdev, PCI_COMMAND) & PCI_COMMAND_MEMORY);
}

static int msix_kind_enable(struct pci_device *pdev, unsigned cnt, const cpu_mask_t *masks)
{
    const unsigned table_cnt = pci_msix_cnt(pdev); /* once: it bounds every access */
    struct msix_state *msix;
    int rc;

    if (cnt > table_cnt)
        return -ENOSPC;
    if (!memory_decoded(pdev))
        return -ENXIO;
    msix = calloc(1, sizeof(*msix) + cnt * sizeof(msix->entries[0]));
    if (!msix)
        return -ENOMEM;
    msix->pdev = pdev;
    msix->table_cnt = table_cnt;
    msix->cnt = cnt;
    rc = switch_all_on(msix, masks);
    if (rc) {
        free(msix);
        return rc;
    }
    pdev->msix = msix;
    return 0;
}

static void msix_kind_disable(struct pci_device *pdev)
{
    struct msix_state *msix = pdev->msix;

    flags_write(pdev, flags_read(pdev) | PCI_MSIX_FLAGS_MASKALL);
    irqs_free(msix, msix->cnt);
    switch_off(msix);
    table_unmap(msix);
    pdev->msix = NULL;
    free(msix);
}

static unsigned msix_cnt(const struct pci_device *pdev)
{
    return pdev->msix ? pdev->msix->cnt : 0;
}

bool msix_enabled(const struct pci_device *pdev)
{
    return pdev->msix != NULL;
}

int msix_irq(const struct pci_device *pdev, unsigned entry)
{
    return entry < msix_cnt(pdev) ? pdev->msix->entries[entry].irq : -EINVAL;
}

const struct pci_irq_kind pci_msix_kind = {
    .max = MSIX_ENTRY_MAX,
    .offered = pci_msix_cnt,
    .enable = msix_kind_enable,
    .disable = msix_kind_disable,
    .cnt = msix_cnt,
    .irq = msix_irq,
};
