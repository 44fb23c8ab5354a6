/* Verbs enable, disable and state of the console command "pci": every transition of a function's
 * interrupt mode, as a request that is served like anyone else's. */
#include <errno.h>
#include <string.h>

#include "kernel/console.h"
#include "kernel/log.h"
#include "msix/pci_irq_request.h"
#include "msix/pci_vectors.h"
#include "pci/pci_cmd.h"

static void at_state(const struct pci_device *pdev, const struct pci_irq_answer *answer)
{
    at_line("pci-irq", "addr=%s mode=%s vectors=%u line=%u", pdev->name,
            pci_irq_mode_name((enum pci_irq_mode)answer->mode), (unsigned)answer->cnt,
            (unsigned)answer->line);
}

/* PCI_IRQ_OFF for an unknown name. */
static enum pci_irq_mode kind_named(const char *name)
{
    for (unsigned kind = PCI_IRQ_INTX; kind < PCI_IRQ_MODE_CNT; kind++)
        if (strcmp(pci_irq_mode_name((enum pci_irq_mode)kind), name) == 0)
            return (enum pci_irq_mode)kind;
    return PCI_IRQ_OFF;
}

static int serve(const struct pci_device *pdev, enum pci_irq_op op, enum pci_irq_mode kind,
                 unsigned cnt)
{
    const struct pci_address addr = pdev->addr;
    struct pci_irq_request request = {
        .ask = {.op = op,
                .kind = kind,
                .addr = (uint32_t)addr.segment << 16 | (uint32_t)addr.bus << 8 |
                        (uint32_t)addr.device << 3 | addr.function,
                .cnt = cnt},
    };
    const int rc = pci_irq_request_serve(&request);

    at_state(pdev, &request.answer);
    if (rc)
        return console_fail(rc, "%s: %s in mode %s", pdev->name, pci_irq_mode_name(kind),
                            pci_irq_mode_name((enum pci_irq_mode)request.answer.mode));
    return 0;
}

/* Decoding a BAR that has no address would hide what is at address 0. */
static bool is_placed(const struct pci_device *pdev)
{
    for (unsigned i = 0; i < PCI_BAR_CNT; i++) {
        const enum pci_bar_kind kind = pdev->bars[i].kind;

        if ((kind == PCI_BAR_MEM32 || kind == PCI_BAR_MEM64) && pdev->bars[i].base == 0)
            return false;
    }
    return true;
}

/* Memory decoding, which a driver turns on for its own function, and MSI-X needs. */
static int switch_memory(const struct pci_device *pdev, bool on)
{
    if (pdev->driver)
        return console_fail(-EBUSY, "%s: driver %s uses it", pdev->name, pdev->driver->name);
    if (pci_irq_mode(pdev) == PCI_IRQ_MSIX)
        return console_fail(-EBUSY, "%s: its MSI-X table is in memory", pdev->name);
    if (!is_placed(pdev))
        return console_fail(-ENXIO, "%s: a BAR has no address", pdev->name);
    if (on)
        pci_command_set(pdev, PCI_COMMAND_MEMORY);
    else
        pci_command_clear(pdev, PCI_COMMAND_MEMORY);
    return 0;
}

static int enable_run(struct pci_device *pdev, int argc, char **argv)
{
    unsigned long long cnt = 1;
    int rc = 0;

    if (argc == 1 && strcmp(argv[0], "memory") == 0)
        return switch_memory(pdev, true);
    if (argc < 1 || argc > 2 || kind_named(argv[0]) == PCI_IRQ_OFF)
        return console_usage();
    if (argc == 2)
        rc = console_number(argv[1], "VECTORS", &cnt);
    if (rc)
        return rc;
    if (cnt > UINT32_MAX)
        return console_fail(-EINVAL, "VECTORS: too many");
    return serve(pdev, PCI_IRQ_OP_ENABLE, kind_named(argv[0]), (unsigned)cnt);
}

static int disable_run(struct pci_device *pdev, int argc, char **argv)
{
    if (argc == 1 && strcmp(argv[0], "memory") == 0)
        return switch_memory(pdev, false);
    if (argc != 1 || kind_named(argv[0]) == PCI_IRQ_OFF)
        return console_usage();
    return serve(pdev, PCI_IRQ_OP_DISABLE, kind_named(argv[0]), 0);
}

static int state_run(struct pci_device *pdev, int argc, char **argv)
{
    (void)argv;
    if (argc != 0)
        return console_usage();
    return serve(pdev, PCI_IRQ_OP_STATE, PCI_IRQ_OFF, 0);
}

PCI_VERB(enable, .name = "enable", .run = enable_run);
PCI_VERB(disable, .name = "disable", .run = disable_run);
PCI_VERB(state, .name = "state", .run = state_run);
