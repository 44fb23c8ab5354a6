/* Gives addresses to BARs that firmware left without: largest first, naturally aligned, clear of
 * all that exist. */
#include <errno.h>

#include "kernel/log.h"
#include "pci/pci_private.h"
#include "pci/pci_sriov_private.h"

/* Windows lie below 4 GiB; what is larger cannot be placed. Sums of such lengths cannot overflow.
 */
#define LEN_MAX (1ull << 31)

/* One bus in one address space: what is placed there comes out of @window. */
struct placing {
    const struct pci_space *space;
    struct pci_address bus; /* segment and bus only */
    struct pci_window window;
    unsigned depth;
};

struct need {
    uint64_t len, align;
};

static bool on_bus(const struct pci_device *pdev, const struct placing *placing)
{
    return pdev->addr.segment == placing->bus.segment && pdev->addr.bus == placing->bus.bus;
}

static const struct pci_space *bar_space(const struct pci_bar *bar)
{
    return bar->kind == PCI_BAR_IO ? &pci_space_io : &pci_space_memory;
}

static bool bar_waits(const struct pci_bar *bar, const struct pci_space *space)
{
    return bar->kind != PCI_BAR_NONE && bar->base == 0 && bar->len <= LEN_MAX &&
           bar_space(bar) == space;
}

static struct placing below(const struct pci_device *bridge, const struct placing *placing)
{
    return (struct placing){
        .space = placing->space,
        .bus = {.segment = bridge->addr.segment, .bus = bridge->secondary_bus},
        .window = placing->space->read(bridge),
        .depth = placing->depth + 1,
    };
}

static bool leads_on(const struct pci_device *pdev, const struct placing *placing)
{
    return on_bus(pdev, placing) && pdev->secondary_bus != 0 && placing->depth < PCI_DEPTH_MAX;
}

static uint64_t round_up(uint64_t value, uint64_t align)
{
    return (value + align - 1) & ~(align - 1);
}

/* What @bridge's window must hold; nothing when it is open already or no BAR behind it waits. Each
 * length is a multiple of its alignment, so that placing by falling alignment leaves no gaps and
 * the sum is enough. */
static struct need bridge_need(const struct pci_device *bridge, const struct placing *placing)
{
    const struct placing inner = below(bridge, placing);
    struct need need = {0};

    if (inner.window.base != 0)
        return need;
    for (struct pci_device *pdev = pci_first(); pdev; pdev = pci_next(pdev)) {
        struct need more = {0};

        if (!on_bus(pdev, &inner))
            continue;
        for (unsigned i = 0; i < PCI_BAR_CNT; i++) {
            if (!bar_waits(&pdev->bars[i], inner.space))
                continue;
            need.len += pdev->bars[i].len;
            need.align = need.align > pdev->bars[i].len ? need.align : pdev->bars[i].len;
        }
        if (leads_on(pdev, &inner))
            more = bridge_need(pdev, &inner);
        else if (inner.space == &pci_space_memory)
            more.len = pci_sriov_wish(pdev, &more.align);
        need.len += more.len;
        need.align = need.align > more.align ? need.align : more.align;
    }
    if (need.len == 0)
        return (struct need){0};
    if (need.align < inner.space->grain)
        need.align = inner.space->grain;
    need.len = round_up(need.len, need.align);
    return need;
}

/* Moves *@at past @taken if [*@at, *@at + @need) touches it. */
static bool push_past(uint64_t *at, const struct need *need, struct pci_window taken)
{
    if (*at >= taken.end || taken.base >= *at + need->len)
        return false;
    *at = round_up(taken.end, need->align);
    return true;
}

/* The same for everything of @pdev that has an address; windows that hold our own are no obstacle.
 */
static bool push_past_device(uint64_t *at, const struct need *need, const struct pci_device *pdev,
                             const struct placing *placing)
{
    struct pci_window windows[2] = {{0}};
    bool moved = false;

    for (unsigned i = 0; i < PCI_BAR_CNT; i++) {
        const struct pci_bar *bar = &pdev->bars[i];

        if (bar->kind != PCI_BAR_NONE && bar->base && bar_space(bar) == placing->space)
            moved |= push_past(at, need, (struct pci_window){bar->base, bar->base + bar->len});
        if (pdev->sriov && placing->space == &pci_space_memory)
            moved |= push_past(at, need, pci_sriov_window(pdev, i));
    }
    if (!pci_is_bridge(pdev))
        return moved;
    windows[0] = placing->space->read(pdev);
    if (placing->space == &pci_space_memory)
        windows[1] = pci_prefetch_window(pdev);
    for (unsigned i = 0; i < 2; i++) {
        const bool holds_us =
            windows[i].base <= placing->window.base && windows[i].end >= placing->window.end;

        if (windows[i].base && !holds_us)
            moved |= push_past(at, need, windows[i]);
    }
    return moved;
}

/* Lowest free place of the window, or 0. Each round moves up past something, so it ends. */
static uint64_t find_free(const struct placing *placing, const struct need *need)
{
    uint64_t at = round_up(placing->window.base, need->align);
    bool moved;

    do {
        moved = false;
        if (at < placing->window.base || at >= placing->window.end ||
            need->len > placing->window.end - at)
            return 0;
        for (struct pci_device *pdev = pci_first(); pdev; pdev = pci_next(pdev))
            if (pdev->addr.segment == placing->bus.segment)
                moved |= push_past_device(&at, need, pdev, placing);
    } while (moved);
    return at;
}

