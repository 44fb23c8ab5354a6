/* PCI functions that are virtio devices: which transport they get, and the device object's life. */
#include "virtio/virtio_pci.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/bootopt.h"
#include "kernel/format.h"
#include "kernel/log.h"
#include "pci/pci.h"
#include "pci/sriov.h"

/* Registers and the MSI-X table lie behind decoding; the rings are reached by bus mastering. */
#define COMMAND_BITS (PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER)

enum transport_choice {
    TRANSPORT_AUTO,
    TRANSPORT_LEGACY,
    TRANSPORT_MODERN
};

static const struct bootopt_choice transport_choices[] = {
    {"auto", TRANSPORT_AUTO},
    {"legacy", TRANSPORT_LEGACY},
    {"modern", TRANSPORT_MODERN},
    {NULL, 0},
};

static const struct pci_id virtio_pci_ids[] = {
    {VIRTIO_PCI_VENDOR_ID, VIRTIO_PCI_DEVICE_ID_LEGACY, VIRTIO_PCI_DEVICE_ID_LEGACY_TO},
    {VIRTIO_PCI_VENDOR_ID, VIRTIO_PCI_DEVICE_ID_MODERN, VIRTIO_PCI_DEVICE_ID_IOMMU - 1},
    {VIRTIO_PCI_VENDOR_ID, VIRTIO_PCI_DEVICE_ID_IOMMU + 1, VIRTIO_PCI_DEVICE_ID_MODERN_TO},
    {0, 0, 0},
};

/* What others need before they may access memory. */
static const struct pci_id virtio_pci_first_ids[] = {
    {VIRTIO_PCI_VENDOR_ID, VIRTIO_PCI_DEVICE_ID_IOMMU, VIRTIO_PCI_DEVICE_ID_IOMMU},
    {0, 0, 0},
};

/* Why the function cannot be driven through the legacy header in I/O BAR0, or NULL. */
static const char *legacy_missing(const struct pci_device *pdev)
{
    const struct pci_bar *bar = &pdev->bars[0];

    if (pdev->device_id >= VIRTIO_PCI_DEVICE_ID_MODERN)
        return "it is a modern-only device";
    if (bar->kind != PCI_BAR_IO)
        return "it has no legacy registers (I/O BAR 0)";
    if (bar->base == 0)
        return "its legacy registers (I/O BAR 0) have no address";
    if (bar->len < VIRTIO_PCI_CONFIG_OFF_MSIX)
        return "its legacy registers (I/O BAR 0) are too short";
    return NULL;
}

static void use_legacy(struct virtio_pci *vp)
{
    vp->io_base = (uint16_t)vp->pdev->bars[0].base;
    vp->vdev.transport = &virtio_pci_legacy_ops;
}

/* The modern transport where it can be had, else the legacy one, unless the boot option wants one
 * of them. 0, or negative errno with the reason on the console. */
static int choose_transport(struct virtio_pci *vp)
{
    const struct pci_device *pdev = vp->pdev;
    int choice = bootopt_choice("transport", transport_choices, TRANSPORT_AUTO);
    const char *missing = legacy_missing(pdev);
    int err = -ENODEV;

    if (choice != TRANSPORT_LEGACY) {
        vp->vdev.transport = &virtio_pci_modern_ops;
        err = virtio_pci_modern_open(vp);
    }
    if (err == 0)
        return 0;
    if (choice != TRANSPORT_MODERN && missing == NULL) {
        if (err != -ENODEV)
            memcpy(vp->why_legacy, vp->why, sizeof(vp->why));
        use_legacy(vp);
        return 0;
    }
    if (choice == TRANSPORT_AUTO)
        log_error("virtio %s (1af4:%04x): device not used: %s, and %s", pdev->name, pdev->device_id,
                  missing, vp->why);
    else
        log_error("virtio %s (1af4:%04x): device not used: transport=%s is not available: %s",
                  pdev->name, pdev->device_id, choice == TRANSPORT_LEGACY ? "legacy" : "modern",
                  choice == TRANSPORT_LEGACY ? missing : vp->why);
    return -ENOTSUP;
}

/* Once the device has a name. */
static void report_fallback(const struct virtio_pci *vp)
{
    char quoted[VIRTIO_PCI_WHY_MAX + 32];

    if (vp->why_legacy[0] != '\0' && vp->vdev.name[0] != '\0')
        at_line("fallback", "name=%s what=transport from=modern to=legacy reason=%s", vp->vdev.name,
                at_quote(quoted, sizeof(quoted), vp->why_legacy));
}

/* The type is in a modern device's own id, and in the subsystem's of a transitional one (4.1.2.1).
 */
static uint32_t device_type(const struct pci_device *pdev)
{
    return pdev->device_id >= VIRTIO_PCI_DEVICE_ID_MODERN
               ? (uint32_t)(pdev->device_id - VIRTIO_PCI_DEVICE_ID_MODERN)
               : pdev->subsystem_id;
}

static int virtio_pci_probe(struct pci_device *pdev)
{
    struct virtio_pci *vp = calloc(1, sizeof(*vp));
    int err;

    if (vp == NULL)
        return -ENOMEM;
    vp->pdev = pdev;
    vp->vdev.bus_name = pdev->name;
    vp->vdev.device_id = device_type(pdev);
    list_init(&vp->vdev.link);
    err = choose_transport(vp);
    if (err != 0)
        goto fail;
    pdev->driver_data = vp;
    pci_command_set(pdev, COMMAND_BITS);
    err = virtio_device_add(&vp->vdev);
    report_fallback(vp);
    if (err == 0) {
        virtio_report_late(&vp->vdev);
        return 0;
    }
    pci_command_clear(pdev, COMMAND_BITS);
    pdev->driver_data = NULL;
    virtio_pci_modern_close(vp);
fail:
    free(vp);
    return err;
}

static void virtio_pci_remove(struct pci_device *pdev)
{
    struct virtio_pci *vp = pdev->driver_data;

    virtio_device_remove(&vp->vdev);
    pci_command_clear(pdev, COMMAND_BITS);
    pdev->driver_data = NULL;
    virtio_pci_modern_close(vp);
    free(vp);
}

/* Only where it was agreed on may there be virtual functions (virtio 1.3, 6.1). */
static int virtio_pci_sriov_configure(struct pci_device *pf, unsigned vf_cnt)
{
    const struct virtio_pci *vp = pf->driver_data;

    if (vf_cnt == 0) {
        pci_sriov_disable(pf);
        return 0;
    }
    if (!(vp->vdev.features & 1ull << VIRTIO_F_SR_IOV))
        return -ENOTSUP;
    return pci_sriov_enable(pf, vf_cnt);
}

PCI_DRIVER(virtio, .name = "virtio", .ids = virtio_pci_ids, .probe = virtio_pci_probe,
           .remove = virtio_pci_remove, .sriov_configure = virtio_pci_sriov_configure);
PCI_DRIVER(virtio_first, .name = "virtio", .ids = virtio_pci_first_ids, .first = true,
           .probe = virtio_pci_probe, .remove = virtio_pci_remove);
