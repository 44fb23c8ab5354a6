/* The driver of the 82576's physical function: probe, interrupts, reset, remove. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/igb/igb.h"
#include "irq/irq.h"
#include "kernel/format.h"
#include "kernel/panic.h"
#include "msix/pci_vectors.h"

#define COMMAND (PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER)

static const struct igb_port_layout pf_layout = {
    .rxq = E1000_RXQ(IGB_PF_POOL),
    .txq = E1000_TXQ(IGB_PF_POOL),
    .eics = E1000_EICS,
    .eims = E1000_EIMS,
    .eimc = E1000_EIMC,
    .rx_vector = IGB_VECTOR_RX,
    .ring_cnt = 256,
};

static struct list igbs = LIST_INIT(igbs);

void igb_for_each(void (*fn)(struct igb *igb, void *arg), void *arg)
{
    LIST_FOR_EACH(it, &igbs)
        fn(CONTAINER_OF(it, struct igb, link), arg);
}

struct igb *igb_find(const char *addr)
{
    LIST_FOR_EACH(it, &igbs) {
        struct igb *igb = CONTAINER_OF(it, struct igb, link);

        if (strcmp(igb->pdev->name, addr) == 0)
            return igb;
    }
    return NULL;
}

/* ---- interrupts ---- */

/* Reading ICR clears it; only then does the card interrupt for the next cause. */
static enum irq_return other_handler(void *cookie)
{
    struct igb *igb = cookie;
    const uint32_t causes = igb_read(&igb->port, E1000_ICR);

    if (causes == 0 || causes == UINT32_MAX)
        return IRQ_NONE;
    __atomic_fetch_or(&igb->causes, causes, __ATOMIC_SEQ_CST);
    return IRQ_WAKE_THREAD;
}

static void other_thread(void *cookie)
{
    struct igb *igb = cookie;
    const uint32_t causes = __atomic_exchange_n(&igb->causes, 0, __ATOMIC_SEQ_CST);

    if ((causes & E1000_ICR_LSC) != 0) {
        netdev_set_link(&igb->port.netdev, igb_hw_link_up(igb));
        igb_vf_ping(igb, IGB_VF_MAX);
    }
    igb_vfs_serve(igb);
}

static enum irq_return rx_handler(void *cookie)
{
    struct igb *igb = cookie;

    igb_rx_interrupt(&igb->port);
    return IRQ_HANDLED;
}

static enum irq_return tx_handler(void *cookie)
{
    struct igb *igb = cookie;

    igb_tx_interrupt(&igb->port);
    return IRQ_HANDLED;
}

static const struct {
    const char *suffix;
    irq_handler_t handler;
    irq_thread_fn_t thread_fn;
} vectors[IGB_VECTOR_CNT] = {
    [IGB_VECTOR_OTHER] = {"other", other_handler, other_thread},
    [IGB_VECTOR_RX] = {"rx0", rx_handler, NULL},
    [IGB_VECTOR_TX] = {"tx0", tx_handler, NULL},
};

static void irq_release_first(struct igb *igb, unsigned cnt)
{
    while (cnt-- > 0)
        irq_release((unsigned)pci_vector_irq(igb->pdev, cnt), igb);
    pci_vectors_free(igb->pdev);
}

static int irq_attach(struct igb *igb, unsigned n, const char *name)
{
    const unsigned irq = (unsigned)pci_vector_irq(igb->pdev, n);

    if (vectors[n].thread_fn == NULL)
        return irq_request(irq, vectors[n].handler, igb, name);
    return irq_request_threaded(irq, vectors[n].handler, vectors[n].thread_fn, 0, igb, name);
}

static int irq_setup(struct igb *igb)
{
    char name[IRQ_NAME_MAX];
    int rc = pci_vectors_alloc(igb->pdev, IGB_VECTOR_CNT, IGB_VECTOR_CNT,
                               PCI_VECTORS_MSIX | PCI_VECTORS_AFFINITY, NULL);

    if (rc < 0)
        return rc;
    for (unsigned i = 0; i < IGB_VECTOR_CNT; i++) {
        format(name, sizeof(name), "%s-%s", igb->port.name, vectors[i].suffix);
        rc = irq_attach(igb, i, name);
        if (rc != 0) {
            irq_release_first(igb, i);
            return rc;
        }
    }
    return 0;
}

/* ---- life ---- */

/* From a reset to traffic. The VFs may go on when all is set up. With the lock: registers that the
 * VFs' requests change are written. */
static int card_start(struct igb *igb)
{
    struct igb_port *port = &igb->port;
    int rc;

    igb_hw_start(igb);
    rc = igb_port_start(port);
    if (rc != 0)
        return rc;
    igb_vfs_start(igb);
    igb_hw_irq_enable(igb);
    igb_write(port, E1000_CTRL_EXT, igb_read(port, E1000_CTRL_EXT) | E1000_CTRL_EXT_PFRSTD);
    return 0;
}

/* No access to memory, even of a card that does not obey; the rings' buffers are ours. */
static int card_stop(struct igb *igb)
{
    const int rc = igb_hw_reset(igb);

    if (rc != 0)
        pci_command_clear(igb->pdev, PCI_COMMAND_MASTER);
    igb_port_stop(&igb->port);
    return rc;
}

