/* MSI-X in three arrangements: an entry for each queue, one for all queues, one for everything. A
 * plan says which entry serves what; binding and undoing are the same for all. */
#include <errno.h>
#include <string.h>

#include "irq/irq.h"
#include "kernel/error.h"
#include "kernel/format.h"
#include "msix/pci_vectors.h"
#include "pci/pci.h"
#include "virtio/virtio_pci.h"

#define CONFIG_ENTRY 0
#define QUEUES_ENTRY 1 /* of the shared plan */

_Static_assert(VIRTQUEUE_SET_MAX == IRQ_AFFINITY_SETS_MAX, "each set of queues is one of vectors");

static enum irq_return config_handler(void *cookie)
{
    struct virtio_pci *vp = cookie;

    if (!virtio_config_interrupt(&vp->vdev))
        virtio_pci_count_early(vp, CONFIG_ENTRY);
    return IRQ_HANDLED;
}

static enum irq_return queue_handler(void *cookie)
{
    struct virtqueue *vq = cookie;

    if (__builtin_expect(!vq->dev->driver_ok, 0)) {
        struct virtio_pci *vp = to_virtio_pci(vq->dev);

        virtio_pci_count_early(vp, vp->queue_entries[vq->index]);
        return IRQ_HANDLED;
    }
    return virtqueue_interrupt(vq) ? IRQ_HANDLED : IRQ_NONE;
}

static enum irq_return queues_handler(void *cookie)
{
    struct virtio_pci *vp = cookie;

    if (__builtin_expect(!vp->vdev.driver_ok, 0)) {
        virtio_pci_count_early(vp, QUEUES_ENTRY);
        return IRQ_HANDLED;
    }
    return virtio_pci_walk(vp) ? IRQ_HANDLED : IRQ_NONE;
}

/*
 * The entry does not tell queues from configuration. ISR tells of the latter in every mode, but is
 * not to be read for a queue's interrupt (4.1.4.5.1, 4.1.4.5.2): so it is read when no queue had
 * work, and else a moment later, because two messages may have become one interrupt.
 */
static enum irq_return everything_handler(void *cookie)
{
    struct virtio_pci *vp = cookie;

    if (__builtin_expect(!vp->vdev.driver_ok, 0)) {
        virtio_pci_count_early(vp, CONFIG_ENTRY);
        return IRQ_HANDLED;
    }
    if (virtio_pci_walk(vp)) {
        vp->isr_unread = true;
        return IRQ_HANDLED;
    }
    if ((virtio_pci_isr(vp) & VIRTIO_PCI_ISR_CONFIG) == 0)
        return IRQ_NONE;
    virtio_config_interrupt(&vp->vdev);
    return IRQ_HANDLED;
}

/* Attaches @handler to entry @entry as "<device>-<source>", or "<device>". */
static int request(struct virtio_pci *vp, uint16_t entry, irq_handler_t handler, void *cookie,
                   const char *source)
{
    char name[IRQ_NAME_MAX];
    int err;

    format(name, sizeof(name), "%s%s%s", vp->vdev.name, source != NULL ? "-" : "",
           source != NULL ? source : "");
    err = irq_request((unsigned)pci_vector_irq(vp->pdev, entry), handler, cookie, name);
    if (err != 0)
        virtio_pci_refuse(vp, err, "no handler for %s (%s)", name, error_name(err));
    return err;
}

static void release(struct virtio_pci *vp, uint16_t entry, void *cookie)
{
    irq_release((unsigned)pci_vector_irq(vp->pdev, entry), cookie);
}

/* -EBUSY for an entry that did not read back. */
static int refuse_entry(struct virtio_pci *vp, const char *what, uint16_t entry)
{
    if (entry == VIRTIO_MSI_NO_VECTOR)
        return virtio_pci_refuse(vp, -EBUSY, "vector of %s read back as none (EBUSY)", what);
    return virtio_pci_refuse(vp, -EBUSY, "vector of %s read back as %u (EBUSY)", what, entry);
}

