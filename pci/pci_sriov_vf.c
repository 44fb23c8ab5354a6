/* Virtual functions as functions: made from what physical function and capability say, and unmade.
 */
#include <errno.h>
#include <stdlib.h>

#include "kernel/log.h"
#include "kernel/panic.h"
#include "pci/pci_sriov_private.h"

static void bars_slice(struct pci_device *vf)
{
    for (unsigned i = 0; i < PCI_BAR_CNT; i++) {
        vf->bars[i] = vf->pf->sriov->bars[i];
        vf->bars[i].base += vf->bars[i].len * vf->vf_index;
    }
}

/* Its ids read as all-ones (9.3.4.1.1), so the class tells whether something answers. Real VFs have
 * Command.Memory hardwired to 0 (9.3.4.1.3); QEMU's decode nothing without it. */
static int vf_create(struct pci_device *pf, unsigned index)
{
    const uint32_t rid = pci_sriov_rid(pf, index);
    struct pci_device *vf = calloc(1, sizeof(*vf));

    if (!vf)
        return -ENOMEM;
    vf->addr = (struct pci_address){pf->addr.segment, (uint8_t)(rid >> 8),
                                    (uint8_t)(rid >> 3 & 0x1f), (uint8_t)(rid & 7)};
    pci_device_name(vf);
    if (pci_read32(vf, PCI_REVISION_ID) == UINT32_MAX) {
        log_warn("pci %s: its virtual function %s does not answer", pf->name, vf->name);
        free(vf);
        return -EIO;
    }
    vf->vendor_id = pf->vendor_id;
    vf->device_id = pf->sriov->vf_device_id;
    vf->pf = pf;
    vf->vf_index = (uint16_t)index;
    pci_device_read(vf);
    vf->intx_pin = 0;
    bars_slice(vf);
    pci_command_set(vf, PCI_COMMAND_MEMORY);
    vf->driver = pci_driver_match(vf);
    pci_device_insert(vf);
    pf->sriov->vfs[index] = vf;
    return 0;
}

static void vf_destroy(struct pci_device *vf)
{
    ASSERT(vf->irq_mode == PCI_IRQ_OFF && !vf->driver);
    pci_command_clear(vf, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY);
    list_remove(&vf->link);
    free(vf);
}

static void destroy_first(struct pci_device *pf, unsigned cnt)
{
    while (cnt-- > 0)
        vf_destroy(pf->sriov->vfs[cnt]);
    free(pf->sriov->vfs);
    pf->sriov->vfs = NULL;
}

int pci_sriov_create(struct pci_device *pf)
{
    int rc;

    pf->sriov->vfs = calloc(pf->sriov->asked, sizeof(struct pci_device *));
    if (!pf->sriov->vfs)
        return -ENOMEM;
    for (unsigned i = 0; i < pf->sriov->asked; i++) {
        rc = vf_create(pf, i);
        if (rc) {
            for (unsigned made = 0; made < i; made++)
                pf->sriov->vfs[made]->driver = NULL; /* none was asked yet */
            destroy_first(pf, i);
            return rc;
        }
    }
    return 0;
}

void pci_sriov_destroy(struct pci_device *pf)
{
    destroy_first(pf, pf->sriov->asked);
}
