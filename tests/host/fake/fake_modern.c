/* A modern virtio function of host tests: configuration space, capabilities, the ladder above it.
 */
#include "fake_modern.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/format.h"

struct fake_modern fake_modern;
struct virtio_pci fake_modern_vp;
struct pci_device fake_modern_pdev;
int fake_modern_irq_error;

static unsigned next_cap, last_cap;

void fake_modern_sin(const char *what)
{
    if (fake_modern.sin == NULL)
        fake_modern.sin = what;
}

/* No IOMMU says anything of the function. */
const char *virtio_pci_access_objection(struct virtio_device *dev, uint64_t offered)
{
    (void)dev;
    (void)offered;
    return NULL;
}

/* ---- capabilities ---- */

void fake_modern_caps_clear(void)
{
    memset(fake_modern.space + 0x40, 0, sizeof(fake_modern.space) - 0x40);
    fake_modern.space[PCI_CAPABILITY_LIST] = 0;
    next_cap = 0x40;
    last_cap = 0;
}

static unsigned add_cap(uint8_t type, uint8_t cap_len, uint8_t bar, uint32_t off, uint32_t len)
{
    unsigned cap = next_cap;
    uint8_t *space = fake_modern.space;

    if (cap + cap_len > sizeof(fake_modern.space))
        abort();
    space[last_cap != 0 ? last_cap + PCI_CAP_NEXT : PCI_CAPABILITY_LIST] = (uint8_t)cap;
    space[cap] = PCI_CAP_ID_VNDR;
    space[cap + VIRTIO_PCI_CAP_LEN] = cap_len;
    space[cap + VIRTIO_PCI_CAP_CFG_TYPE] = type;
    space[cap + VIRTIO_PCI_CAP_BAR] = bar;
    memcpy(space + cap + VIRTIO_PCI_CAP_OFFSET, &off, sizeof(off));
    memcpy(space + cap + VIRTIO_PCI_CAP_LENGTH, &len, sizeof(len));
    last_cap = cap;
    next_cap = cap + (cap_len + 3u) / 4 * 4;
    return cap;
}

unsigned fake_modern_cap(uint8_t type, uint8_t bar, uint32_t off, uint32_t len)
{
    return add_cap(type, 16, bar, off, len);
}

unsigned fake_modern_notify_cap(uint8_t bar, uint32_t off, uint32_t len, uint32_t multiplier)
{
    unsigned cap = add_cap(VIRTIO_PCI_CAP_NOTIFY_CFG, 20, bar, off, len);

    memcpy(fake_modern.space + cap + 16, &multiplier, sizeof(multiplier));
    return cap;
}

unsigned fake_modern_window_cap(void)
{
    return add_cap(VIRTIO_PCI_CAP_PCI_CFG, 20, 0, 0, 0);
}

void fake_modern_reset(void)
{
    fake_modern = (struct fake_modern){
        .offered = 1ull << VIRTIO_F_VERSION_1,
        .config_vector = VIRTIO_MSI_NO_VECTOR,
        .queue_cnt = 2,
    };
    for (unsigned i = 0; i < FAKE_MODERN_QUEUES; i++)
        fake_modern.queues[i] = (struct fake_modern_queue){
            .size = 16, .vector = VIRTIO_MSI_NO_VECTOR, .notify_off = (uint16_t)i};
    fake_modern.space[PCI_STATUS] = PCI_STATUS_CAP_LIST;
    fake_modern_caps_clear();
    fake_modern_cap(VIRTIO_PCI_CAP_COMMON_CFG, FAKE_MODERN_BAR, FAKE_MODERN_COMMON, 60);
    fake_modern_cap(VIRTIO_PCI_CAP_ISR_CFG, FAKE_MODERN_BAR, FAKE_MODERN_ISR, 1);
    fake_modern_cap(VIRTIO_PCI_CAP_DEVICE_CFG, FAKE_MODERN_BAR, FAKE_MODERN_CONFIG_,
                    FAKE_MODERN_CONFIG);
    fake_modern_notify_cap(FAKE_MODERN_BAR, FAKE_MODERN_NOTIFY, 0x1000, 4);
    fake_modern_irq_error = 0;
    fake_modern_pdev = (struct pci_device){
        .name = "00:03.0", .vendor_id = VIRTIO_PCI_VENDOR_ID, .device_id = 0x1041};
    fake_modern_pdev.bars[FAKE_MODERN_BAR] =
        (struct pci_bar){.kind = PCI_BAR_MEM64, .base = 0xe000000000, .len = FAKE_MODERN_BAR_LEN};
    fake_modern_pdev.bars[FAKE_MODERN_PORT_BAR] =
        (struct pci_bar){.kind = PCI_BAR_IO, .base = FAKE_MODERN_PORT, .len = FAKE_MODERN_PORT_LEN};
    fake_modern_vp = (struct virtio_pci){.pdev = &fake_modern_pdev};
    list_init(&fake_modern_vp.vdev.link);
    fake_modern_vp.vdev.bus_name = fake_modern_pdev.name;
    fake_modern_vp.vdev.transport = &virtio_pci_modern_ops;
}

/* ---- configuration space ---- */

