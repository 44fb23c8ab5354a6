/* MSI of a function: the message in its capability, multiple messages, mask bits where it has them,
 * and undoing it all (PCI 3.0, 6.8.1). */
#include <errno.h>
#include <stdlib.h>

#include "arch/spinlock.h"
#include "irq/irq.h"
#include "msix/pci_irq_kind.h"

/* The registers as far as the function has them. */
struct regs {
    uint32_t address_lo, address_hi;
    uint16_t data;
    uint32_t mask;
};

struct msi_state {
    struct pci_device *pdev;
    uint16_t flags; /* control register as it was before */
    struct regs before;
    struct regs now;      /* private truth; the device is written from it and read only to check */
    struct spinlock lock; /* the mask bits of all messages share a register */
    bool live;            /* messages may come */
    unsigned cnt;         /* granted */
    unsigned block_cnt;   /* a power of two: what the function may use */
    unsigned irq;         /* of the first message; the others follow */
};

static bool is_64bit(const struct msi_state *msi)
{
    return msi->flags & PCI_MSI_FLAGS_64BIT;
}

static bool is_maskable(const struct msi_state *msi)
{
    return msi->flags & PCI_MSI_FLAGS_MASKBIT;
}

static unsigned data_reg(const struct msi_state *msi)
{
    return msi->pdev->msi_cap + (is_64bit(msi) ? PCI_MSI_DATA_64 : PCI_MSI_DATA_32);
}

static unsigned mask_reg(const struct msi_state *msi)
{
    return msi->pdev->msi_cap + (is_64bit(msi) ? PCI_MSI_MASK_64 : PCI_MSI_MASK_32);
}

static uint16_t flags_read(const struct pci_device *pdev)
{
    return pci_read16(pdev, pdev->msi_cap + PCI_MSI_FLAGS);
}

static void flags_write(const struct pci_device *pdev, uint16_t flags)
{
    pci_write16(pdev, pdev->msi_cap + PCI_MSI_FLAGS, flags);
}

static struct regs regs_read(const struct msi_state *msi)
{
    const unsigned cap = msi->pdev->msi_cap;

    return (struct regs){
        .address_lo = pci_read32(msi->pdev, cap + PCI_MSI_ADDRESS_LO),
        .address_hi = is_64bit(msi) ? pci_read32(msi->pdev, cap + PCI_MSI_ADDRESS_HI) : 0,
        .data = pci_read16(msi->pdev, data_reg(msi)),
        .mask = is_maskable(msi) ? pci_read32(msi->pdev, mask_reg(msi)) : 0,
    };
}

static void message_write(const struct msi_state *msi, const struct regs *regs)
{
    const unsigned cap = msi->pdev->msi_cap;

    pci_write32(msi->pdev, cap + PCI_MSI_ADDRESS_LO, regs->address_lo);
    if (is_64bit(msi))
        pci_write32(msi->pdev, cap + PCI_MSI_ADDRESS_HI, regs->address_hi);
    pci_write16(msi->pdev, data_reg(msi), regs->data);
}

static void mask_write(const struct msi_state *msi, uint32_t mask)
{
    if (is_maskable(msi))
        pci_write32(msi->pdev, mask_reg(msi), mask);
}

static unsigned log2_up(unsigned cnt)
{
    return cnt > 1 ? 32u - (unsigned)__builtin_clz(cnt - 1) : 0;
}

/* Control register with as many messages as the block has, and MSI on or off. */
static uint16_t flags_for(const struct msi_state *msi, bool on)
{
    const unsigned clear = PCI_MSI_FLAGS_QSIZE | PCI_MSI_FLAGS_ENABLE;

    return (uint16_t)((msi->flags & ~clear) | log2_up(msi->block_cnt) << PCI_MSI_FLAGS_QSIZE_SHIFT |
                      (on ? PCI_MSI_FLAGS_ENABLE : 0));
}

/* The read pushes the write out: once masked, no more of these messages come. */
static void set_masked(struct irq_data *data, bool masked)
{
    struct msi_state *msi = data->chip_data;
    const uint32_t bit = 1u << data->entry;
    uint64_t state;

    state = spin_lock(&msi->lock);
    msi->now.mask = masked ? msi->now.mask | bit : msi->now.mask & ~bit;
    mask_write(msi, msi->now.mask);
    pci_read32(msi->pdev, mask_reg(msi));
    spin_unlock(&msi->lock, state);
}

static void chip_mask(struct irq_data *data)
{
    set_masked(data, true);
}

static void chip_unmask(struct irq_data *data)
{
    set_masked(data, false);
}

/* A message without a mask bit may come at any time and must not be seen half old, half new: MSI is
 * off meanwhile, and irq/ stands in for what was lost. */
static void message_change(const struct msi_state *msi, const struct regs *regs)
{
    const bool pause = msi->live && !is_maskable(msi);

    if (pause)
        flags_write(msi->pdev, flags_for(msi, false));
    message_write(msi, regs);
    if (pause)
        flags_write(msi->pdev, flags_for(msi, true));
}

