/* Finds every function behind every bridge, numbering the buses that firmware did not. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/log.h"
#include "pci/pci_private.h"
#include "pci/pci_sriov_private.h"

struct list pci_devices = LIST_INIT(pci_devices);

struct scan {
    unsigned depth;
    int rc;
};

static uint8_t scan_bus(struct scan *scan, uint16_t segment, uint8_t bus, uint8_t limit);

void pci_device_insert(struct pci_device *pdev)
{
    struct list *pos = pci_devices.prev;

    while (pos != &pci_devices &&
           pci_address_compare(CONTAINER_OF(pos, struct pci_device, link)->addr, pdev->addr) > 0)
        pos = pos->prev;
    list_insert_before(pos->next, &pdev->link);
}

/* Message-signalled interrupts that firmware left on: every function begins without. */
static void messages_off(const struct pci_device *pdev)
{
    uint16_t flags;

    if (pdev->msi_cap) {
        flags = pci_read16(pdev, pdev->msi_cap + PCI_MSI_FLAGS);
        if (flags & PCI_MSI_FLAGS_ENABLE)
            pci_write16(pdev, pdev->msi_cap + PCI_MSI_FLAGS,
                        flags & (uint16_t)~PCI_MSI_FLAGS_ENABLE);
    }
    if (pdev->msix_cap) {
        flags = pci_read16(pdev, pdev->msix_cap + PCI_MSIX_FLAGS);
        if (flags & PCI_MSIX_FLAGS_ENABLE)
            pci_write16(pdev, pdev->msix_cap + PCI_MSIX_FLAGS,
                        flags & (uint16_t)~PCI_MSIX_FLAGS_ENABLE);
    }
}

void pci_device_read(struct pci_device *pdev)
{
    const uint32_t class_revision = pci_read32(pdev, PCI_REVISION_ID);

    pdev->revision = (uint8_t)class_revision;
    pdev->class_code = class_revision >> 8;
    if (pdev->header_type == PCI_HEADER_TYPE_NORMAL) {
        pdev->subsystem_vendor_id = pci_read16(pdev, PCI_SUBSYSTEM_VENDOR_ID);
        pdev->subsystem_id = pci_read16(pdev, PCI_SUBSYSTEM_ID);
    }
    pdev->intx_line = pci_read8(pdev, PCI_INTERRUPT_LINE);
    pdev->intx_pin = pci_read8(pdev, PCI_INTERRUPT_PIN);
    if (pdev->intx_pin > 4)
        pdev->intx_pin = 0;
    pci_caps_note(pdev);
    messages_off(pdev);
}

static void add_function(const struct pci_device *found, void *arg)
{
    struct scan *scan = arg;
    struct pci_device *pdev = malloc(sizeof(*pdev));

    if (!pdev) {
        scan->rc = -ENOMEM;
        return;
    }
    *pdev = *found;
    pci_device_read(pdev);
    pci_bars_size(pdev);
    if (pci_sriov_note(pdev) != 0)
        scan->rc = -ENOMEM;
    pci_device_insert(pdev);
}

static bool on_bus(const struct pci_device *pdev, uint16_t segment, uint8_t bus)
{
    return pdev->addr.segment == segment && pdev->addr.bus == bus;
}

static bool bus_known(uint16_t segment, uint8_t bus)
{
    for (struct pci_device *pdev = pci_first(); pdev; pdev = pci_next(pdev))
        if (on_bus(pdev, segment, bus))
            return true;
    return false;
}

/* Primary, secondary and subordinate bus in one write; the byte above them is a timer of old
 * bridges. */
static bool write_numbers(const struct pci_device *bridge, uint8_t primary, uint8_t secondary,
                          uint8_t subordinate)
{
    const uint32_t numbers = primary | (uint32_t)secondary << 8 | (uint32_t)subordinate << 16;
    const uint32_t timer = pci_read32(bridge, PCI_PRIMARY_BUS) & 0xff000000u;

    pci_write32(bridge, PCI_PRIMARY_BUS, timer | numbers);
    return (pci_read32(bridge, PCI_PRIMARY_BUS) & 0xffffffu) == numbers;
}

/*
 * Takes over the numbers that firmware gave to @bridge if they lie within (@bus, @limit] and clear
 * of those of its neighbours (@taken: one flag a bus). All others are cleared first, lest a stale
 * bridge answer for another one.
 */
