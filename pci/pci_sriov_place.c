/* Addresses for the BARs of virtual functions, in the windows of the bridge above them. */
#include <errno.h>

#include "kernel/log.h"
#include "pci/pci_sriov_private.h"

#define BELOW_4G 0x100000000ull

static uint64_t area_len(const struct pci_device *pf, unsigned bar)
{
    return pf->sriov->bars[bar].len * pf->sriov->asked;
}

static uint64_t lower_of(uint64_t lowest, uint64_t base)
{
    return base != 0 && base < lowest ? base : lowest;
}

/* What the host bridge forwards is not known of every machine. Firmware takes it from there in
 * whole MiB, so the rest of the one with its lowest address is forwarded too. */
static struct pci_window root_window(const struct pci_device *pf)
{
    const struct pci_window known = pci_space_memory.root(pf->addr.segment);
    uint64_t lowest = UINT64_MAX;

    if (known.base)
        return known;
    for (struct pci_device *pdev = pci_first(); pdev; pdev = pci_next(pdev)) {
        if (pdev->addr.segment != pf->addr.segment || pdev->pf)
            continue;
        for (unsigned i = 0; i < PCI_BAR_CNT; i++)
            if (pdev->bars[i].kind == PCI_BAR_MEM32 || pdev->bars[i].kind == PCI_BAR_MEM64)
                lowest = lower_of(lowest, pdev->bars[i].base);
        if (pci_is_bridge(pdev))
            lowest = lower_of(lowest, pci_space_memory.read(pdev).base);
    }
    if (lowest >= BELOW_4G)
        return (struct pci_window){0};
    lowest &= ~(pci_space_memory.grain - 1);
    return (struct pci_window){lowest, lowest + pci_space_memory.grain};
}

/* Where the BAR may lie, best first: prefetchable memory need not, but better does, lie in such a
 * window. Below 4 GiB if that can be: QEMU 10.0 decodes the lower half of a VF BAR's address only.
 */
static unsigned windows_for(const struct pci_device *pf, unsigned bar, struct pci_window windows[2])
{
    const struct pci_bar *b = &pf->sriov->bars[bar];
    const struct pci_device *bridge = pci_bridge_above(pf);
    unsigned cnt = 0;

    if (!bridge) {
        windows[cnt++] = root_window(pf);
        return cnt;
    }
    if (b->prefetchable) {
        windows[cnt] = pci_prefetch_window(bridge);
        if (b->kind == PCI_BAR_MEM64 || windows[cnt].end <= BELOW_4G)
            cnt++;
    }
    windows[cnt++] = pci_space_memory.read(bridge);
    if (cnt == 2 && windows[0].end > BELOW_4G) {
        const struct pci_window above = windows[0];

        windows[0] = windows[1];
        windows[1] = above;
    }
    return cnt;
}

/* Firmware's address is kept if all of the area is forwarded by the bridge and nobody else's, and
 * below 4 GiB (above). */
static bool firmware_is_right(struct pci_device *pf, unsigned bar)
{
    struct pci_bar *b = &pf->sriov->bars[bar];
    const uint64_t base = b->base, end = base + area_len(pf, bar);
    struct pci_window windows[2];
    bool right = pci_bridge_above(pf) == NULL;

    if (end > BELOW_4G)
        return false;
    for (unsigned i = windows_for(pf, bar, windows); i-- > 0;)
        right |= base >= windows[i].base && end <= windows[i].end;
    if (!right)
        return false;
    b->base = 0; /* it is not in its own way */
    right = pci_place_is_free(pf, base, end - base);
    b->base = base;
    return right;
}

static int place_one(struct pci_device *pf, unsigned bar)
{
    const struct pci_bar_row row = pci_sriov_row(pf);
    struct pci_sriov *sriov = pf->sriov;
    const uint64_t align = sriov->bars[bar].len;
    struct pci_window windows[2];
    const unsigned window_cnt = windows_for(pf, bar, windows);
    uint64_t base = 0;
    int rc;

    for (unsigned i = 0; i < window_cnt && base == 0; i++)
        if (windows[i].base)
            base = pci_place_find(pf, windows[i], area_len(pf, bar), align);
    if (base == 0) {
        log_warn("pci %s: no room for VF BAR %u of %u virtual functions: 0x%llx bytes", pf->name,
                 bar, sriov->asked, (unsigned long long)area_len(pf, bar));
        return -ENOSPC;
    }
    rc = pci_bar_row_assign(&row, bar, base);
    if (rc) {
        log_warn("pci %s: VF BAR %u does not keep the address 0x%llx", pf->name, bar,
                 (unsigned long long)base);
        return rc;
    }
    sriov->placed[bar] = true;
    sriov->slots[bar] = sriov->asked;
    return 0;
}

void pci_sriov_unplace(struct pci_device *pf)
{
    const struct pci_bar_row row = pci_sriov_row(pf);

    for (unsigned i = PCI_BAR_CNT; i-- > 0;) {
        if (!pf->sriov->placed[i])
            continue;
        pci_bar_row_unassign(&row, i);
        pf->sriov->placed[i] = false;
    }
}

/* The largest first, so that none leaves a gap that the next one would have filled. */
static int next_to_place(const struct pci_sriov *sriov)
{
    int found = -1;

    for (int i = 0; i < PCI_BAR_CNT; i++)
        if (sriov->bars[i].kind != PCI_BAR_NONE && sriov->bars[i].base == 0 &&
            (found < 0 || sriov->bars[i].len > sriov->bars[found].len))
            found = i;
    return found;
}

int pci_sriov_place(struct pci_device *pf)
{
    struct pci_sriov *sriov = pf->sriov;
    int bar, rc = 0;

    for (unsigned i = 0; i < PCI_BAR_CNT; i++)
        if (sriov->bars[i].base && !firmware_is_right(pf, i))
            sriov->bars[i].base = 0;
    while (rc == 0 && (bar = next_to_place(sriov)) >= 0)
        rc = place_one(pf, (unsigned)bar);
    if (rc)
        pci_sriov_unplace(pf);
    return rc;
}