static int bind_config(struct virtio_pci *vp, enum virtio_pci_plan plan)
{
    struct virtio_device *dev = &vp->vdev;
    bool everything = plan == VIRTIO_PCI_SINGLE;
    int err = request(vp, CONFIG_ENTRY, everything ? everything_handler : config_handler, vp,
                      everything ? NULL : "config");
    uint16_t entry;

    if (err != 0)
        return err;
    entry = dev->transport->set_config_entry(dev, CONFIG_ENTRY);
    if (entry == CONFIG_ENTRY)
        return 0;
    dev->transport->set_config_entry(dev, VIRTIO_MSI_NO_VECTOR);
    release(vp, CONFIG_ENTRY, vp);
    return refuse_entry(vp, "configuration changes", entry);
}

static void unbind_config(struct virtio_pci *vp)
{
    vp->vdev.transport->set_config_entry(&vp->vdev, VIRTIO_MSI_NO_VECTOR);
    release(vp, CONFIG_ENTRY, vp);
}

/* Whether the queue's entry has a handler of its own. */
static bool own_handler(const struct virtio_pci *vp, const struct virtqueue *vq,
                        enum virtio_pci_plan plan)
{
    return plan == VIRTIO_PCI_PER_QUEUE && vp->queue_entries[vq->index] != VIRTIO_MSI_NO_VECTOR;
}

static int bind_queue(struct virtio_pci *vp, struct virtqueue *vq, enum virtio_pci_plan plan)
{
    struct virtio_device *dev = &vp->vdev;
    uint16_t wanted = vp->queue_entries[vq->index], entry;
    char what[24];
    int err = 0;

    if (own_handler(vp, vq, plan))
        err = request(vp, wanted, queue_handler, vq, vq->name);
    if (err != 0)
        return err;
    entry = dev->transport->set_queue_entry(dev, vq->index, wanted);
    if (entry == wanted)
        return 0;
    dev->transport->set_queue_entry(dev, vq->index, VIRTIO_MSI_NO_VECTOR);
    if (own_handler(vp, vq, plan))
        release(vp, wanted, vq);
    format(what, sizeof(what), "queue %u", vq->index);
    return refuse_entry(vp, what, entry);
}

/* Undoes queues @cnt-1 down to 0. */
static void unbind_queues(struct virtio_pci *vp, unsigned cnt, enum virtio_pci_plan plan)
{
    while (cnt-- > 0) {
        struct virtqueue *vq = vp->vdev.queues[cnt];

        if (vq == NULL)
            continue;
        vp->vdev.transport->set_queue_entry(&vp->vdev, vq->index, VIRTIO_MSI_NO_VECTOR);
        if (own_handler(vp, vq, plan))
            release(vp, vp->queue_entries[vq->index], vq);
    }
}

static int bind_queues(struct virtio_pci *vp, enum virtio_pci_plan plan)
{
    struct virtio_device *dev = &vp->vdev;
    int err = 0;

    if (plan == VIRTIO_PCI_SHARED)
        err = request(vp, QUEUES_ENTRY, queues_handler, vp, "virtqueues");
    if (err != 0)
        return err;
    for (unsigned i = 0; i < dev->queue_cnt; i++) {
        if (dev->queues[i] == NULL)
            continue;
        err = bind_queue(vp, dev->queues[i], plan);
        if (err == 0)
            continue;
        unbind_queues(vp, i, plan);
        if (plan == VIRTIO_PCI_SHARED)
            release(vp, QUEUES_ENTRY, vp);
        return err;
    }
    return 0;
}

/*
 * Fills vp->queue_entries and returns how many vectors that takes. Of one for each queue, those of
 * a set stand together in the order of its queues, behind the one for configuration; those of no
 * set come last. @spec says so to the spreading.
 */
static unsigned plan_entries(struct virtio_pci *vp, enum virtio_pci_plan plan,
                             struct irq_affinity_spec *spec)
{
    struct virtio_device *dev = &vp->vdev;
    unsigned entry = CONFIG_ENTRY + 1;

