/*
 * PCI functions: configuration space, the scan, capabilities, BARs, Command bits, driver binding.
 * Life of a function: pci_scan() finds it and sizes its BARs -> a driver whose id table matches is
 * probed -> pci_command_set() / pci_bar_map() / pci_vectors_alloc() by that driver -> the reverse
 * in its remove().
 */
#ifndef PCI_PCI_H
#define PCI_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/list.h"
#include "pci/pci_regs.h"

struct pci_address {
    uint16_t segment;
    uint8_t bus, device, function;
};
#define PCI_ADDRESS_TEXT_MAX 16

enum pci_bar_kind {
    PCI_BAR_NONE,
    PCI_BAR_IO,
    PCI_BAR_MEM32,
    PCI_BAR_MEM64
};

struct pci_bar {
    enum pci_bar_kind kind;
    bool prefetchable;
    uint64_t base; /* port or physical address; 0: unassigned */
    uint64_t len;  /* bytes, power of two */
};

/* How a function gets its interrupts now; msix/pci_vectors.h has the transitions. */
enum pci_irq_mode {
    PCI_IRQ_OFF,
    PCI_IRQ_INTX,
    PCI_IRQ_MSI,
    PCI_IRQ_MSIX
};
#define PCI_IRQ_MODE_CNT 4

struct pci_driver;
struct msix_state; /* msix/: private state of a function whose MSI-X is enabled */
struct msi_state;  /* the same of MSI */
struct pci_sriov;  /* pci/: private state of a function that can have virtual ones */

struct pci_device {
    struct list link; /* in scan order */
    struct pci_address addr;
    char name[PCI_ADDRESS_TEXT_MAX]; /* "00:03.0", with segment when it is not 0 */
    uint16_t vendor_id, device_id, subsystem_vendor_id, subsystem_id;
    uint32_t class_code; /* 24 bits: class, subclass, interface */
    uint8_t revision, header_type;
    uint8_t intx_pin, intx_line; /* pin 1..4 for INTA..INTD, 0: none */
    uint8_t secondary_bus;       /* the bus behind a bridge; 0: not a bridge, or it leads nowhere */
    uint16_t msix_cap, msi_cap, pcie_cap; /* offsets, 0: absent */
    struct pci_bar bars[PCI_BAR_CNT];
    const struct pci_driver *driver; /* whose id table matched; NULL: none, or its probe failed */
    void *driver_data;
    bool probed; /* its driver, if any, has been asked */
    enum pci_irq_mode irq_mode;
    struct msix_state *msix;
    struct msi_state *msi;
    unsigned intx_irq;       /* descriptor of the line in mode INTX */
    struct pci_sriov *sriov; /* NULL: no SR-IOV capability that can be used; pci/sriov.h */
    struct pci_device *pf;   /* physical function of a virtual one; NULL: not a virtual function */
    uint16_t vf_index;       /* which of @pf's, from 0 */
};

struct pci_id {
    uint16_t vendor_id;
    uint16_t device_id_first, device_id_last; /* inclusive */
};

struct pci_driver {
    const char *name;
    const struct pci_id *ids; /* ended by vendor_id 0 */
    bool first;               /* its functions are asked before all others, which depend on them */
    int (*probe)(
        struct pci_device *pdev); /* 0 or negative errno; must leave nothing behind on error */
    void (*remove)(struct pci_device *pdev);
    /* May be NULL. Asked by the console for @vf_cnt virtual functions, 0: for none; it calls
     * pci_sriov_enable() or pci_sriov_disable() between its own preparations. 0 or negative
     * errno. */
    int (*sriov_configure)(struct pci_device *pf, unsigned vf_cnt);
};

/* Puts a driver into the linker set that pci_probe_all() walks. */
#define PCI_DRIVER(id, ...)                        \
    static const struct pci_driver pci_driver_##id \
        __attribute__((used, section(".set.pci_drivers." #id), aligned(8))) = {__VA_ARGS__}

/* Configuration space access by one mechanism; NULL-free. Offsets are naturally aligned for the
 * width. */
struct pci_config_ops {
    const char *name; /* "ecam", "port" */
    bool (*covers)(struct pci_address addr, unsigned reg);
    uint32_t (*read)(struct pci_address addr, unsigned reg, unsigned width);
    void (*write)(struct pci_address addr, unsigned reg, unsigned width, uint32_t value);
};

/* Chooses the mechanisms from what firmware said. Must run before anything else here. */
void pci_config_init(void);

/* Config space of @pdev; reads past what the mechanism covers give all-ones, writes there are
 * dropped. */
uint8_t pci_read8(const struct pci_device *pdev, unsigned reg);
uint16_t pci_read16(const struct pci_device *pdev, unsigned reg);
uint32_t pci_read32(const struct pci_device *pdev, unsigned reg);
void pci_write8(const struct pci_device *pdev, unsigned reg, uint8_t value);
void pci_write16(const struct pci_device *pdev, unsigned reg, uint16_t value);
void pci_write32(const struct pci_device *pdev, unsigned reg, uint32_t value);

/*
 * Early, before memory that firmware used is given out: bus mastering, decoding and INTx off for
 * every function but bridges; its driver turns them on. Decoding is off here, once, because each
 * switch makes an emulator rebuild its memory map: sizing BARs then needs none.
 * @visit (may be NULL) sees each function first, with only addr, name, ids and header_type filled
 * in.
 */
void pci_quiesce(void (*visit)(struct pci_device *pdev));

/*
 * Finds every function behind every bridge, sizes BARs, places those that firmware left out, opens
 * bridges and looks up each function's driver. 0 or -ENOMEM (what was found so far stays usable).
 * Thread context.
 */
int pci_scan(void);

/* One "@pci ..." line per function, in address order. Its place is between pci_scan() and
 * pci_probe_all(). */
void pci_report(void);

/* Calls probe() of each function's driver, in address order. Thread context. */
void pci_probe_all(void);

void pci_for_each(void (*fn)(struct pci_device *pdev, void *arg), void *arg);
struct pci_device *pci_find(const char *name); /* "00:03.0"; NULL when absent */

/*
 * Capability walk: offset of the next capability with @id after offset @after (0: from the start),
 * or 0. At most 48 steps; pointers below 0x40 or that loop end the walk (PCI 3.0, 6.7).
 */
unsigned pci_cap_find(const struct pci_device *pdev, uint8_t id, unsigned after);
unsigned pci_ext_cap_find(const struct pci_device *pdev, uint16_t id, unsigned after);

/* Vectors that the MSI-X or MSI capability offers, 0 without one. */
unsigned pci_msix_cnt(const struct pci_device *pdev);
unsigned pci_msi_cnt(const struct pci_device *pdev);

/* Maps BAR @bar's bytes [@off, @off + @len) uncached. NULL when absent, unassigned, I/O, or out of
 * its bounds. */
void *pci_bar_map(const struct pci_device *pdev, unsigned bar, uint64_t off, size_t len);
void pci_bar_unmap(const struct pci_device *pdev, void *va, size_t len);

/* Sets / clears Command bits (PCI_COMMAND_*); returns the register as read back. */
uint16_t pci_command_set(const struct pci_device *pdev, uint16_t bits);
uint16_t pci_command_clear(const struct pci_device *pdev, uint16_t bits);

#endif
