/* Base address registers: what they are (sized with decoding off, answers checked), assigning and
 * mapping them. */
#include <errno.h>

#include "arch/memory.h"
#include "kernel/log.h"
#include "pci/pci_private.h"

#define DECODING (PCI_COMMAND_IO | PCI_COMMAND_MEMORY)
#define PORT_CNT 0x10000u

static bool is_64bit(uint32_t low)
{
    return (low & (PCI_BASE_ADDRESS_SPACE_IO | PCI_BASE_ADDRESS_MEM_TYPE_MASK)) ==
           PCI_BASE_ADDRESS_MEM_TYPE_64;
}

/* The writable bits of an address must reach from the top down without a gap: then the rest counts
 * its length. */
static uint64_t mask_len(uint64_t mask)
{
    const uint64_t rest = ~mask;

    return mask != 0 && (rest & (rest + 1)) == 0 ? rest + 1 : 0;
}

static int decode_io(const struct pci_bar_probe *probe, struct pci_bar *bar)
{
    const uint32_t flags = PCI_BASE_ADDRESS_IO_FLAGS;
    uint64_t mask = probe->low_mask & ~flags & (PORT_CNT - 1);

    if ((probe->low & flags) != PCI_BASE_ADDRESS_SPACE_IO ||
        (probe->low_mask & flags) != PCI_BASE_ADDRESS_SPACE_IO || mask == 0)
        return -EINVAL;
    /* The upper 16 bits may be hardwired to zero where ports have 16 (PCI 3.0, 6.2.5.1). */
    bar->len = mask_len(mask | ~(uint64_t)(PORT_CNT - 1));
    if (bar->len == 0)
        return -EINVAL;
    bar->kind = PCI_BAR_IO;
    bar->base = probe->low & ~flags;
    if (bar->base >= PORT_CNT)
        bar->base = 0;
    return 0;
}

static int decode_memory(const struct pci_bar_probe *probe, struct pci_bar *bar)
{
    const uint32_t flags = PCI_BASE_ADDRESS_MEM_FLAGS;
    const bool wide = is_64bit(probe->low);
    const uint32_t type = probe->low & PCI_BASE_ADDRESS_MEM_TYPE_MASK;
    const uint32_t high_mask = wide ? probe->high_mask : 0xffffffffu;
    const uint32_t low_mask = probe->low_mask & ~flags;

    if ((probe->low & flags) != (probe->low_mask & flags) ||
        (!wide && (type != PCI_BASE_ADDRESS_MEM_TYPE_32 || low_mask == 0)))
        return -EINVAL;
    bar->len = mask_len((uint64_t)high_mask << 32 | low_mask);
    if (bar->len == 0)
        return -EINVAL;
    bar->kind = wide ? PCI_BAR_MEM64 : PCI_BAR_MEM32;
    bar->prefetchable = probe->low & PCI_BASE_ADDRESS_MEM_PREFETCH;
    bar->base = (uint64_t)(wide ? probe->high : 0) << 32 | (probe->low & ~flags);
    return 0;
}

int pci_bar_decode(const struct pci_bar_probe *probe, struct pci_bar *bar)
{
    int rc;

    *bar = (struct pci_bar){.kind = PCI_BAR_NONE};
    if (probe->low_mask == 0)
        return 0;
    rc = probe->low & PCI_BASE_ADDRESS_SPACE_IO ? decode_io(probe, bar) : decode_memory(probe, bar);
    /* Address bits that cannot be written but read as 1 would make the address a lie. */
    if (rc == 0 && (bar->base & (bar->len - 1)) != 0)
        rc = -EINVAL;
    if (rc)
        *bar = (struct pci_bar){.kind = PCI_BAR_NONE};
    return rc;
}

static uint32_t probe_register(struct pci_device *pdev, unsigned reg, uint32_t *mask)
{
    const uint32_t value = pci_read32(pdev, reg);

    pci_write32(pdev, reg, 0xffffffffu);
    *mask = pci_read32(pdev, reg);
    pci_write32(pdev, reg, value);
    return value;
}

