/* Driver of QEMU's educational device: MSI if it can be had, else INTx, else polling. */
#include "msix/edu.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/clock.h"
#include "arch/io.h"
#include "irq/irq.h"
#include "kernel/bootopt.h"
#include "kernel/error.h"
#include "kernel/format.h"
#include "kernel/log.h"
#include "kernel/thread.h"
#include "msix/edu_regs.h"
#include "msix/pci_vectors.h"

#define EDU_CNT_MAX     8
#define RAISED          0x100u /* any reason but the device's own */
#define WAIT_NS         1000000000ull
#define POLL_NS         1000000ull
#define LIVENESS_SAMPLE 0x5a0ff1e5u

struct edu {
    struct pci_device *pdev;
    uint8_t *regs;
    int irq;            /* 0: polled */
    unsigned event_cnt; /* written by the handler */
    struct wait_queue events;
    char name[8];
};

static struct edu *edus[EDU_CNT_MAX];
static unsigned edu_cnt;

/* The ways of the boot option that need MSI-X are none for this device. */
static const struct bootopt_choice irq_choices[] = {
    {"auto", PCI_VECTORS_MSI | PCI_VECTORS_INTX},
    {"per-queue", PCI_VECTORS_MSIX},
    {"shared", PCI_VECTORS_MSIX},
    {"single", PCI_VECTORS_MSIX},
    {"msi", PCI_VECTORS_MSI},
    {"intx", PCI_VECTORS_INTX},
    {"poll", 0},
    {NULL, 0},
};

/* True when something had happened. The reasons are read once, and those that were seen
 * acknowledged. */
static bool take_event(struct edu *edu)
{
    const uint32_t reasons = mmio_read32(edu->regs + EDU_IRQ_STATUS);

    if (reasons == 0 || reasons == UINT32_MAX)
        return false;
    mmio_write32(edu->regs + EDU_IRQ_ACK, reasons);
    __atomic_fetch_add(&edu->event_cnt, 1, __ATOMIC_RELEASE);
    return true;
}

static enum irq_return edu_handler(void *cookie)
{
    struct edu *edu = cookie;

    if (!take_event(edu))
        return IRQ_NONE;
    wait_queue_wake_all(&edu->events);
    return IRQ_HANDLED;
}

unsigned edu_event_cnt(const struct edu *edu)
{
    return __atomic_load_n(&edu->event_cnt, __ATOMIC_ACQUIRE);
}

/* Waits for an event after the @seen-th. */
static int wait_event(struct edu *edu, unsigned seen)
{
    const uint64_t deadline = clock_ns() + WAIT_NS;

    if (edu->irq > 0)
        return WAIT_UNTIL(&edu->events, deadline, edu_event_cnt(edu) != seen);
    while (!take_event(edu)) {
        if (clock_ns() >= deadline)
            return -ETIMEDOUT;
        thread_sleep_ns(POLL_NS);
    }
    return 0;
}

int edu_raise(struct edu *edu)
{
    const unsigned seen = edu_event_cnt(edu);

    mmio_write32(edu->regs + EDU_IRQ_RAISE, RAISED);
    return wait_event(edu, seen);
}

int edu_factorial(struct edu *edu, uint32_t n, uint32_t *result)
{
    const unsigned seen = edu_event_cnt(edu);
    int rc;

    mmio_write32(edu->regs + EDU_STATUS, EDU_STATUS_IRQ);
    mmio_write32(edu->regs + EDU_FACTORIAL, n);
    rc = wait_event(edu, seen);
    mmio_write32(edu->regs + EDU_STATUS, 0);
    if (rc == 0)
        *result = mmio_read32(edu->regs + EDU_FACTORIAL);
    return rc;
}

int edu_copy(struct edu *edu, uint64_t pa, unsigned len, bool to_memory)
{
    const unsigned seen = edu_event_cnt(edu);
    const uint32_t direction = to_memory ? EDU_DMA_CMD_TO_RAM : 0;

    if (len > EDU_DMA_BUFFER_LEN || pa >= EDU_DMA_END || len > EDU_DMA_END - pa)
        return -ERANGE;
    mmio_write64(edu->regs + EDU_DMA_SRC, to_memory ? EDU_DMA_BUFFER : pa);
    mmio_write64(edu->regs + EDU_DMA_DST, to_memory ? pa : EDU_DMA_BUFFER);
    mmio_write64(edu->regs + EDU_DMA_CNT, len);
    mmio_write64(edu->regs + EDU_DMA_CMD, EDU_DMA_CMD_START | EDU_DMA_CMD_IRQ | direction);
    return wait_event(edu, seen);
}

