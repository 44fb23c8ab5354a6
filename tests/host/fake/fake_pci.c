/* A PCI hierarchy for host tests. */
#include "fake_pci.h"

#include <stdlib.h>
#include <string.h>

#include "arch/memory.h"
#include "fake_mmio.h"
#include "pci/pci_private.h"

#define MEMORY_MAX (1u << 20)

static struct fake_pci_function *functions[FAKE_PCI_FUNCTION_MAX];
static unsigned function_cnt;

struct firmware_info fake_firmware;
unsigned fake_pci_map_cnt, fake_pci_map_fail, fake_pci_read_cnt;
void (*fake_pci_read_hook)(void);
bool (*fake_pci_vf_address)(const struct fake_pci_function *vf, struct pci_address *addr);
const struct pci_driver *fake_pci_driver;
uint16_t fake_pci_driver_id;
bool (*fake_pci_mmio_write)(volatile void *reg, uint32_t *value);

unsigned fake_pci_function_cnt(void)
{
    return function_cnt;
}

struct fake_pci_function *fake_pci_function(unsigned index)
{
    return functions[index];
}

const struct firmware_info *firmware_get(void)
{
    return &fake_firmware;
}

/* ---- building
 * --------------------------------------------------------------------------------------------------
 */

void fake_pci_reset(void)
{
    while (!list_empty(&pci_devices)) {
        struct pci_device *pdev = CONTAINER_OF(pci_devices.next, struct pci_device, link);

        list_remove(&pdev->link);
        free(pdev->sriov);
        free(pdev);
    }
    while (function_cnt > 0) {
        struct fake_pci_function *fn = functions[--function_cnt];

        for (unsigned i = 0; i < PCI_BAR_CNT; i++)
            free(fn->memory[i]);
        free(fn);
    }
    fake_firmware = (struct firmware_info){
        .cpu_cnt = 1,
        .ecam_cnt = 1,
        .ecam = {{.base_pa = 0xe0000000, .end_bus = 255}},
    };
    fake_pci_map_cnt = fake_pci_map_fail = fake_pci_read_cnt = 0;
    fake_pci_mmio_write = NULL;
    fake_pci_read_hook = NULL;
    fake_pci_driver = NULL;
}

void fake_pci_allow(struct fake_pci_function *fn, unsigned reg, unsigned width, uint32_t bits)
{
    memcpy(fn->writable + reg, &bits, width);
}

struct fake_pci_function *fake_pci_add(struct fake_pci_function *parent, uint8_t device,
                                       uint8_t function, uint16_t vendor_id, uint16_t device_id)
{
    struct fake_pci_function *fn = calloc(1, sizeof(*fn));

    if (fn == NULL || function_cnt == FAKE_PCI_FUNCTION_MAX)
        abort();
    fn->parent = parent;
    fn->device = device;
    fn->function = function;
    fake_pci_put(fn, PCI_VENDOR_ID, 2, vendor_id);
    fake_pci_put(fn, PCI_DEVICE_ID, 2, device_id);
    fake_pci_allow(fn, PCI_COMMAND, 2, 0x0507);
    fake_pci_allow(fn, PCI_INTERRUPT_LINE, 1, 0xff);
    functions[function_cnt++] = fn;
    return fn;
}

void fake_pci_make_bridge(struct fake_pci_function *fn)
{
    fn->config[PCI_HEADER_TYPE] =
        (fn->config[PCI_HEADER_TYPE] & PCI_HEADER_TYPE_MULTIFUNC) | PCI_HEADER_TYPE_BRIDGE;
    fake_pci_put(fn, PCI_CLASS_DEVICE, 2, 0x0604);
    fake_pci_allow(fn, PCI_PRIMARY_BUS, 4, 0xffffffff);
    fake_pci_allow(fn, PCI_IO_BASE, 2, 0xf0f0);
    fake_pci_allow(fn, PCI_MEMORY_BASE, 4, 0xfff0fff0);
    fake_pci_put(fn, PCI_PREF_MEMORY_BASE, 4, 0x00010001);
    fake_pci_allow(fn, PCI_PREF_MEMORY_BASE, 4, 0xfff0fff0);
    fake_pci_allow(fn, PCI_PREF_BASE_UPPER32, 4, 0xffffffff);
    fake_pci_allow(fn, PCI_PREF_LIMIT_UPPER32, 4, 0xffffffff);
}