/* Sizes BAR @index; returns how many registers it takes. */
static unsigned size_one(const struct pci_bar_row *row, unsigned index)
{
    static struct log_limit limit;
    const unsigned reg = row->reg + 4 * index;
    struct pci_bar_probe probe = {0};
    unsigned taken = 1;
    int rc;

    probe.low = probe_register(row->pdev, reg, &probe.low_mask);
    if (probe.low_mask != 0 && is_64bit(probe.low))
        taken = 2;
    if (index + taken > row->cnt) {
        rc = -EINVAL;
    } else {
        if (taken == 2)
            probe.high = probe_register(row->pdev, reg + 4, &probe.high_mask);
        rc = pci_bar_decode(&probe, &row->bars[index]);
    }
    if (rc)
        log_limited(&limit, LOG_WARN,
                    "pci %s: %s %u makes no sense (0x%08x, size mask 0x%08x): not used",
                    row->pdev->name, row->what, index, probe.low, probe.low_mask);
    return taken;
}

void pci_bar_row_size(const struct pci_bar_row *row)
{
    for (unsigned i = 0; i < row->cnt;)
        i += size_one(row, i);
}

static struct pci_bar_row header_row(struct pci_device *pdev)
{
    return (struct pci_bar_row){pdev, PCI_BASE_ADDRESS(0), pci_bar_cnt(pdev), pdev->bars, "BAR"};
}

void pci_bars_size(struct pci_device *pdev)
{
    const struct pci_bar_row row = header_row(pdev);
    const uint16_t command = pci_read16(pdev, PCI_COMMAND);

    if (command & DECODING)
        pci_write16(pdev, PCI_COMMAND, command & (uint16_t)~DECODING);
    pci_bar_row_size(&row);
    if (command & DECODING)
        pci_write16(pdev, PCI_COMMAND, command);
}

static void bar_write(const struct pci_bar_row *row, unsigned index, uint64_t base)
{
    const unsigned reg = row->reg + 4 * index;

    pci_write32(row->pdev, reg, (uint32_t)base);
    if (row->bars[index].kind == PCI_BAR_MEM64)
        pci_write32(row->pdev, reg + 4, (uint32_t)(base >> 32));
}

static uint64_t bar_read(const struct pci_bar_row *row, unsigned index)
{
    const enum pci_bar_kind kind = row->bars[index].kind;
    const unsigned reg = row->reg + 4 * index;
    uint64_t value = pci_read32(row->pdev, reg);

    if (kind == PCI_BAR_MEM64)
        value |= (uint64_t)pci_read32(row->pdev, reg + 4) << 32;
    return value &
           ~(uint64_t)(kind == PCI_BAR_IO ? PCI_BASE_ADDRESS_IO_FLAGS : PCI_BASE_ADDRESS_MEM_FLAGS);
}

int pci_bar_row_assign(const struct pci_bar_row *row, unsigned bar, uint64_t base)
{
    bar_write(row, bar, base);
    if (bar_read(row, bar) == base) {
        row->bars[bar].base = base;
        return 0;
    }
    pci_bar_row_unassign(row, bar);
    return -EIO;
}

void pci_bar_row_unassign(const struct pci_bar_row *row, unsigned bar)
{
    bar_write(row, bar, 0);
    row->bars[bar].base = 0;
}

int pci_bar_assign(struct pci_device *pdev, unsigned bar, uint64_t base)
{
    const struct pci_bar_row row = header_row(pdev);
    const uint16_t command = pci_read16(pdev, PCI_COMMAND);
    int rc;

    pci_write16(pdev, PCI_COMMAND, command & (uint16_t)~DECODING);
    rc = pci_bar_row_assign(&row, bar, base);
    pci_write16(pdev, PCI_COMMAND, command);
    return rc;
}

void *pci_bar_map(const struct pci_device *pdev, unsigned bar, uint64_t off, size_t len)
{
    const struct pci_bar *b = &pdev->bars[bar < PCI_BAR_CNT ? bar : 0];

    if (bar >= PCI_BAR_CNT || (b->kind != PCI_BAR_MEM32 && b->kind != PCI_BAR_MEM64) ||
        b->base == 0 || len == 0 || off > b->len || len > b->len - off)
        return NULL;
    return mmio_map(b->base + off, len);
}

void pci_bar_unmap(const struct pci_device *pdev, void *va, size_t len)
{
    (void)pdev;
    mmio_unmap(va, len);
}