/* The window's capability when @reg is its data, and what it is set to makes sense. */
static const uint8_t *window_at(unsigned reg, unsigned width, uint32_t *off)
{
    const uint8_t *cap = fake_modern.space + reg - VIRTIO_PCI_CFG_DATA;
    uint32_t len;

    if (reg < 0x40 + VIRTIO_PCI_CFG_DATA || cap[0] != PCI_CAP_ID_VNDR ||
        cap[VIRTIO_PCI_CAP_CFG_TYPE] != VIRTIO_PCI_CAP_PCI_CFG)
        return NULL;
    memcpy(off, cap + VIRTIO_PCI_CAP_OFFSET, sizeof(*off));
    memcpy(&len, cap + VIRTIO_PCI_CAP_LENGTH, sizeof(len));
    if (len != width || *off % width != 0)
        fake_modern_sin("the window set askew");
    fake_modern.window_cnt++;
    return cap;
}

static uint32_t space_read(unsigned reg, unsigned width)
{
    uint32_t value = 0, off;
    const uint8_t *window = window_at(reg, width, &off);

    if (reg + width > PCI_CFG_SPACE_LEN)
        abort();
    if (window != NULL)
        return fake_modern_bar_read(window[VIRTIO_PCI_CAP_BAR], off, width);
    memcpy(&value, fake_modern.space + reg, width);
    return value;
}

static void space_write(unsigned reg, unsigned width, uint32_t value)
{
    uint32_t off;
    const uint8_t *window = window_at(reg, width, &off);
    unsigned cap = 0x40;

    if (window != NULL) {
        fake_modern_bar_write(window[VIRTIO_PCI_CAP_BAR], off, width, value);
        return;
    }
    while (cap + 20 <= PCI_CFG_SPACE_LEN &&
           fake_modern.space[cap + VIRTIO_PCI_CAP_CFG_TYPE] != VIRTIO_PCI_CAP_PCI_CFG)
        cap += 4;
    if (reg < cap + VIRTIO_PCI_CAP_BAR || reg >= cap + VIRTIO_PCI_CFG_DATA)
        fake_modern_sin("write to a capability");
    memcpy(fake_modern.space + reg, &value, width);
}

uint8_t pci_read8(const struct pci_device *pdev, unsigned reg)
{
    (void)pdev;
    return (uint8_t)space_read(reg, 1);
}

uint16_t pci_read16(const struct pci_device *pdev, unsigned reg)
{
    (void)pdev;
    return (uint16_t)space_read(reg, 2);
}

uint32_t pci_read32(const struct pci_device *pdev, unsigned reg)
{
    (void)pdev;
    return space_read(reg, 4);
}

void pci_write8(const struct pci_device *pdev, unsigned reg, uint8_t value)
{
    (void)pdev;
    space_write(reg, 1, value);
}

void pci_write16(const struct pci_device *pdev, unsigned reg, uint16_t value)
{
    (void)pdev;
    space_write(reg, 2, value);
}

void pci_write32(const struct pci_device *pdev, unsigned reg, uint32_t value)
{
    (void)pdev;
    space_write(reg, 4, value);
}

uint16_t pci_command_set(const struct pci_device *pdev, uint16_t bits)
{
    (void)pdev;
    return bits;
}

uint16_t pci_command_clear(const struct pci_device *pdev, uint16_t bits)
{
    (void)pdev;
    if (bits & PCI_COMMAND_MASTER)
        fake_modern.master_lost_cnt++;
    return 0;
}

void *pci_bar_map(const struct pci_device *pdev, unsigned bar, uint64_t off, size_t len)
{
    const struct pci_bar *b = &pdev->bars[bar];

    if (off + len > b->len)
        abort();
    if (fake_modern.no_memory || b->base == 0 || bar != FAKE_MODERN_BAR)
        return NULL;
    fake_modern.map_cnt++;
    return (void *)(uintptr_t)(FAKE_MODERN_MEMORY + off);
}

void pci_bar_unmap(const struct pci_device *pdev, void *va, size_t len)
{
    (void)pdev;
    if (va == NULL || len == 0 || fake_modern.map_cnt-- == 0)
        abort();
}

/* ---- the ladder ---- */

int virtio_pci_refuse(struct virtio_pci *vp, int err, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    format_v(vp->why, sizeof(vp->why), fmt, args);
    va_end(args);
    return err;
}

/* The vectors of configuration and queues, as the per-queue rung binds them. */
static int irq_setup(struct virtio_device *dev)
{
    for (unsigned i = 0; i < dev->queue_cnt; i++) {
        if (dev->queues[i] != NULL &&
            dev->transport->set_queue_entry(dev, i, (uint16_t)(i + 1)) != i + 1)
            return -EBUSY;
    }
    if (dev->transport->set_config_entry(dev, 0) != 0)
        return -EBUSY;
    return fake_modern_irq_error;
}

static void irq_teardown(struct virtio_device *dev)
{
    dev->transport->set_config_entry(dev, VIRTIO_MSI_NO_VECTOR);
}

const struct virtio_irq_ops virtio_pci_irq_ops = {.setup = irq_setup, .teardown = irq_teardown};
