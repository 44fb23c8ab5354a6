/* The interrupt ladder: rungs from best to last, tried in order until one holds or the boot
 * option's one fails. */
#include <errno.h>
#include <string.h>

#include "kernel/bootopt.h"
#include "kernel/console.h"
#include "kernel/log.h"
#include "virtio/virtio_pci.h"

static const struct virtio_pci_rung rungs[] = {
    {"per-queue", virtio_pci_per_queue_setup, virtio_pci_per_queue_teardown},
    {"shared", NULL, NULL},
    {"single", NULL, NULL},
    {"msi", NULL, NULL},
    {"intx", NULL, NULL},
    {"poll", virtio_pci_poll_setup, virtio_pci_poll_teardown},
};
#define RUNG_CNT (sizeof(rungs) / sizeof(rungs[0]))

enum {
    CHOICE_AUTO = -1
};

static const struct bootopt_choice irq_choices[] = {
    {"auto", CHOICE_AUTO}, {"per-queue", 0}, {"shared", 1}, {"single", 2}, {"msi", 3},
    {"intx", 4},           {"poll", 5},      {NULL, 0},
};

static int take(struct virtio_pci *vp, const struct virtio_pci_rung *rung, const char **reason)
{
    int err;

    *reason = "not built in";
    if (rung->setup == NULL)
        return -ENOTSUP;
    err = rung->setup(vp, reason);
    if (err != 0)
        return err;
    vp->rung = rung;
    vp->vdev.irq_mode = rung->name;
    return 0;
}

static int take_forced(struct virtio_pci *vp, const struct virtio_pci_rung *rung)
{
    const char *reason;
    int err = take(vp, rung, &reason);

    if (err != 0)
        log_error("%s %s: irq=%s is not available, device not used: %s", vp->vdev.name,
                  vp->vdev.bus_name, rung->name, reason);
    return err;
}

static void report_step(const struct virtio_pci *vp, const struct virtio_pci_rung *from,
                        const struct virtio_pci_rung *to, const char *reason)
{
    char quoted[128];

    at_line("fallback", "name=%s what=irq from=%s to=%s reason=%s", vp->vdev.name, from->name,
            to->name, at_quote(quoted, sizeof(quoted), reason));
}

/* The rungs that are not built in are no steps: the way from one that failed leads to the next that
 * exists. */
static int climb_down(struct virtio_pci *vp)
{
    const struct virtio_pci_rung *failed = NULL;
    const char *reason, *failed_reason = NULL;
    int err = -ENOTSUP;

    for (unsigned i = 0; i < RUNG_CNT; i++) {
        if (rungs[i].setup == NULL)
            continue;
        if (failed != NULL)
            report_step(vp, failed, &rungs[i], failed_reason);
        err = take(vp, &rungs[i], &reason);
        if (err == 0)
            return 0;
        failed = &rungs[i];
        failed_reason = reason;
    }
    log_error("%s %s: no way to get interrupts: %s", vp->vdev.name, vp->vdev.bus_name,
              failed_reason != NULL ? failed_reason : error_name(err));
    return err;
}

static int irq_setup(struct virtio_device *dev)
{
    struct virtio_pci *vp = to_virtio_pci(dev);
    int choice = bootopt_choice("irq", irq_choices, CHOICE_AUTO);

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
}

const struct virtio_irq_ops virtio_pci_irq_ops = {
    .setup = irq_setup,
    .teardown = irq_teardown,
};