static void accept_numbers(struct pci_device *bridge, uint8_t limit, bool *taken, uint8_t *highest)
{
    const uint32_t numbers = pci_read32(bridge, PCI_PRIMARY_BUS);
    const uint8_t secondary = (uint8_t)(numbers >> 8), subordinate = (uint8_t)(numbers >> 16);
    bool good = secondary > bridge->addr.bus && subordinate >= secondary && subordinate <= limit;

    for (unsigned bus = secondary; good && bus <= subordinate; bus++)
        good = !taken[bus];
    if (!good) {
        write_numbers(bridge, 0, 0, 0);
        return;
    }
    memset(taken + secondary, true, subordinate - secondary + 1u);
    bridge->secondary_bus = secondary;
    if (subordinate > *highest)
        *highest = subordinate;
}

/* Numbers @bridge's bus from @first on and what is behind it; returns the highest number then in
 * use. */
static uint8_t number_bridge(struct scan *scan, struct pci_device *bridge, uint8_t highest,
                             uint8_t limit)
{
    const struct pci_address addr = bridge->addr;
    const uint8_t first = highest + 1;

    if (highest >= limit) {
        log_warn("pci %s: no bus number is left for this bridge", bridge->name);
        return highest;
    }
    if (!write_numbers(bridge, addr.bus, first, limit)) {
        log_warn("pci %s: the bridge does not take a bus number", bridge->name);
        write_numbers(bridge, 0, 0, 0);
        return highest;
    }
    bridge->secondary_bus = first;
    highest = scan_bus(scan, addr.segment, first, limit);
    write_numbers(bridge, addr.bus, first, highest);
    return highest;
}

/* @limit is the highest bus number below this one; every recursion goes to a higher bus, so it
 * ends. */
static uint8_t scan_bus(struct scan *scan, uint16_t segment, uint8_t bus, uint8_t limit)
{
    bool taken[PCI_BUS_CNT] = {false};
    uint8_t highest = bus;

    if (scan->depth == PCI_DEPTH_MAX || bus_known(segment, bus))
        return bus;
    scan->depth++;
    pci_for_each_on_bus(segment, bus, add_function, scan);
    for (struct pci_device *pdev = pci_first(); pdev; pdev = pci_next(pdev))
        if (on_bus(pdev, segment, bus) && pci_is_bridge(pdev))
            accept_numbers(pdev, limit, taken, &highest);
    for (struct pci_device *pdev = pci_first(); pdev; pdev = pci_next(pdev))
        if (on_bus(pdev, segment, bus) && pdev->secondary_bus != 0)
            scan_bus(scan, segment, pdev->secondary_bus, pci_read8(pdev, PCI_SUBORDINATE_BUS));
    for (struct pci_device *pdev = pci_first(); pdev; pdev = pci_next(pdev))
        if (on_bus(pdev, segment, bus) && pci_is_bridge(pdev) && pdev->secondary_bus == 0)
            highest = number_bridge(scan, pdev, highest, limit);
    scan->depth--;
    return highest;
}

static void scan_root(uint16_t segment, uint8_t bus, uint8_t bus_end, void *arg)
{
    scan_bus(arg, segment, bus, bus_end);
}

static void place_root(uint16_t segment, uint8_t bus, uint8_t bus_end, void *arg)
{
    (void)bus_end;
    (void)arg;
    pci_place_all(segment, bus);
}

int pci_scan(void)
{
    struct scan scan = {0};

    pci_for_each_root(scan_root, &scan);
    pci_for_each_root(place_root, NULL);
    for (struct pci_device *pdev = pci_first(); pdev; pdev = pci_next(pdev))
        pdev->driver = pci_driver_match(pdev);
    system_report_register("pci", pci_table);
    return scan.rc;
}

struct pci_device *pci_bridge_above(const struct pci_device *pdev)
{
    for (struct pci_device *up = pci_first(); up; up = pci_next(up))
        if (up->addr.segment == pdev->addr.segment && up->secondary_bus != 0 &&
            up->secondary_bus == pdev->addr.bus)
            return up;
    return NULL;
}

struct pci_device *pci_device_at(struct pci_address addr)
{
    for (struct pci_device *pdev = pci_first(); pdev; pdev = pci_next(pdev))
        if (pci_address_compare(pdev->addr, addr) == 0)
            return pdev;
    return NULL;
}

void pci_for_each(void (*fn)(struct pci_device *pdev, void *arg), void *arg)
{
    for (struct pci_device *pdev = pci_first(); pdev; pdev = pci_next(pdev))
        fn(pdev, arg);
}

struct pci_device *pci_find(const char *name)
{
    for (struct pci_device *pdev = pci_first(); pdev; pdev = pci_next(pdev))
        if (strcmp(pdev->name, name) == 0)
            return pdev;
    return NULL;
}
