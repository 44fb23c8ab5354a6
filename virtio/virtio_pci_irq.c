/* The interrupt ladder: rungs from best to last, tried in order until one holds or the boot
 * option's one fails. */
#include <errno.h>

#include "irq/irq.h"
#include "kernel/bootopt.h"
#include "kernel/console.h"
#include "kernel/error.h"
#include "kernel/format.h"
#include "kernel/log.h"
#include "msix/pci_vectors.h"
#include "pci/pci.h"
#include "virtio/virtio_pci.h"

static const struct virtio_pci_rung rungs[] = {
    {"per-queue", VIRTIO_PCI_PER_QUEUE, virtio_pci_msix_setup, virtio_pci_msix_teardown},
    {"shared", VIRTIO_PCI_SHARED, virtio_pci_msix_setup, virtio_pci_msix_teardown},
    {"single", VIRTIO_PCI_SINGLE, virtio_pci_msix_setup, virtio_pci_msix_teardown},
    {"msi", PCI_VECTORS_MSI, virtio_pci_line_setup, virtio_pci_line_teardown},
    {"intx", PCI_VECTORS_INTX, virtio_pci_line_setup, virtio_pci_line_teardown},
    {"poll", 0, virtio_pci_poll_setup, virtio_pci_poll_teardown},
};
#define RUNG_CNT (sizeof(rungs) / sizeof(rungs[0]))

enum {
    CHOICE_AUTO = -1
};

static const struct bootopt_choice irq_choices[] = {
    {"auto", CHOICE_AUTO}, {"per-queue", 0}, {"shared", 1}, {"single", 2}, {"msi", 3},
    {"intx", 4},           {"poll", 5},      {NULL, 0},
};

int virtio_pci_refuse(struct virtio_pci *vp, int err, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    format_v(vp->why, sizeof(vp->why), fmt, args);
    va_end(args);
    return err;
}

int virtio_pci_refuse_alloc(struct virtio_pci *vp, int err, const char *kind)
{
    switch (err) {
    case -ENODEV:
        return virtio_pci_refuse(vp, err, "no %s capability", kind);
    case -ENOSPC:
        return virtio_pci_refuse(vp, err, "no CPU vectors left");
    default:
        return virtio_pci_refuse(vp, err, "%s cannot be enabled (%s)", kind, error_name(err));
    }
}

static int take(struct virtio_pci *vp, const struct virtio_pci_rung *rung)
{
    int err = rung->setup(vp, rung);

    if (err != 0)
        return err;
    vp->rung = rung;
    vp->vdev.irq_mode = rung->name;
    return 0;
}

static int take_forced(struct virtio_pci *vp, const struct virtio_pci_rung *rung)
{
    int err = take(vp, rung);

    if (err != 0)
        log_error("%s %s: irq=%s is not available, device not used: %s", vp->vdev.name,
                  vp->vdev.bus_name, rung->name, vp->why);
    return err;
}

static void report_step(const struct virtio_pci *vp, const struct virtio_pci_rung *from,
                        const struct virtio_pci_rung *to)
{
    char quoted[VIRTIO_PCI_WHY_MAX + 32];

    at_line("fallback", "name=%s what=irq from=%s to=%s reason=%s", vp->vdev.name, from->name,
            to->name, at_quote(quoted, sizeof(quoted), vp->why));
}

static int climb_down(struct virtio_pci *vp)
{
    int err = -ENODEV;

    for (unsigned i = 0; i < RUNG_CNT; i++) {
        if (i > 0)
            report_step(vp, &rungs[i - 1], &rungs[i]);
        err = take(vp, &rungs[i]);
        if (err == 0)
            return 0;
    }
    log_error("%s %s: no way to get interrupts: %s", vp->vdev.name, vp->vdev.bus_name, vp->why);
    return err;
}

static int irq_setup(struct virtio_device *dev)
{
    struct virtio_pci *vp = to_virtio_pci(dev);
    int choice = bootopt_choice("irq", irq_choices, CHOICE_AUTO);

    dev->vectors_available = pci_msix_cnt(vp->pdev);
    return choice == CHOICE_AUTO ? climb_down(vp) : take_forced(vp, &rungs[choice]);
}

static void irq_teardown(struct virtio_device *dev)
{
    struct virtio_pci *vp = to_virtio_pci(dev);

    if (vp->rung == NULL)
        return;
    vp->rung->teardown(vp);
    vp->rung = NULL;
    dev->irq_mode = NULL;
    dev->vectors_used = 0;
}

static bool irq_watched(struct virtio_device *dev)
{
    return to_virtio_pci(dev)->rung->setup != virtio_pci_poll_setup;
}

/* Only now, since ISR is not to be read for each interrupt of a queue (4.1.4.5.2). */
static void irq_tick(struct virtio_device *dev)
{
    struct virtio_pci *vp = to_virtio_pci(dev);

    if (!vp->isr_unread)
        return;
    vp->isr_unread = false;
    if (virtio_pci_isr(vp) & VIRTIO_PCI_ISR_CONFIG)
        virtio_config_interrupt(dev);
}

static void irq_lost(struct virtqueue *vq)
{
    struct virtio_pci *vp = to_virtio_pci(vq->dev);
    uint16_t entry = vp->queue_entries[vq->index];

    irq_count_lost((unsigned)pci_vector_irq(vp->pdev, entry));
}

static unsigned irq_cpu(const struct virtqueue *vq)
{
    struct virtio_pci *vp = to_virtio_pci(vq->dev);
    int irq = pci_vector_irq(vp->pdev, vp->queue_entries[vq->index]);
    const struct irq_desc *desc = irq > 0 ? irq_get((unsigned)irq) : NULL;

    return desc != NULL ? desc->data.cpu : 0;
}

static int irq_set_queue_affinity(struct virtqueue *vq, cpu_mask_t mask)
{
    struct virtio_pci *vp = to_virtio_pci(vq->dev);

    if (vp->rung->setup != virtio_pci_msix_setup)
        return 0;
    return irq_set_affinity((unsigned)pci_vector_irq(vp->pdev, vp->queue_entries[vq->index]), mask);
}

const struct virtio_irq_ops virtio_pci_irq_ops = {
    .setup = irq_setup,
    .teardown = irq_teardown,
    .watched = irq_watched,
    .tick = irq_tick,
    .lost = irq_lost,
    .cpu = irq_cpu,
    .set_affinity = irq_set_queue_affinity,
};