const char *edu_name(const struct edu *edu)
{
    return edu->name;
}

const char *edu_bus_name(const struct edu *edu)
{
    return edu->pdev->name;
}

const char *edu_irq_mode(const struct edu *edu)
{
    return edu->irq > 0 ? pci_irq_mode_name(pci_irq_mode(edu->pdev)) : "poll";
}

struct edu *edu_find(const char *name)
{
    for (unsigned i = 0; i < edu_cnt; i++)
        if (strcmp(edus[i]->name, name) == 0)
            return edus[i];
    return NULL;
}

void edu_for_each(void (*fn)(const struct edu *edu, void *arg), void *arg)
{
    for (unsigned i = 0; i < edu_cnt; i++)
        fn(edus[i], arg);
}

/* 0 with edu->irq set, or 0 for polled. */
static int irq_setup(struct edu *edu)
{
    const int automatic = PCI_VECTORS_MSI | PCI_VECTORS_INTX;
    const int flags = bootopt_choice("irq", irq_choices, automatic);
    int rc;

    if (flags == 0)
        return 0;
    rc = pci_vectors_alloc(edu->pdev, 1, 1, (unsigned)flags, NULL);
    if (rc < 0) {
        log_warn("%s %s: no interrupt (%s)", edu->name, edu->pdev->name, error_name(rc));
        return flags == automatic ? 0 : rc;
    }
    edu->irq = pci_vector_irq(edu->pdev, 0);
    rc = irq_request((unsigned)edu->irq, edu_handler, edu, edu->name);
    if (rc)
        pci_vectors_free(edu->pdev);
    return rc;
}

static void irq_teardown(struct edu *edu)
{
    if (edu->irq <= 0)
        return;
    irq_release((unsigned)edu->irq, edu);
    pci_vectors_free(edu->pdev);
}

static int device_check(const struct edu *edu)
{
    if ((mmio_read32(edu->regs + EDU_ID) & EDU_ID_MASK) != EDU_ID_VALUE)
        return -ENODEV;
    mmio_write32(edu->regs + EDU_LIVENESS, LIVENESS_SAMPLE);
    return mmio_read32(edu->regs + EDU_LIVENESS) == ~LIVENESS_SAMPLE ? 0 : -EIO;
}

static int edu_start(struct edu *edu)
{
    struct pci_device *pdev = edu->pdev;
    int rc;

    pci_command_set(pdev, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    rc = -ENOMEM;
    edu->regs = pci_bar_map(pdev, 0, 0, EDU_REGS_LEN);
    if (!edu->regs)
        goto err_command;
    rc = device_check(edu);
    if (rc)
        goto err_regs;
    rc = irq_setup(edu);
    if (rc)
        goto err_regs;
    return 0;

err_regs:
    pci_bar_unmap(pdev, edu->regs, EDU_REGS_LEN);
err_command:
    pci_command_clear(pdev, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    return rc;
}

static int edu_probe(struct pci_device *pdev)
{
    struct edu *edu;
    int rc;

    if (edu_cnt == EDU_CNT_MAX)
        return -ENOSPC;
    edu = calloc(1, sizeof(*edu));
    if (!edu)
        return -ENOMEM;
    edu->pdev = pdev;
    wait_queue_init(&edu->events);
    format(edu->name, sizeof(edu->name), "edu%u", edu_cnt);
    rc = edu_start(edu);
    if (rc) {
        free(edu);
        return rc;
    }
    pdev->driver_data = edu;
    edus[edu_cnt++] = edu;
    log_info("%s %s: interrupts by %s", edu->name, pdev->name, edu_irq_mode(edu));
    return 0;
}

/* Names are counted, so the last one goes first. */
static void edu_remove(struct pci_device *pdev)
{
    struct edu *edu = pdev->driver_data;
    unsigned at = 0;

    while (edus[at] != edu)
        at++;
    for (edu_cnt--; at < edu_cnt; at++)
        edus[at] = edus[at + 1];
    irq_teardown(edu);
    pci_bar_unmap(pdev, edu->regs, EDU_REGS_LEN);
    pci_command_clear(pdev, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    pdev->driver_data = NULL;
    free(edu);
}

static const struct pci_id edu_ids[] = {{EDU_VENDOR_ID, EDU_DEVICE_ID, EDU_DEVICE_ID}, {0, 0, 0}};

PCI_DRIVER(edu, .name = "edu", .ids = edu_ids, .probe = edu_probe, .remove = edu_remove);
