/* What the files of pci/ share: raw configuration access, enumeration, BAR decoding. */
#ifndef PCI_PCI_PRIVATE_H
#define PCI_PCI_PRIVATE_H

#include "kernel/report.h"
#include "pci/pci.h"

/* Bridges below bridges. Bus numbers alone would allow 255; real machines stay far below this. */
#define PCI_DEPTH_MAX 16

extern const struct pci_config_ops pci_ecam_ops;
extern const struct pci_config_ops pci_port_ops;

/* All functions found, in address order. */
extern struct list pci_devices;

static inline struct pci_device *pci_at(struct list *link)
{
    return link == &pci_devices ? NULL : CONTAINER_OF(link, struct pci_device, link);
}

/* for (pdev = pci_first(); pdev; pdev = pci_next(pdev)) */
static inline struct pci_device *pci_first(void)
{
    return pci_at(pci_devices.next);
}

static inline struct pci_device *pci_next(const struct pci_device *pdev)
{
    return pci_at(pdev->link.next);
}

uint32_t pci_config_read(struct pci_address addr, unsigned reg, unsigned width);
void pci_config_write(struct pci_address addr, unsigned reg, unsigned width, uint32_t value);
bool pci_config_covers(struct pci_address addr, unsigned reg, unsigned width);

/* Clears, then sets Command bits by one write at most; returns the register as read back. */
uint16_t pci_command_change(const struct pci_device *pdev, uint16_t clear, uint16_t set);

/* Calls @fn for each root bus that firmware names. */
void pci_for_each_root(void (*fn)(uint16_t segment, uint8_t bus, uint8_t bus_end, void *arg),
                       void *arg);

/* The bridge that leads to @pdev's bus, or NULL on a root bus. */
struct pci_device *pci_bridge_above(const struct pci_device *pdev);

/* The function at @addr, or NULL. */
struct pci_device *pci_device_at(struct pci_address addr);

/* Fills in @pdev->name from its address. */
void pci_device_name(struct pci_device *pdev);

/* Fills in what a function's header and capabilities say, all but BARs; its messages are off then.
 */
void pci_device_read(struct pci_device *pdev);

/* Adds @pdev, which is from malloc(), to pci_devices. */
void pci_device_insert(struct pci_device *pdev);

/* Calls @fn for each function of one bus, with what pci_identify() fills in. */
void pci_for_each_on_bus(uint16_t segment, uint8_t bus,
                         void (*fn)(const struct pci_device *pdev, void *arg), void *arg);

static inline int pci_address_compare(struct pci_address a, struct pci_address b)
{
    const uint32_t left = (uint32_t)a.bus << 8 | (uint32_t)a.device << 3 | a.function;
    const uint32_t right = (uint32_t)b.bus << 8 | (uint32_t)b.device << 3 | b.function;

    if (a.segment != b.segment)
        return a.segment < b.segment ? -1 : 1;
    return left < right ? -1 : left > right;
}

static inline bool pci_is_bridge(const struct pci_device *pdev)
{
    return pdev->header_type == PCI_HEADER_TYPE_BRIDGE;
}

static inline unsigned pci_bar_cnt(const struct pci_device *pdev)
{
    if (pdev->header_type == PCI_HEADER_TYPE_NORMAL)
        return PCI_BAR_CNT;
    return pci_is_bridge(pdev) ? PCI_BAR_CNT_BRIDGE : 0;
}

/* Walks the capability list once; pci_cap_next() returns 0 at its end, at a loop or at a bad
 * pointer. */
struct pci_cap_walk {
    const struct pci_device *pdev;
    unsigned next;
    uint64_t seen; /* one bit for each dword from PCI_CAP_START on */
};
void pci_cap_walk_begin(struct pci_cap_walk *walk, const struct pci_device *pdev);
unsigned pci_cap_next(struct pci_cap_walk *walk);

struct pci_ext_cap_walk {
    const struct pci_device *pdev;
    unsigned next;
    uint64_t seen[15]; /* one bit for each dword from PCI_EXT_CAP_START on */
};
void pci_ext_cap_walk_begin(struct pci_ext_cap_walk *walk, const struct pci_device *pdev);
unsigned pci_ext_cap_next(struct pci_ext_cap_walk *walk);

/* Notes the offsets of the capabilities that struct pci_device names, leaving out any that does not
 * fit. */
