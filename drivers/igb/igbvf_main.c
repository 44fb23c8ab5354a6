/* The driver of the 82576's virtual function: probe, vectors, remove. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/igb/igbvf.h"
#include "irq/irq.h"
#include "kernel/format.h"
#include "msix/pci_vectors.h"

#define COMMAND (PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER)

static const struct igb_port_layout vf_layout = {
    .rxq = E1000_VF_RXQ,
    .txq = E1000_VF_TXQ,
    .eics = E1000_VTEICS,
    .eims = E1000_VTEIMS,
    .eimc = E1000_VTEIMC,
    .rx_vector = IGBVF_VECTOR_RX,
    .ring_cnt = 64,
};

static struct list vfs = LIST_INIT(vfs);

void igbvf_for_each(void (*fn)(struct igbvf *vf, void *arg), void *arg)
{
    LIST_FOR_EACH(it, &vfs)
        fn(CONTAINER_OF(it, struct igbvf, link), arg);
}

struct igbvf *igbvf_find(const char *addr)
{
    LIST_FOR_EACH(it, &vfs) {
        struct igbvf *vf = CONTAINER_OF(it, struct igbvf, link);

        if (strcmp(vf->pdev->name, addr) == 0)
            return vf;
    }
    return NULL;
}

/* ---- interrupts ---- */

static enum irq_return rx_handler(void *cookie)
{
    struct igbvf *vf = cookie;

    igb_rx_interrupt(&vf->port);
    return IRQ_HANDLED;
}

static enum irq_return tx_handler(void *cookie)
{
    struct igbvf *vf = cookie;

    igb_tx_interrupt(&vf->port);
    igbvf_mailbox_interrupt(vf);
    return IRQ_HANDLED;
}

static enum irq_return mailbox_handler(void *cookie)
{
    igbvf_mailbox_interrupt(cookie);
    return IRQ_HANDLED;
}

static const struct {
    const char *suffix;
    irq_handler_t handler;
} vectors[IGBVF_VECTOR_CNT] = {
    [IGBVF_VECTOR_RX] = {"rx0", rx_handler},
    [IGBVF_VECTOR_TX] = {"tx0", tx_handler},
    [IGBVF_VECTOR_MAILBOX] = {"mailbox", mailbox_handler},
};

static void irq_release_first(struct igbvf *vf, unsigned cnt)
{
    while (cnt-- > 0)
        irq_release((unsigned)pci_vector_irq(vf->pdev, cnt), vf);
    pci_vectors_free(vf->pdev);
}

static int irq_setup(struct igbvf *vf)
{
    char name[IRQ_NAME_MAX];
    int rc = pci_vectors_alloc(vf->pdev, IGBVF_VECTOR_CNT, IGBVF_VECTOR_CNT,
                               PCI_VECTORS_MSIX | PCI_VECTORS_AFFINITY, NULL);

    if (rc < 0)
        return rc;
    for (unsigned i = 0; i < IGBVF_VECTOR_CNT; i++) {
        format(name, sizeof(name), "%s-%s", vf->port.name, vectors[i].suffix);
        rc = irq_request((unsigned)pci_vector_irq(vf->pdev, i), vectors[i].handler, vf, name);
        if (rc != 0) {
            irq_release_first(vf, i);
            return rc;
        }
    }
    return 0;
}

/* ---- life ---- */

static void report(const struct igbvf *vf)
{
    const struct netdev_info *info = &vf->port.netdev.info;
    const uint8_t *m = info->mac;

    at_line("device",
            "name=%s addr=%s driver=igbvf irq=per-queue vectors=%u/%u queues=\"rx0:%u tx0:%u\" "
            "mac=%02x:%02x:%02x:%02x:%02x:%02x mtu=%u link=%s pairs=1/1 pf=%s vf=%u",
            vf->port.name, vf->pdev->name, (unsigned)IGBVF_VECTOR_CNT,
            pci_vectors_offered(vf->pdev, PCI_IRQ_MSIX), info->rx_ring, info->tx_ring, m[0], m[1],
            m[2], m[3], m[4], m[5], info->mtu, vf->port.netdev.link_up ? "up" : "down",
            vf->pdev->pf != NULL ? vf->pdev->pf->name : "none", vf->pdev->vf_index);
}

/* A VF whose PF does not answer stays, and comes up when it does or on request. */
static int bring_up(struct igbvf *vf)
{
    int rc;

    igbvf_service_start(vf); /* an interrupt may want it at once */
    rc = irq_setup(vf);
    if (rc != 0) {
        igbvf_service_stop(vf);
        return rc;
    }
    rc = igbvf_reset(vf);
    if (rc != 0)
        log_warn("%s %s: the PF has not cleared it: %s", vf->port.name, vf->pdev->name,
                 error_name(rc));
    if (!igb_mac_usable(vf->port.netdev.info.mac))
        igb_mac_random(vf->port.netdev.info.mac);
    return 0;
}

static int igbvf_probe(struct pci_device *pdev)
{
    struct igbvf *vf;
    uint8_t *regs;
    int rc = -ENOMEM;

    vf = calloc(1, sizeof(*vf));
    if (vf == NULL)
        return -ENOMEM;
    vf->pdev = pdev;
    mutex_init(&vf->lock);
    pci_command_set(pdev, COMMAND);
    regs = pci_bar_map(pdev, 0, 0, IGB_VF_REGS_LEN);
    if (regs == NULL)
        goto err_command;
    rc = igb_port_create(&vf->port, &vf_layout, regs);
    if (rc != 0)
        goto err_regs;
    igbvf_mbx_init(vf);
    rc = bring_up(vf);
    if (rc != 0)
        goto err_port;
    pdev->driver_data = vf;
    list_append(&vfs, &vf->link);
    report(vf);
    vf->registered = true;
    netdev_register(&vf->port.netdev);
    work_queue(&vf->service);
    return 0;

err_port:
    igb_port_free(&vf->port);
err_regs:
    pci_bar_unmap(pdev, regs, IGB_VF_REGS_LEN);
err_command:
    pci_command_clear(pdev, COMMAND);
    free(vf);
    return rc;
}

static void igbvf_remove(struct pci_device *pdev)
{
    struct igbvf *vf = pdev->driver_data;
    uint8_t *regs = vf->port.regs;

    list_remove(&vf->link);
    igbvf_service_stop(vf);
    netdev_lost(&vf->port.netdev);
    netdev_unregister(&vf->port.netdev);
    mutex_lock(&vf->lock);
    igbvf_quiet(vf);
    mutex_unlock(&vf->lock);
    irq_release_first(vf, IGBVF_VECTOR_CNT);
    igbvf_service_stop(vf); /* the last interrupts may have wanted it again */
    pdev->driver_data = NULL;
    if (igb_port_free(&vf->port))
        free(vf);
    pci_bar_unmap(pdev, regs, IGB_VF_REGS_LEN);
    pci_command_clear(pdev, COMMAND);
}

static const struct pci_id igbvf_ids[] = {{IGB_VENDOR_ID, IGB_VF_DEVICE_ID, IGB_VF_DEVICE_ID},
                                          {0, 0, 0}};

PCI_DRIVER(igbvf, .name = "igbvf", .ids = igbvf_ids, .probe = igbvf_probe, .remove = igbvf_remove);