/* The function makes the other messages from the first by counting up its data: only that one is
 * written. */
static int chip_route(struct irq_data *data)
{
    struct msi_state *msi = data->chip_data;
    struct msi_message message;
    struct regs to, seen;

    if (data->entry != 0)
        return 0;
    intr_msi_compose(data->cpu, data->vector, &message);
    if (message.data > UINT16_MAX || (!is_64bit(msi) && message.address > UINT32_MAX))
        return -EOPNOTSUPP;
    to = (struct regs){(uint32_t)message.address, (uint32_t)(message.address >> 32),
                       (uint16_t)message.data, msi->now.mask};
    message_change(msi, &to);
    seen = regs_read(msi);
    if (seen.address_lo != to.address_lo || seen.address_hi != to.address_hi ||
        seen.data != to.data || ((seen.mask ^ to.mask) & 1))
        return -EIO;
    msi->now = to;
    return 0;
}

static const struct irq_chip maskable_chip = {
    .name = "msi",
    .mask = chip_mask,
    .unmask = chip_unmask,
    .route = chip_route,
};

static const struct irq_chip plain_chip = {
    .name = "msi",
    .route = chip_route,
    .flags = IRQ_CHIP_REPLAY,
};

static unsigned cap_len(uint16_t flags)
{
    if (flags & PCI_MSI_FLAGS_MASKBIT)
        return flags & PCI_MSI_FLAGS_64BIT ? PCI_MSI_LEN_MASK_64 : PCI_MSI_LEN_MASK_32;
    return flags & PCI_MSI_FLAGS_64BIT ? PCI_MSI_LEN_64 : PCI_MSI_LEN_MIN;
}

static void irqs_free(const struct msi_state *msi)
{
    for (unsigned i = msi->block_cnt; i-- > 0;)
        irq_free(msi->irq + i);
}

static void undo(struct msi_state *msi)
{
    flags_write(msi->pdev, msi->flags);
    message_write(msi, &msi->before);
    mask_write(msi, msi->before.mask);
}

static cpu_mask_t common_mask(unsigned cnt, const cpu_mask_t *masks)
{
    cpu_mask_t common = masks ? masks[0] : 0;

    for (unsigned i = 1; masks && i < cnt; i++)
        common |= masks[i];
    return common;
}

/* Masked throughout as far as the function can be; the block's vectors are ours before the first
 * message can come. */
static int switch_on(struct msi_state *msi, cpu_mask_t affinity)
{
    const uint16_t wanted = flags_for(msi, true);
    int rc;

    msi->before = msi->now = regs_read(msi);
    if (is_maskable(msi))
        msi->now.mask |= (uint32_t)((1ull << msi->block_cnt) - 1);
    flags_write(msi->pdev, flags_for(msi, false));
    mask_write(msi, msi->now.mask);
    rc = irq_alloc_block(is_maskable(msi) ? &maskable_chip : &plain_chip, msi, msi->block_cnt,
                         affinity);
    if (rc < 0)
        goto err_regs;
    msi->irq = (unsigned)rc;
    flags_write(msi->pdev, wanted);
    if (flags_read(msi->pdev) == wanted) {
        msi->live = true;
        return 0;
    }
    rc = -EIO;
    flags_write(msi->pdev, msi->flags);
    irqs_free(msi);
err_regs:
    undo(msi);
    return rc;
}

static int msi_enable(struct pci_device *pdev, unsigned cnt, const cpu_mask_t *masks)
{
    const uint16_t flags = flags_read(pdev);
    struct msi_state *msi;
    int rc;

    if (pdev->msi_cap + cap_len(flags) > PCI_CFG_SPACE_LEN)
        return -EINVAL;
    msi = calloc(1, sizeof(*msi));
    if (!msi)
        return -ENOMEM;
    msi->pdev = pdev;
    msi->flags = flags;
    msi->cnt = cnt;
    msi->block_cnt = 1u << log2_up(cnt);
    rc = switch_on(msi, common_mask(cnt, masks));
    if (rc) {
        free(msi);
        return rc;
    }
    pdev->msi = msi;
    return 0;
}

static void msi_disable(struct pci_device *pdev)
{
    struct msi_state *msi = pdev->msi;

    msi->live = false;
    flags_write(pdev, flags_for(msi, false));
    irqs_free(msi);
    undo(msi);
    pdev->msi = NULL;
    free(msi);
}

static unsigned msi_cnt(const struct pci_device *pdev)
{
    return pdev->msi ? pdev->msi->cnt : 0;
}

static int msi_irq(const struct pci_device *pdev, unsigned n)
{
    return n < msi_cnt(pdev) ? (int)(pdev->msi->irq + n) : -EINVAL;
}

const struct pci_irq_kind pci_msi_kind = {
    .max = 1u << PCI_MSI_QMASK_MAX,
    .offered = pci_msi_cnt,
    .enable = msi_enable,
    .disable = msi_disable,
    .cnt = msi_cnt,
    .irq = msi_irq,
};