/* With the lock. */
static int restart(struct igb *igb)
{
    int rc;

    pci_command_set(igb->pdev, COMMAND);
    rc = card_stop(igb);
    if (rc != 0)
        return rc;
    rc = card_start(igb);
    if (rc != 0)
        card_stop(igb);
    return rc;
}

int igb_reset(struct igb *igb)
{
    int rc;

    netdev_set_link(&igb->port.netdev, false);
    mutex_lock(&igb->lock);
    rc = restart(igb);
    mutex_unlock(&igb->lock);
    if (rc != 0) {
        log_error("%s: does not come back from its reset", igb->port.name);
        return rc;
    }
    netdev_set_link(&igb->port.netdev, igb_hw_link_up(igb));
    return 0;
}

/* Rings of a card in reset are dead, so nothing is written to memory after the machine was told to
 * stop. */
static void reset_all(void)
{
    LIST_FOR_EACH(it, &igbs)
        igb_hw_reset(CONTAINER_OF(it, struct igb, link));
}

static void register_exit_hook(void)
{
    static bool registered;

    if (!registered && system_on_exit(reset_all) == 0)
        registered = true;
}

static void read_mac(struct igb *igb)
{
    const uint32_t low = igb_read(&igb->port, E1000_RAL(0));
    const uint32_t high = igb_read(&igb->port, E1000_RAH(0));
    uint8_t *mac = igb->port.netdev.info.mac;

    memcpy(mac, &low, 4);
    memcpy(mac + 4, &high, 2);
    if (igb_mac_usable(mac))
        return;
    igb_mac_random(mac);
    log_warn("%s: the card's MAC address is zero or multicast, made one", igb->port.name);
}

static void report(const struct igb *igb)
{
    const struct netdev_info *info = &igb->port.netdev.info;
    const uint8_t *m = info->mac;

    at_line("device",
            "name=%s addr=%s driver=igb irq=per-queue vectors=%u/%u queues=\"rx0:%u tx0:%u\" "
            "mac=%02x:%02x:%02x:%02x:%02x:%02x mtu=%u link=%s pairs=1/1",
            igb->port.name, igb->pdev->name, (unsigned)IGB_VECTOR_CNT,
            pci_vectors_offered(igb->pdev, PCI_IRQ_MSIX), info->rx_ring, info->tx_ring, m[0], m[1],
            m[2], m[3], m[4], m[5], info->mtu, igb->port.netdev.link_up ? "up" : "down");
}

static int bring_up(struct igb *igb)
{
    struct netdev *dev = &igb->port.netdev;
    int rc = igb_hw_reset(igb);

    if (rc != 0)
        return rc;
    read_mac(igb);
    rc = irq_setup(igb);
    if (rc != 0)
        return rc;
    mutex_lock(&igb->lock);
    rc = card_start(igb);
    mutex_unlock(&igb->lock);
    if (rc != 0) {
        card_stop(igb);
        irq_release_first(igb, IGB_VECTOR_CNT);
        return rc;
    }
    dev->link_up = igb_hw_link_up(igb);
    return 0;
}

static int igb_probe(struct pci_device *pdev)
{
    struct igb *igb = calloc(1, sizeof(*igb));
    uint8_t *regs;
    int rc = -ENOMEM;

    if (igb == NULL)
        return -ENOMEM;
    igb->pdev = pdev;
    mutex_init(&igb->lock);
    pci_command_set(pdev, COMMAND);
    regs = pci_bar_map(pdev, 0, 0, IGB_PF_REGS_LEN);
    if (regs == NULL)
        goto err_command;
    rc = igb_port_create(&igb->port, &pf_layout, regs);
    if (rc != 0)
        goto err_regs;
    igb_vfs_init(igb);
    rc = bring_up(igb);
    if (rc != 0)
        goto err_port;
    pdev->driver_data = igb;
    list_append(&igbs, &igb->link);
    register_exit_hook();
    report(igb);
    netdev_register(&igb->port.netdev);
    return 0;

err_port:
    igb_port_free(&igb->port);
err_regs:
    pci_bar_unmap(pdev, regs, IGB_PF_REGS_LEN);
err_command:
    pci_command_clear(pdev, COMMAND);
    free(igb);
    return rc;
}

static void igb_remove(struct pci_device *pdev)
{
    struct igb *igb = pdev->driver_data;
    uint8_t *regs = igb->port.regs;

    igb_sriov_configure(pdev, 0);
    netdev_lost(&igb->port.netdev);
    netdev_unregister(&igb->port.netdev);
    list_remove(&igb->link);
    card_stop(igb);
    irq_release_first(igb, IGB_VECTOR_CNT);
    pdev->driver_data = NULL;
    if (igb_port_free(&igb->port))
        free(igb);
    pci_bar_unmap(pdev, regs, IGB_PF_REGS_LEN);
    pci_command_clear(pdev, COMMAND);
}

static const struct pci_id igb_ids[] = {{IGB_VENDOR_ID, IGB_PF_DEVICE_ID, IGB_PF_DEVICE_ID},
                                        {0, 0, 0}};

PCI_DRIVER(igb, .name = "igb", .ids = igb_ids, .probe = igb_probe, .remove = igb_remove,
           .sriov_configure = igb_sriov_configure);