uint64_t pci_place_find(const struct pci_device *pdev, struct pci_window window, uint64_t len,
                        uint64_t align)
{
    const struct placing placing = {
        .space = &pci_space_memory,
        .bus = {.segment = pdev->addr.segment},
        .window = window,
    };
    const struct need need = {len, align};

    return find_free(&placing, &need);
}

bool pci_place_is_free(const struct pci_device *pdev, uint64_t base, uint64_t len)
{
    return pci_place_find(pdev, (struct pci_window){base, base + len}, len, 1) == base;
}

static void place_bar(const struct placing *placing, struct pci_device *pdev, unsigned index)
{
    const uint64_t len = pdev->bars[index].len;
    const struct need need = {len, len};
    const uint64_t base = find_free(placing, &need);

    if (base != 0 && pci_bar_assign(pdev, index, base))
        log_warn("pci %s: BAR %u does not keep the address 0x%llx", pdev->name, index,
                 (unsigned long long)base);
}

/* Opens @bridge's window. A bridge without that kind of window reads back something else. */
static void open_window(const struct placing *placing, const struct pci_device *bridge,
                        const struct need *need)
{
    const uint64_t base = find_free(placing, need);
    const struct pci_window window = {base, base + need->len};
    struct pci_window found;

    if (base == 0)
        return;
    placing->space->write(bridge, window);
    found = placing->space->read(bridge);
    if (found.base != window.base || found.end != window.end)
        placing->space->write(bridge, (struct pci_window){0});
}

/* Places what is aligned to @align; returns the next smaller alignment that waits, 0 when there is
 * none. */
static uint64_t place_aligned(const struct placing *placing, uint64_t align)
{
    uint64_t next = 0;

    for (struct pci_device *pdev = pci_first(); pdev; pdev = pci_next(pdev)) {
        if (!on_bus(pdev, placing))
            continue;
        for (unsigned i = 0; i < PCI_BAR_CNT; i++) {
            const uint64_t len = pdev->bars[i].len;

            if (!bar_waits(&pdev->bars[i], placing->space))
                continue;
            if (len == align)
                place_bar(placing, pdev, i);
            else if (len < align && len > next)
                next = len;
        }
        if (leads_on(pdev, placing)) {
            const struct need need = bridge_need(pdev, placing);

            if (need.len && need.align == align)
                open_window(placing, pdev, &need);
            else if (need.align < align && need.align > next)
                next = need.align;
        }
    }
    return next;
}

static void place_bus(const struct placing *placing)
{
    for (uint64_t align = UINT64_MAX; align; align = place_aligned(placing, align))
        ;
    /* Windows that firmware opened may have room left too. */
    for (struct pci_device *pdev = pci_first(); pdev; pdev = pci_next(pdev)) {
        if (leads_on(pdev, placing)) {
            const struct placing inner = below(pdev, placing);

            if (inner.window.base)
                place_bus(&inner);
        }
    }
}

static bool any_waits(uint16_t segment)
{
    for (struct pci_device *pdev = pci_first(); pdev; pdev = pci_next(pdev))
        for (unsigned i = 0; i < PCI_BAR_CNT; i++)
            if (pdev->addr.segment == segment && (bar_waits(&pdev->bars[i], &pci_space_io) ||
                                                  bar_waits(&pdev->bars[i], &pci_space_memory)))
                return true;
    return false;
}

static void place_space(const struct pci_space *space, uint16_t segment, uint8_t root_bus)
{
    const struct placing root = {
        .space = space,
        .bus = {.segment = segment, .bus = root_bus},
        .window = space->root(segment),
    };

    place_bus(&root);
}

static void report_waiting(uint16_t segment)
{
    for (struct pci_device *pdev = pci_first(); pdev; pdev = pci_next(pdev))
        for (unsigned i = 0; i < PCI_BAR_CNT; i++)
            if (pdev->addr.segment == segment && pdev->bars[i].kind != PCI_BAR_NONE &&
                pdev->bars[i].base == 0)
                log_warn("pci %s: BAR %u has no address: no room for 0x%llx bytes of %s space",
                         pdev->name, i, (unsigned long long)pdev->bars[i].len,
                         bar_space(&pdev->bars[i])->name);
}

void pci_place_all(uint16_t segment, uint8_t root_bus)
{
    const uint16_t forward = PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;

    for (struct pci_device *pdev = pci_first(); pdev; pdev = pci_next(pdev))
        if (pdev->addr.segment == segment && pci_is_bridge(pdev))
            pci_windows_close_unset(pdev);
    if (any_waits(segment)) {
        place_space(&pci_space_memory, segment, root_bus);
        place_space(&pci_space_io, segment, root_bus);
        report_waiting(segment);
    }
    for (struct pci_device *pdev = pci_first(); pdev; pdev = pci_next(pdev))
        if (pdev->addr.segment == segment && pdev->secondary_bus != 0)
            pci_command_set(pdev, forward);
}