void pci_caps_note(struct pci_device *pdev);

/* A BAR register and, for 64-bit ones, the next: as found, and as read after writing all-ones. */
struct pci_bar_probe {
    uint32_t low, high;
    uint32_t low_mask, high_mask;
};

/* 0, or -EINVAL for answers that no BAR gives. @bar->kind is PCI_BAR_NONE for an absent one. */
int pci_bar_decode(const struct pci_bar_probe *probe, struct pci_bar *bar);

/* BAR registers in a row: a header's, or those for VFs in an SR-IOV capability. */
struct pci_bar_row {
    struct pci_device *pdev;
    unsigned reg, cnt;
    struct pci_bar *bars;
    const char *what; /* "BAR" */
};

/* Fills in @row->bars; nothing may decode meanwhile. */
void pci_bar_row_size(const struct pci_bar_row *row);

/* Points one at @base; nothing may decode meanwhile. 0, -EIO when it does not read back: then it
 * has no address. */
int pci_bar_row_assign(const struct pci_bar_row *row, unsigned bar, uint64_t base);

/* Takes its address away without a read. */
void pci_bar_row_unassign(const struct pci_bar_row *row, unsigned bar);

/* Fills in @pdev->bars with decoding off meanwhile. */
void pci_bars_size(struct pci_device *pdev);

/* Points an unassigned BAR at @base, decoding off meanwhile. 0, -EIO when it does not read back. */
int pci_bar_assign(struct pci_device *pdev, unsigned bar, uint64_t base);

/* One of a bridge's windows: bus addresses [@base, @end); both 0: closed. */
struct pci_window {
    uint64_t base, end;
};

/* The two address spaces, as far as placing differs between them. */
struct pci_space {
    const char *name;
    uint64_t grain; /* smallest window of a bridge */
    struct pci_window (*read)(const struct pci_device *bridge);
    void (*write)(const struct pci_device *bridge, struct pci_window window);
    struct pci_window (*root)(uint16_t segment); /* what the host bridge forwards */
};
extern const struct pci_space pci_space_io, pci_space_memory;

/* The prefetchable window; memory space's read() is about the other one. */
struct pci_window pci_prefetch_window(const struct pci_device *bridge);

/* Closes windows that nobody set (base 0), so that decoding can be enabled. */
void pci_windows_close_unset(const struct pci_device *bridge);

/* Places every BAR below @root_bus that has no address, opening bridge windows where they are
 * closed. */
void pci_place_all(uint16_t segment, uint8_t root_bus);

/* Lowest free place for @len bytes of memory in @window of @pdev's segment, 0 when there is none.
 * @align is a power of two. */
uint64_t pci_place_find(const struct pci_device *pdev, struct pci_window window, uint64_t len,
                        uint64_t align);

/* Whether [@base, @base + @len) is clear of every BAR and of windows that do not hold all of it. */
bool pci_place_is_free(const struct pci_device *pdev, uint64_t base, uint64_t len);

/* Calls the probe() of @pdev's driver, if it has one; without success it has none then. */
void pci_driver_probe(struct pci_device *pdev);

/* The way back: the remove() of its driver, if it has one. */
void pci_driver_remove(struct pci_device *pdev);

/* The driver whose id table has @pdev, or NULL. */
const struct pci_driver *pci_driver_match(const struct pci_device *pdev);

/* Lets the function access memory, where an IOMMU must; the reverse. 0, or why not: iommu_attach().
 */
int pci_access_grant(const struct pci_device *pdev);
void pci_access_revoke(const struct pci_device *pdev);

/* "0:io:0xc000:0x20 ..." or "none". */
#define PCI_BARS_TEXT_MAX 320
const char *pci_bars_text(const struct pci_device *pdev, char *buf, size_t size);

/* "io", "mem32", "mem32p", "mem64", "mem64p" or "none". */
const char *pci_bar_kind_text(const struct pci_bar *bar);

/* "A".."D" or "none". */
const char *pci_intx_text(const struct pci_device *pdev);
const char *pci_class_text(uint32_t class_code);

/* Prints one @pci line. */
void pci_at_line(const struct pci_device *pdev);

/* Every function, as a text table or a JSON array. */
void pci_table(int json, report_emit_t emit, void *arg);

#endif
