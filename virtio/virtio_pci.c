/* PCI functions that are virtio devices: which transport they get, and the device object's life. */
#include "virtio/virtio_pci.h"

#include <errno.h>
#include <stdlib.h>

#include "kernel/bootopt.h"
#include "kernel/log.h"
#include "pci/pci.h"

/* The MSI-X table may lie behind memory decoding; the rings are reached by bus mastering. */
#define COMMAND_BITS (PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER)

enum transport_choice {
    TRANSPORT_LEGACY,
    TRANSPORT_MODERN
};

static const struct bootopt_choice transport_choices[] = {
    {"auto", TRANSPORT_LEGACY},
    {"legacy", TRANSPORT_LEGACY},
    {"modern", TRANSPORT_MODERN},
    {NULL, 0},
};

static const struct pci_id virtio_pci_ids[] = {
    {VIRTIO_PCI_VENDOR_ID, VIRTIO_PCI_DEVICE_ID_LEGACY, VIRTIO_PCI_DEVICE_ID_LEGACY_TO},
    {VIRTIO_PCI_VENDOR_ID, VIRTIO_PCI_DEVICE_ID_MODERN, VIRTIO_PCI_DEVICE_ID_MODERN_TO},
    {0, 0, 0},
};

/* Why the function cannot be driven through the legacy header in I/O BAR0, or NULL. */
static const char *refuse(const struct pci_device *pdev)
{
    const struct pci_bar *bar = &pdev->bars[0];

    if (bootopt_choice("transport", transport_choices, TRANSPORT_LEGACY) == TRANSPORT_MODERN)
        return "transport=modern is not built in yet";
    if (pdev->device_id >= VIRTIO_PCI_DEVICE_ID_MODERN)
        return "it is a modern-only device, and the modern transport is not built in yet";
    if (bar->kind != PCI_BAR_IO || bar->base == 0)
        return "it has no legacy registers (I/O BAR 0), and the modern transport is not built in yet";
    if (bar->len < VIRTIO_PCI_CONFIG_OFF_MSIX)
        return "its legacy registers (I/O BAR 0) are too short";
    return NULL;
}

static int virtio_pci_probe(struct pci_device *pdev)
{
    const char *reason = refuse(pdev);
    struct virtio_pci *vp;
    int err;

    if (reason != NULL) {
        log_error("virtio %s (1af4:%04x): device not used: %s", pdev->name, pdev->device_id,
                  reason);
        return -ENOTSUP;
    }
    vp = calloc(1, sizeof(*vp));
    if (vp == NULL)
        return -ENOMEM;
    vp->pdev = pdev;
    vp->io_base = (uint16_t)pdev->bars[0].base;
    vp->vdev.bus_name = pdev->name;
    vp->vdev.device_id = pdev->subsystem_id;
    vp->vdev.transport = &virtio_pci_legacy_ops;
    list_init(&vp->vdev.link);
    pdev->driver_data = vp;
    pci_command_set(pdev, COMMAND_BITS);
    err = virtio_device_add(&vp->vdev);
    if (err == 0)
        return 0;

    pci_command_clear(pdev, COMMAND_BITS);
    pdev->driver_data = NULL;
    free(vp);
    return err;
}

static void virtio_pci_remove(struct pci_device *pdev)
{
    struct virtio_pci *vp = pdev->driver_data;

    virtio_device_remove(&vp->vdev);
    pci_command_clear(pdev, COMMAND_BITS);
    pdev->driver_data = NULL;
    free(vp);
}

PCI_DRIVER(virtio, .name = "virtio", .ids = virtio_pci_ids, .probe = virtio_pci_probe,
           .remove = virtio_pci_remove);