    *spec = (struct irq_affinity_spec){.pre_vectors = 1};
    for (unsigned i = 0; i < VIRTIO_QUEUE_MAX; i++)
        vp->queue_entries[i] = VIRTIO_MSI_NO_VECTOR;
    for (unsigned set = 0; set <= VIRTQUEUE_NO_SET; set++) {
        unsigned cnt = 0;

        for (unsigned i = 0; i < dev->queue_cnt; i++) {
            const struct virtqueue *vq = dev->queues[i];

            if (vq == NULL || vq->callback == NULL || vq->affinity_set != set)
                continue;
            vp->queue_entries[i] = plan == VIRTIO_PCI_PER_QUEUE ? (uint16_t)entry++
                                   : plan == VIRTIO_PCI_SHARED  ? QUEUES_ENTRY
                                                                : CONFIG_ENTRY;
            cnt++;
        }
        if (set == VIRTQUEUE_NO_SET)
            spec->post_vectors = cnt;
        else if (cnt > 0)
            spec->set_sizes[spec->set_cnt++] = cnt;
    }
    if (plan == VIRTIO_PCI_PER_QUEUE)
        return entry;
    return plan == VIRTIO_PCI_SHARED ? QUEUES_ENTRY + 1 : CONFIG_ENTRY + 1;
}

/* What the queues must know before the first handler can run. */
static void plan_queues(struct virtio_pci *vp)
{
    virtio_pci_walk_setup(vp, cpu_mask_all());
    for (unsigned i = 0; i < vp->walk_cnt; i++) {
        struct virtqueue *vq = vp->walk[i];

        vq->affinity = pci_vector_affinity(vp->pdev, vp->queue_entries[vq->index]);
    }
}

static int alloc_vectors(struct virtio_pci *vp, enum virtio_pci_plan plan)
{
    unsigned available = pci_msix_cnt(vp->pdev), flags = PCI_VECTORS_MSIX, wanted;
    struct irq_affinity_spec spec;
    int err;

    wanted = plan_entries(vp, plan, &spec);
    if (available == 0)
        return virtio_pci_refuse_alloc(vp, -ENODEV, "MSI-X");
    if (available < wanted)
        return virtio_pci_refuse(vp, -ENOSPC, "%u vector%s offered, %u wanted", available,
                                 available == 1 ? "" : "s", wanted);
    if (plan == VIRTIO_PCI_PER_QUEUE)
        flags |= PCI_VECTORS_AFFINITY;
    err = pci_vectors_alloc(vp->pdev, wanted, wanted, flags,
                            plan == VIRTIO_PCI_PER_QUEUE ? &spec : NULL);
    if (err < 0)
        return virtio_pci_refuse_alloc(vp, err, "MSI-X");
    vp->vdev.vectors_used = wanted;
    return 0;
}

int virtio_pci_msix_setup(struct virtio_pci *vp, const struct virtio_pci_rung *rung)
{
    enum virtio_pci_plan plan = rung->variant;
    int err = alloc_vectors(vp, plan);

    if (err != 0)
        return err;
    plan_queues(vp);
    vp->isr_unread = false;
    err = bind_config(vp, plan);
    if (err != 0)
        goto fail_vectors;
    err = bind_queues(vp, plan);
    if (err != 0)
        goto fail_config;
    return 0;

fail_config:
    unbind_config(vp);
fail_vectors:
    pci_vectors_free(vp->pdev);
    vp->vdev.vectors_used = 0;
    return err;
}

void virtio_pci_msix_teardown(struct virtio_pci *vp)
{
    enum virtio_pci_plan plan = vp->rung->variant;

    unbind_queues(vp, vp->vdev.queue_cnt, plan);
    if (plan == VIRTIO_PCI_SHARED)
        release(vp, QUEUES_ENTRY, vp);
    unbind_config(vp);
    pci_vectors_free(vp->pdev);
}
