/* Verbs of the console command "pci" that layers above pci/ bring. */
#ifndef PCI_PCI_CMD_H
#define PCI_PCI_CMD_H

#include "pci/pci.h"

struct pci_verb {
    const char *name;
    /* "pci NAME ADDR ARGS...": @argv holds the ARGS. As console_command's run(). */
    int (*run)(struct pci_device *pdev, int argc, char **argv);
};

/* Puts a verb into the linker set that the command looks in. */
#define PCI_VERB(id, ...)                      \
    static const struct pci_verb pci_verb_##id \
        __attribute__((used, section(".set.pci_verbs." #id), aligned(8))) = {__VA_ARGS__}

extern const struct pci_verb __start_pci_verbs[], __stop_pci_verbs[];

#endif
