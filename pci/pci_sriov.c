/* Virtual functions on and off: a row of steps, each with the one that undoes it. */
#include <errno.h>

#include "arch/clock.h"
#include "kernel/log.h"
#include "kernel/thread.h"
#include "pci/pci_sriov_private.h"

/* PCIe 9.3.3.3.1: from VF Enable to the first access to a VF, and from its end to the next access
 * to the capability. */
#define ENABLE_SETTLE_NS  100000000ull
#define DISABLE_SETTLE_NS 1000000000ull

static void num_vfs_clear(struct pci_device *pf)
{
    pci_write16(pf, pf->sriov->cap + PCI_SRIOV_NUM_VFS, 0);
}

static int num_vfs_set(struct pci_device *pf)
{
    const unsigned reg = pf->sriov->cap + PCI_SRIOV_NUM_VFS;

    pci_write16(pf, reg, pf->sriov->asked);
    if (pci_read16(pf, reg) == pf->sriov->asked)
        return 0;
    log_warn("pci %s: NumVFs does not become %u", pf->name, pf->sriov->asked);
    num_vfs_clear(pf);
    return -EIO;
}

static void vf_enable_clear(struct pci_device *pf)
{
    pci_write16(pf, pf->sriov->cap + PCI_SRIOV_CTRL, pf->sriov->ctrl);
    pf->sriov->settled_ns = clock_ns() + DISABLE_SETTLE_NS;
}

static int vf_enable_set(struct pci_device *pf)
{
    const unsigned reg = pf->sriov->cap + PCI_SRIOV_CTRL;
    const uint16_t on = PCI_SRIOV_CTRL_VFE | PCI_SRIOV_CTRL_MSE;

    pci_write16(pf, reg, pf->sriov->ctrl | on);
    if ((pci_read16(pf, reg) & on) != on) {
        log_warn("pci %s: VF Enable does not stay on", pf->name);
        vf_enable_clear(pf);
        return -EIO;
    }
    thread_sleep_ns(ENABLE_SETTLE_NS);
    return 0;
}

/* Offset and stride of the routing ids depend on the first two, addresses must be there before VFs
 * decode them. A step that fails has undone itself. */
static const struct step {
    int (*take)(struct pci_device *pf);
    void (*give)(struct pci_device *pf);
} steps[] = {
    {pci_sriov_ari_on, pci_sriov_ari_off}, {num_vfs_set, num_vfs_clear},
    {pci_sriov_route, pci_sriov_unroute},  {pci_sriov_place, pci_sriov_unplace},
    {vf_enable_set, vf_enable_clear},      {pci_sriov_create, pci_sriov_destroy},
};
#define STEP_CNT (sizeof(steps) / sizeof(*steps))

static void undo(struct pci_device *pf, size_t step_cnt)
{
    while (step_cnt-- > 0)
        steps[step_cnt].give(pf);
}

static void wait_settled(const struct pci_sriov *sriov)
{
    const uint64_t now = clock_ns();

    if (now < sriov->settled_ns)
        thread_sleep_ns(sriov->settled_ns - now);
}

static int take_all(struct pci_device *pf)
{
    for (size_t i = 0; i < STEP_CNT; i++) {
        const int rc = steps[i].take(pf);

        if (rc) {
            undo(pf, i);
            return rc;
        }
    }
    return 0;
}

int pci_sriov_enable(struct pci_device *pf, unsigned vf_cnt)
{
    struct pci_sriov *sriov = pf->sriov;
    int rc;

    if (!sriov)
        return -ENOTSUP;
    if (vf_cnt == 0 || vf_cnt > sriov->total)
        return -ERANGE;
    if (sriov->busy || sriov->cnt != 0)
        return -EBUSY;
    sriov->busy = true;
    sriov->asked = (uint16_t)vf_cnt;
    wait_settled(sriov);
    rc = take_all(pf);
    if (rc == 0) {
        sriov->cnt = sriov->asked;
        for (unsigned i = 0; i < sriov->cnt; i++)
            pci_at_line(sriov->vfs[i]);
        for (unsigned i = 0; i < sriov->cnt; i++)
            pci_driver_probe(sriov->vfs[i]);
    }
    sriov->busy = false;
    return rc;
}

void pci_sriov_disable(struct pci_device *pf)
{
    struct pci_sriov *sriov = pf->sriov;

    if (!sriov || sriov->busy || sriov->cnt == 0)
        return;
    sriov->busy = true;
    for (unsigned i = sriov->cnt; i-- > 0;)
        pci_driver_remove(sriov->vfs[i]);
    sriov->cnt = 0;
    undo(pf, STEP_CNT);
    sriov->busy = false;
}

unsigned pci_sriov_total(const struct pci_device *pf)
{
    return pf->sriov ? pf->sriov->total : 0;
}

unsigned pci_sriov_cnt(const struct pci_device *pf)
{
    return pf->sriov ? pf->sriov->cnt : 0;
}

struct pci_device *pci_sriov_vf(const struct pci_device *pf, unsigned index)
{
    return index < pci_sriov_cnt(pf) ? pf->sriov->vfs[index] : NULL;
}