void fake_pci_bridge_numbers(struct fake_pci_function *fn, uint8_t primary, uint8_t secondary,
                             uint8_t subordinate)
{
    fn->config[PCI_PRIMARY_BUS] = primary;
    fn->config[PCI_SECONDARY_BUS] = secondary;
    fn->config[PCI_SUBORDINATE_BUS] = subordinate;
}

void fake_pci_set_bar(struct fake_pci_function *fn, unsigned bar, uint32_t flags, uint64_t len,
                      uint64_t base)
{
    const unsigned reg = PCI_BASE_ADDRESS(bar);

    fake_pci_put(fn, reg, 4, (uint32_t)base | flags);
    fake_pci_allow(fn, reg, 4, (uint32_t) ~(len - 1) & ~(flags & 1 ? 3u : 15u));
    if ((flags & 7) == PCI_BASE_ADDRESS_MEM_TYPE_64) {
        fake_pci_put(fn, reg + 4, 4, (uint32_t)(base >> 32));
        fake_pci_allow(fn, reg + 4, 4, (uint32_t)(~(len - 1) >> 32));
    }
    free(fn->memory[bar]);
    fn->memory[bar] = NULL;
    if (!(flags & 1) && len <= MEMORY_MAX) {
        fn->memory[bar] = calloc(1, len);
        fn->memory_len[bar] = len;
    }
}

uint64_t fake_pci_bar_base(const struct fake_pci_function *fn, unsigned bar)
{
    const uint32_t low = fake_pci_get(fn, PCI_BASE_ADDRESS(bar), 4);
    uint64_t base = low & ~(low & 1 ? 3u : 15u);

    if ((low & 7) == PCI_BASE_ADDRESS_MEM_TYPE_64)
        base |= (uint64_t)fake_pci_get(fn, PCI_BASE_ADDRESS(bar) + 4, 4) << 32;
    return base;
}

void fake_pci_cap(struct fake_pci_function *fn, uint8_t off, uint8_t id, uint8_t next)
{
    fn->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
    if (fn->config[PCI_CAPABILITY_LIST] == 0)
        fn->config[PCI_CAPABILITY_LIST] = off;
    fn->config[off] = id;
    fn->config[off + PCI_CAP_NEXT] = next;
}

uint32_t fake_pci_get(const struct fake_pci_function *fn, unsigned reg, unsigned width)
{
    uint32_t value = 0;

    memcpy(&value, fn->config + reg, width);
    return value;
}

void fake_pci_put(struct fake_pci_function *fn, unsigned reg, unsigned width, uint32_t value)
{
    memcpy(fn->config + reg, &value, width);
}

/* ---- configuration accesses
 * ------------------------------------------------------------------------------------ */

static uint8_t bus_of(const struct fake_pci_function *fn)
{
    return fn->parent ? fn->parent->config[PCI_SECONDARY_BUS] : 0;
}

/* A bridge without a bus forwards nothing, and each bridge above must have the bus in its range. */
static bool reachable(const struct fake_pci_function *parent, uint8_t bus)
{
    if (parent && bus == 0)
        return false;
    for (const struct fake_pci_function *up = parent; up; up = up->parent)
        if (bus < up->config[PCI_SECONDARY_BUS] || bus > up->config[PCI_SUBORDINATE_BUS])
            return false;
    return true;
}

static bool stands_at(const struct fake_pci_function *fn, struct pci_address *at)
{
    if (fn->pf)
        return fake_pci_vf_address(fn, at);
    *at = (struct pci_address){0, bus_of(fn), fn->device, fn->function};
    return true;
}

static struct fake_pci_function *find(struct pci_address addr)
{
    for (unsigned i = 0; i < function_cnt; i++) {
        struct fake_pci_function *fn = functions[i];
        struct pci_address at;

        if (stands_at(fn, &at) && pci_address_compare(at, addr) == 0 &&
            reachable(fn->parent, addr.bus))
            return fn;
    }
    return NULL;
}

