/* The best rung: MSI-X with an entry for configuration changes and one for each queue that has a
 * callback. */
#include <errno.h>

#include "irq/irq.h"
#include "kernel/format.h"
#include "msix/msix.h"
#include "pci/pci.h"
#include "virtio/virtio_pci.h"

#define CONFIG_ENTRY 0

static enum irq_return config_handler(void *cookie)
{
    struct virtio_pci *vp = cookie;

    if (!virtio_config_interrupt(&vp->vdev))
        irq_count_early((unsigned)msix_irq(vp->pdev, CONFIG_ENTRY));
    return IRQ_HANDLED;
}

static enum irq_return queue_handler(void *cookie)
{
    struct virtqueue *vq = cookie;

    if (__builtin_expect(!vq->dev->driver_ok, 0)) {
        struct virtio_pci *vp = to_virtio_pci(vq->dev);

        irq_count_early((unsigned)msix_irq(vp->pdev, vp->queue_entries[vq->index]));
        return IRQ_HANDLED;
    }
    return virtqueue_interrupt(vq) ? IRQ_HANDLED : IRQ_NONE;
}

/* Attaches @handler to table entry @entry as "<device>-<source>". */
static int request(struct virtio_pci *vp, uint16_t entry, irq_handler_t handler, void *cookie,
                   const char *source)
{
    char name[IRQ_NAME_MAX];
    int irq = msix_irq(vp->pdev, entry);

    if (irq < 0)
        return irq;
    format(name, sizeof(name), "%s-%s", vp->vdev.name, source);
    return irq_request((unsigned)irq, handler, cookie, name);
}

static void release(struct virtio_pci *vp, uint16_t entry, void *cookie)
{
    irq_release((unsigned)msix_irq(vp->pdev, entry), cookie);
}

static int bind_config(struct virtio_pci *vp)
{
    struct virtio_device *dev = &vp->vdev;
    int err = request(vp, CONFIG_ENTRY, config_handler, vp, "config");

    if (err != 0)
        return err;
    if (dev->transport->set_config_entry(dev, CONFIG_ENTRY) == CONFIG_ENTRY)
        return 0;
    dev->transport->set_config_entry(dev, VIRTIO_MSI_NO_VECTOR);
    release(vp, CONFIG_ENTRY, vp);
    return -EBUSY;
}

static void unbind_config(struct virtio_pci *vp)
{
    vp->vdev.transport->set_config_entry(&vp->vdev, VIRTIO_MSI_NO_VECTOR);
    release(vp, CONFIG_ENTRY, vp);
}

/* VIRTIO_MSI_NO_VECTOR as @entry is for a queue without a callback. */
static int bind_queue(struct virtio_pci *vp, struct virtqueue *vq, uint16_t entry)
{
    struct virtio_device *dev = &vp->vdev;
    int err = 0;

    if (entry != VIRTIO_MSI_NO_VECTOR)
        err = request(vp, entry, queue_handler, vq, vq->name);
    if (err != 0)
        return err;
    vp->queue_entries[vq->index] = entry;
    if (dev->transport->set_queue_entry(dev, vq->index, entry) == entry)
        return 0;
    dev->transport->set_queue_entry(dev, vq->index, VIRTIO_MSI_NO_VECTOR);
    vp->queue_entries[vq->index] = VIRTIO_MSI_NO_VECTOR;
    if (entry != VIRTIO_MSI_NO_VECTOR)
        release(vp, entry, vq);
    return -EBUSY;
}

static void unbind_queue(struct virtio_pci *vp, struct virtqueue *vq)
{
    uint16_t entry = vp->queue_entries[vq->index];

    vp->vdev.transport->set_queue_entry(&vp->vdev, vq->index, VIRTIO_MSI_NO_VECTOR);
    vp->queue_entries[vq->index] = VIRTIO_MSI_NO_VECTOR;
    if (entry != VIRTIO_MSI_NO_VECTOR)
        release(vp, entry, vq);
}

/* Undoes queues @cnt-1 down to 0. */
static void unbind_queues(struct virtio_pci *vp, unsigned cnt)
{
    while (cnt-- > 0) {
        if (vp->vdev.queues[cnt] != NULL)
            unbind_queue(vp, vp->vdev.queues[cnt]);
    }
}

static int bind_queues(struct virtio_pci *vp)
{
    struct virtio_device *dev = &vp->vdev;
    uint16_t entry = CONFIG_ENTRY + 1;

    for (unsigned i = 0; i < dev->queue_cnt; i++) {
        struct virtqueue *vq = dev->queues[i];
        int err;

        if (vq == NULL)
            continue;
        err = bind_queue(vp, vq, vq->callback != NULL ? entry++ : VIRTIO_MSI_NO_VECTOR);
        if (err != 0) {
            unbind_queues(vp, i);
            return err;
        }
    }
    return 0;
}

static unsigned entries_needed(const struct virtio_device *dev)
{
    unsigned cnt = 1;

    for (unsigned i = 0; i < dev->queue_cnt; i++)
        cnt += dev->queues[i] != NULL && dev->queues[i]->callback != NULL;
    return cnt;
}

static const char *msix_reason(int err)
{
    switch (err) {
    case -ENOSPC:
        return "no CPU vectors left";
    case -EINVAL:
        return "MSI-X table lies outside its BAR";
    case -ENOMEM:
        return "no memory";
    default:
        return "MSI-X cannot be enabled";
    }
}

int virtio_pci_per_queue_setup(struct virtio_pci *vp, const char **reason)
{
    unsigned available = msix_entry_cnt(vp->pdev), needed = entries_needed(&vp->vdev);
    int err;

    vp->vdev.vectors_available = available;
    if (available == 0) {
        *reason = "no MSI-X capability";
        return -ENODEV;
    }
    if (available < needed) {
        *reason = "MSI-X table is too small";
        return -ENOSPC;
    }
    err = msix_enable(vp->pdev, needed);
    if (err != 0) {
        *reason = msix_reason(err);
        return err;
    }
    err = bind_config(vp);
    if (err != 0) {
        *reason = err == -EBUSY ? "device refused the configuration entry" : msix_reason(err);
        goto fail_msix;
    }
    err = bind_queues(vp);
    if (err != 0) {
        *reason = err == -EBUSY ? "device refused a queue's entry" : msix_reason(err);
        goto fail_config;
    }
    vp->vdev.vectors_used = needed;
    return 0;

fail_config:
    unbind_config(vp);
fail_msix:
    msix_disable(vp->pdev);
    return err;
}

void virtio_pci_per_queue_teardown(struct virtio_pci *vp)
{
    unbind_queues(vp, vp->vdev.queue_cnt);
    unbind_config(vp);
    msix_disable(vp->pdev);
    vp->vdev.vectors_used = 0;
}
