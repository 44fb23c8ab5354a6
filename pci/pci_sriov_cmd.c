/* Console: "pci sriov ADDR N", by a function's driver if that has a say in it. */
#include <errno.h>

#include "kernel/console.h"
#include "kernel/log.h"
#include "pci/pci_cmd.h"
#include "pci/pci_sriov_private.h"

static const struct {
    int err;
    const char *text;
} reasons[] = {
    {-ERANGE, "it cannot have that many"},
    {-EBUSY, "it has virtual functions already"},
    {-ENOSPC, "no addresses, bus numbers or routing ids for them"},
    {-EIO, "the device does not do what it is told"},
    {-ENOMEM, "out of memory"},
};

/* Whoever turned interrupts of a VF on without a driver has to turn them off. */
static const struct pci_device *vf_in_use(const struct pci_device *pf)
{
    for (unsigned i = 0; i < pci_sriov_cnt(pf); i++) {
        const struct pci_device *vf = pci_sriov_vf(pf, i);

        if (!vf->driver && vf->irq_mode != PCI_IRQ_OFF)
            return vf;
    }
    return NULL;
}

static int configure(struct pci_device *pf, unsigned vf_cnt)
{
    if (pf->driver && pf->driver->sriov_configure)
        return pf->driver->sriov_configure(pf, vf_cnt);
    if (vf_cnt != 0)
        return pci_sriov_enable(pf, vf_cnt);
    pci_sriov_disable(pf);
    return 0;
}

static int fail(const struct pci_device *pf, int rc)
{
    for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
        if (reasons[i].err == rc)
            return console_fail(rc, "%s: %s (%u of %u)", pf->name, reasons[i].text,
                                pci_sriov_cnt(pf), pci_sriov_total(pf));
    return console_fail(rc, "%s: its driver refuses", pf->name);
}

static int sriov_run(struct pci_device *pdev, int argc, char **argv)
{
    unsigned long long vf_cnt;
    const struct pci_device *vf;
    int rc;

    if (argc != 1)
        return console_usage();
    rc = console_number(argv[0], "number of virtual functions", &vf_cnt);
    if (rc)
        return rc;
    if (!pdev->sriov && pdev->pcie_cap && !pci_config_covers(pdev->addr, PCI_EXT_CAP_START, 4))
        return console_fail(-ENOTSUP, "%s: extended configuration space is out of reach, no ECAM",
                            pdev->name);
    if (!pdev->sriov)
        return console_fail(-ENOTSUP, "%s has no SR-IOV capability that can be used", pdev->name);
    if (vf_cnt > pci_sriov_total(pdev))
        return fail(pdev, -ERANGE);
    vf = vf_in_use(pdev);
    if (vf)
        return console_fail(-EBUSY, "%s: interrupts of %s are on", pdev->name, vf->name);
    rc = configure(pdev, (unsigned)vf_cnt);
    if (rc)
        return fail(pdev, rc);
    at_line("result", "name=sriov.vfs value=%u unit=functions", pci_sriov_cnt(pdev));
    return 0;
}

PCI_VERB(sriov, .name = "sriov", .run = sriov_run);
