/* Registers of the modern virtio function of host tests, behind its BARs. */
#include "fake_modern.h"

#include <string.h>

#include "fake_reg.h"

/* ---- common configuration ---- */

static struct fake_modern_queue *queue(void)
{
    return fake_modern.sel < FAKE_MODERN_QUEUES ? &fake_modern.queues[fake_modern.sel] : NULL;
}

static uint32_t queue_read(unsigned off)
{
    const struct fake_modern_queue *q = queue();

    if (q == NULL)
        return off == VIRTIO_PCI_COMMON_Q_MSIX ? VIRTIO_MSI_NO_VECTOR : 0;
    switch (off) {
    case VIRTIO_PCI_COMMON_Q_SIZE:
        return q->size;
    case VIRTIO_PCI_COMMON_Q_MSIX:
        return q->vector;
    case VIRTIO_PCI_COMMON_Q_ENABLE:
        return q->enable;
    case VIRTIO_PCI_COMMON_Q_NOFF:
        return q->notify_off;
    case VIRTIO_PCI_COMMON_Q_NDATA:
        return q->notify_data;
    case VIRTIO_PCI_COMMON_Q_RESET:
        return q->reset;
    default:
        return (uint32_t)(q->addr[(off - 32) / 8] >> (off % 8 * 8));
    }
}

static unsigned common_width(unsigned off)
{
    if (off == VIRTIO_PCI_COMMON_STATUS || off == VIRTIO_PCI_COMMON_CFGGENERATION)
        return 1;
    return off < 16 || (off >= 32 && off < 56) ? 4 : 2;
}

static void note(bool write, unsigned off, uint32_t value)
{
    if (fake_modern.log_cnt < FAKE_MODERN_LOG)
        fake_modern.log[fake_modern.log_cnt++] =
            (struct fake_modern_access){write, (uint8_t)off, fake_modern.sel, value};
}

static uint32_t common_value(unsigned off, unsigned width)
{
    if (width != common_width(off) || off % width != 0)
        fake_modern_sin("a register of another width");
    switch (off) {
    case VIRTIO_PCI_COMMON_DF:
        return fake_modern.offered_sel < 2
                   ? (uint32_t)(fake_modern.offered >> (32 * fake_modern.offered_sel))
                   : 0;
    case VIRTIO_PCI_COMMON_MSIX:
        return fake_modern.config_vector;
    case VIRTIO_PCI_COMMON_NUMQ:
        return fake_modern.queue_cnt;
    case VIRTIO_PCI_COMMON_STATUS:
        return fake_modern.status;
    case VIRTIO_PCI_COMMON_CFGGENERATION:
        return fake_modern.generation;
    case VIRTIO_PCI_COMMON_Q_SELECT:
        return fake_modern.sel;
    default:
        if (off < VIRTIO_PCI_COMMON_Q_SIZE)
            fake_modern_sin("read of a register that is for writing");
        return queue_read(off);
    }
}

static uint32_t common_read(unsigned off, unsigned width)
{
    uint32_t value = common_value(off, width);

    note(false, off, value);
    return value;
}

static void set_status(uint32_t value)
{
    if (value == 0) {
        if (fake_modern.never_resets)
            return;
        for (unsigned i = 0; i < FAKE_MODERN_QUEUES; i++)
            fake_modern.queues[i].enable = 0;
        fake_modern.accepted = 0;
        fake_modern.config_vector = VIRTIO_MSI_NO_VECTOR;
    } else if ((value & fake_modern.status) != fake_modern.status) {
        fake_modern_sin("a bit of status cleared");
    }
    if (fake_modern.refuse_features)
        value &= ~(uint32_t)VIRTIO_CONFIG_S_FEATURES_OK;
    fake_modern.status = (uint8_t)value;
}

static void queue_enable(struct fake_modern_queue *q, uint32_t value)
{
    if (value != 1 || q->addr[0] == 0 || q->addr[1] == 0 || q->addr[2] == 0)
        fake_modern_sin("a queue enabled before it was set up, or disabled");
    if ((fake_modern.status & VIRTIO_CONFIG_S_FEATURES_OK) == 0)
        fake_modern_sin("a queue enabled before FEATURES_OK");
    if (!fake_modern.drops_enable)
        q->enable = (uint16_t)value;
}

static void queue_reset(struct fake_modern_queue *q)
{
    fake_modern.queue_reset_cnt++;
    q->reset = fake_modern.resets_no_queue;
    if (!fake_modern.resets_no_queue)
        q->enable = 0;
}

static void queue_write(unsigned off, uint32_t value)
{
    struct fake_modern_queue *q = queue();
    unsigned shift = off % 8 * 8;

    if (q == NULL)
        return;
    if (q->enable != 0 && off != VIRTIO_PCI_COMMON_Q_RESET && off != VIRTIO_PCI_COMMON_Q_MSIX)
        fake_modern_sin("an enabled queue changed");
    switch (off) {
    case VIRTIO_PCI_COMMON_Q_SIZE:
        if (value == 0 || (value & (value - 1)) != 0 || value > q->size)
            fake_modern_sin("an impossible size of a queue");
        if (!fake_modern.drops_size)
            q->size = (uint16_t)value;
        break;
    case VIRTIO_PCI_COMMON_Q_MSIX:
        q->vector = fake_modern.drops_vector ? VIRTIO_MSI_NO_VECTOR : (uint16_t)value;
        break;
    case VIRTIO_PCI_COMMON_Q_ENABLE:
        queue_enable(q, value);
        break;
    case VIRTIO_PCI_COMMON_Q_RESET:
        queue_reset(q);
        break;
    case VIRTIO_PCI_COMMON_Q_NOFF:
    case VIRTIO_PCI_COMMON_Q_NDATA:
        fake_modern_sin("write of a read-only register");
        break;
    default:
        q->addr[(off - 32) / 8] &= ~(0xffffffffull << shift);
        q->addr[(off - 32) / 8] |= (uint64_t)value << shift;
    }
}