static uint32_t config_read(struct pci_address addr, unsigned reg, unsigned width)
{
    const struct fake_pci_function *fn = find(addr);

    if (fake_pci_read_hook)
        fake_pci_read_hook();
    fake_pci_read_cnt++;
    return fn ? fake_pci_get(fn, reg, width) : 0xffffffffu >> (32 - 8 * width);
}

static void config_write(struct pci_address addr, unsigned reg, unsigned width, uint32_t value)
{
    struct fake_pci_function *fn = find(addr);

    if (!fn)
        return;
    if (reg >= PCI_BASE_ADDRESS(0) && reg < PCI_BASE_ADDRESS(PCI_BAR_CNT) &&
        (fn->config[PCI_COMMAND] & (PCI_COMMAND_IO | PCI_COMMAND_MEMORY)) &&
        (fn->config[PCI_HEADER_TYPE] & PCI_HEADER_TYPE_MASK) == PCI_HEADER_TYPE_NORMAL)
        fn->bar_writes_decoding++;
    for (unsigned i = 0; i < width; i++) {
        const uint8_t mask = fn->writable[reg + i], byte = (uint8_t)(value >> (8 * i));

        fn->config[reg + i] = (fn->config[reg + i] & ~mask) | (byte & mask);
    }
}

static bool ecam_covers(struct pci_address addr, unsigned reg)
{
    (void)reg;
    return addr.segment == 0 && addr.bus <= fake_firmware.ecam[0].end_bus;
}

static bool port_covers(struct pci_address addr, unsigned reg)
{
    return addr.segment == 0 && reg < PCI_CFG_SPACE_LEN;
}

const struct pci_config_ops pci_ecam_ops = {"ecam", ecam_covers, config_read, config_write};
const struct pci_config_ops pci_port_ops = {"port", port_covers, config_read, config_write};

/* ---- what else pci/ needs
 * ---------------------------------------------------------------------------------------- */

const struct pci_driver *pci_driver_match(const struct pci_device *pdev)
{
    return pdev->device_id == fake_pci_driver_id ? fake_pci_driver : NULL;
}

void pci_driver_probe(struct pci_device *pdev)
{
    if (pdev->driver && pdev->driver->probe(pdev) != 0)
        pdev->driver = NULL;
}

void pci_driver_remove(struct pci_device *pdev)
{
    if (pdev->driver)
        pdev->driver->remove(pdev);
    pdev->driver = NULL;
}

void fake_pci_device(struct fake_pci_function *fn, struct pci_device *pdev)
{
    *pdev = (struct pci_device){
        .addr = {.bus = bus_of(fn), .device = fn->device, .function = fn->function},
        .name = "fake",
        .header_type = fn->config[PCI_HEADER_TYPE] & PCI_HEADER_TYPE_MASK,
    };
    pci_config_init();
    pci_caps_note(pdev);
    pci_bars_size(pdev);
}

/* Memory answers only while the Command register says so. */
void *mmio_map(uint64_t pa, size_t len)
{
    if (fake_pci_map_fail != 0 && --fake_pci_map_fail == 0)
        return NULL;
    for (unsigned i = 0; i < function_cnt; i++) {
        const struct fake_pci_function *fn = functions[i];

        for (unsigned bar = 0; bar < PCI_BAR_CNT; bar++) {
            const uint64_t base = fake_pci_bar_base(fn, bar);

            if (!fn->memory[bar] || pa < base || pa + len > base + fn->memory_len[bar] ||
                !(fn->decodes || (fn->config[PCI_COMMAND] & PCI_COMMAND_MEMORY)))
                continue;
            fake_pci_map_cnt++;
            return fn->memory[bar] + (pa - base);
        }
    }
    abort();
}

void mmio_unmap(void *va, size_t len)
{
    (void)va;
    (void)len;
    if (fake_pci_map_cnt-- == 0)
        abort();
}

#undef mmio_write32
void fake_mmio_write32(volatile void *reg, uint32_t value)
{
    if (!fake_pci_mmio_write || fake_pci_mmio_write(reg, &value))
        mmio_write32(reg, value);
}
