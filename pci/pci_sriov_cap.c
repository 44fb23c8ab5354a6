/* The SR-IOV capability of a function: what it offers, and quiet until somebody wants VFs. */
#include <errno.h>
#include <stdlib.h>

#include "kernel/log.h"
#include "pci/pci_sriov_private.h"

/* Nothing larger lies in any window; products with a number of VFs cannot overflow. */
#define VF_BAR_LEN_MAX (1ull << 40)
/* Of one function in a bridge that we open ourselves: other functions' own BARs come first. */
#define WISH_MAX       (16ull << 20)

static unsigned find_cap(const struct pci_device *pdev)
{
    const unsigned cap = pci_ext_cap_find(pdev, PCI_EXT_CAP_ID_SRIOV, 0);

    return cap != 0 && cap + PCI_SRIOV_LEN <= PCI_CFG_SPACE_EXP_LEN ? cap : 0;
}

static void enable_clear(const struct pci_device *pdev, unsigned cap)
{
    const uint16_t ctrl = pci_read16(pdev, cap + PCI_SRIOV_CTRL);

    if (ctrl & (PCI_SRIOV_CTRL_VFE | PCI_SRIOV_CTRL_MSE))
        pci_write16(pdev, cap + PCI_SRIOV_CTRL,
                    ctrl & (uint16_t) ~(PCI_SRIOV_CTRL_VFE | PCI_SRIOV_CTRL_MSE));
}

void pci_sriov_quiesce(const struct pci_device *pdev)
{
    const unsigned cap = find_cap(pdev);

    if (cap)
        enable_clear(pdev, cap);
}

struct pci_bar_row pci_sriov_row(struct pci_device *pf)
{
    return (struct pci_bar_row){pf, pf->sriov->cap + PCI_SRIOV_BAR, PCI_BAR_CNT, pf->sriov->bars,
                                "VF BAR"};
}

/* The smallest page size that VFs can be apart from each other by. 4 KiB, unless the device breaks
 * the rules. */
static bool page_size_set(const struct pci_device *pf, unsigned cap)
{
    const uint32_t supported = pci_read32(pf, cap + PCI_SRIOV_SUP_PAGE_SIZE);
    const uint32_t lowest = supported & -supported;

    pci_write32(pf, cap + PCI_SRIOV_SYS_PAGE_SIZE, lowest);
    return lowest != 0 && pci_read32(pf, cap + PCI_SRIOV_SYS_PAGE_SIZE) == lowest;
}

/* A VF has memory BARs only (9.3.3.14). An address that firmware left counts for as many VFs as
 * there can be. */
static void bars_read(struct pci_device *pf)
{
    const struct pci_bar_row row = pci_sriov_row(pf);
    struct pci_sriov *sriov = pf->sriov;

    pci_bar_row_size(&row);
    for (unsigned i = 0; i < PCI_BAR_CNT; i++) {
        struct pci_bar *bar = &sriov->bars[i];

        if (bar->kind == PCI_BAR_IO || bar->len > VF_BAR_LEN_MAX) {
            log_warn("pci %s: VF BAR %u is %s: not used", pf->name, i,
                     bar->kind == PCI_BAR_IO ? "for I/O" : "too large");
            *bar = (struct pci_bar){.kind = PCI_BAR_NONE};
        }
        if (bar->base > UINT64_MAX - bar->len * sriov->total)
            bar->base = 0;
        if (bar->base)
            sriov->slots[i] = sriov->total;
    }
}

/* Without VF migration both numbers are the same (9.3.3.5). */
static const char *what_is_wrong(const struct pci_device *pf, unsigned cap, uint16_t total)
{
    if (pci_read16(pf, cap + PCI_SRIOV_INITIAL_VFS) != total)
        return "InitialVFs differs from TotalVFs";
    return page_size_set(pf, cap) ? NULL : "no page size can be set";
}

int pci_sriov_note(struct pci_device *pdev)
{
    static struct log_limit limit;
    const unsigned cap = find_cap(pdev);
    const char *wrong;
    uint16_t total;

    if (!cap || pdev->header_type != PCI_HEADER_TYPE_NORMAL)
        return 0;
    enable_clear(pdev, cap);
    total = pci_read16(pdev, cap + PCI_SRIOV_TOTAL_VFS);
    if (total == 0)
        return 0;
    wrong = what_is_wrong(pdev, cap, total);
    if (wrong) {
        log_limited(&limit, LOG_WARN, "pci %s: SR-IOV not used: %s", pdev->name, wrong);
        return 0;
    }
    pdev->sriov = calloc(1, sizeof(*pdev->sriov));
    if (!pdev->sriov)
        return -ENOMEM;
    pdev->sriov->cap = cap;
    pdev->sriov->total = total;
    pdev->sriov->vf_device_id = pci_read16(pdev, cap + PCI_SRIOV_VF_DEVICE_ID);
    bars_read(pdev);
    return 0;
}

struct pci_window pci_sriov_window(const struct pci_device *pf, unsigned bar)
{
    const struct pci_bar *b = &pf->sriov->bars[bar];

    if (b->kind == PCI_BAR_NONE || b->base == 0)
        return (struct pci_window){0};
    return (struct pci_window){b->base, b->base + b->len * pf->sriov->slots[bar]};
}

uint64_t pci_sriov_wish(const struct pci_device *pf, uint64_t *align)
{
    uint64_t len = 0;

    *align = 0;
    for (unsigned i = 0; pf->sriov && i < PCI_BAR_CNT; i++) {
        const struct pci_bar *bar = &pf->sriov->bars[i];

        if (bar->kind == PCI_BAR_NONE || bar->base != 0)
            continue;
        len += bar->len * pf->sriov->total;
        *align = *align > bar->len ? *align : bar->len;
        if (len > WISH_MAX || bar->len > WISH_MAX) {
            *align = 0;
            return 0;
        }
    }
    return len;
}