static void accept(uint32_t value)
{
    unsigned shift = 32 * (fake_modern.accepted_sel & 1);

    if (fake_modern.status & VIRTIO_CONFIG_S_FEATURES_OK)
        fake_modern_sin("features after FEATURES_OK");
    fake_modern.accepted &= ~(0xffffffffull << shift);
    fake_modern.accepted |= (uint64_t)value << shift;
}

static void common_write(unsigned off, unsigned width, uint32_t value)
{
    note(true, off, value);
    if (width != common_width(off) || off % width != 0)
        fake_modern_sin("a register of another width");
    switch (off) {
    case VIRTIO_PCI_COMMON_DFSELECT:
        fake_modern.offered_sel = value;
        break;
    case VIRTIO_PCI_COMMON_GFSELECT:
        fake_modern.accepted_sel = value;
        break;
    case VIRTIO_PCI_COMMON_GF:
        accept(value);
        break;
    case VIRTIO_PCI_COMMON_MSIX:
        fake_modern.config_vector =
            fake_modern.drops_vector ? VIRTIO_MSI_NO_VECTOR : (uint16_t)value;
        break;
    case VIRTIO_PCI_COMMON_STATUS:
        set_status(value);
        break;
    case VIRTIO_PCI_COMMON_Q_SELECT:
        fake_modern.sel = (uint16_t)value;
        break;
    default:
        if (off < VIRTIO_PCI_COMMON_Q_SIZE)
            fake_modern_sin("write of a read-only register");
        queue_write(off, value);
    }
}

/* ---- the BARs ---- */

static void config_access(unsigned off, unsigned width)
{
    if (off % width != 0 || off + width > FAKE_MODERN_CONFIG)
        fake_modern_sin("configuration beyond its end, or askew");
    if (width > fake_modern.max_width)
        fake_modern.max_width = width;
}

static uint32_t config_read(unsigned off, unsigned width)
{
    uint32_t value = 0;

    config_access(off, width);
    if (fake_modern.generations > 0) {
        fake_modern.generations--;
        fake_modern.generation++;
        fake_modern.config[off]++;
    }
    memcpy(&value, fake_modern.config + off, width);
    return value;
}

static void notified(uint32_t off, unsigned width, uint32_t value)
{
    if ((fake_modern.status & VIRTIO_CONFIG_S_DRIVER_OK) == 0)
        fake_modern_sin("a notification before DRIVER_OK");
    fake_modern.notify_cnt++;
    fake_modern.notify_off = off;
    fake_modern.notify_width = width;
    fake_modern.notify_value = value;
}

uint32_t fake_modern_bar_read(unsigned bar, uint32_t off, unsigned width)
{
    uint32_t isr = fake_modern.isr;

    if (bar == FAKE_MODERN_BAR && off == FAKE_MODERN_ISR && width == 1) {
        fake_modern.isr = 0;
        return isr;
    }
    if (bar == FAKE_MODERN_BAR && off < FAKE_MODERN_COMMON + VIRTIO_PCI_COMMON_LEN)
        return common_read(off - FAKE_MODERN_COMMON, width);
    if (bar == FAKE_MODERN_BAR && off >= FAKE_MODERN_CONFIG_ && off < FAKE_MODERN_NOTIFY)
        return config_read(off - FAKE_MODERN_CONFIG_, width);
    fake_modern_sin("read of what is no register");
    return 0xffffffffu >> (32 - 8 * width);
}

void fake_modern_bar_write(unsigned bar, uint32_t off, unsigned width, uint32_t value)
{
    if (bar == FAKE_MODERN_PORT_BAR) {
        notified(off, width, value);
    } else if (off < FAKE_MODERN_COMMON + VIRTIO_PCI_COMMON_LEN) {
        common_write(off - FAKE_MODERN_COMMON, width, value);
    } else if (off >= FAKE_MODERN_NOTIFY) {
        notified(off - FAKE_MODERN_NOTIFY, width, value);
    } else if (off >= FAKE_MODERN_CONFIG_) {
        config_access(off - FAKE_MODERN_CONFIG_, width);
        fake_modern.config_write_cnt++;
        memcpy(fake_modern.config + (off - FAKE_MODERN_CONFIG_), &value, width);
    } else {
        fake_modern_sin("write of what is no register");
    }
}

uint32_t fake_reg_read(const volatile void *reg, unsigned width)
{
    fake_modern.memory_cnt++;
    return fake_modern_bar_read(FAKE_MODERN_BAR, (uint32_t)((uintptr_t)reg - FAKE_MODERN_MEMORY),
                                width);
}

void fake_reg_write(volatile void *reg, unsigned width, uint32_t value)
{
    fake_modern.memory_cnt++;
    fake_modern_bar_write(FAKE_MODERN_BAR, (uint32_t)((uintptr_t)reg - FAKE_MODERN_MEMORY), width,
                          value);
}

uint32_t fake_port_in(uint16_t port, unsigned width)
{
    fake_modern.port_cnt++;
    return fake_modern_bar_read(FAKE_MODERN_PORT_BAR, (uint32_t)(port - FAKE_MODERN_PORT), width);
}

void fake_port_out(uint16_t port, unsigned width, uint32_t value)
{
    fake_modern.port_cnt++;
    fake_modern_bar_write(FAKE_MODERN_PORT_BAR, (uint32_t)(port - FAKE_MODERN_PORT), width, value);
}
