/* The card as a whole: reset, PHY, filters, pools, interrupts (Intel 82576EB datasheet, 4.5). */
#include <errno.h>
#include <string.h>

#include "drivers/igb/igb.h"

#define RESET_SETTLE_NS 10000000u
#define RESET_MS        100
#define MASTER_MS       80
#define EEPROM_MS       10
#define PHY_MS          10

/* The PHY's BMCR: powered, and negotiating anew. Without it QEMU's link stays down. */
static void phy_start(const struct igb_port *port)
{
    const uint32_t where = MII_BMCR << E1000_MDIC_REG_SHIFT | E1000_MDIC_PHY_1;
    uint32_t bmcr;

    igb_write(port, E1000_MDIC, where | E1000_MDIC_OP_READ);
    if (!igb_wait_bits(port, E1000_MDIC, E1000_MDIC_READY, E1000_MDIC_READY, PHY_MS)) {
        log_warn("%s: the PHY does not answer", port->name);
        return;
    }
    bmcr = igb_read(port, E1000_MDIC) & E1000_MDIC_DATA & ~MII_BMCR_PDOWN;
    bmcr |= MII_BMCR_AUTOEN | MII_BMCR_ANRESTART;
    igb_write(port, E1000_MDIC, where | E1000_MDIC_OP_WRITE | bmcr);
    igb_wait_bits(port, E1000_MDIC, E1000_MDIC_READY, E1000_MDIC_READY, PHY_MS);
}

int igb_hw_reset(struct igb *igb)
{
    const struct igb_port *port = &igb->port;

    igb_write(port, E1000_IMC, UINT32_MAX);
    igb_write(port, E1000_EIMC, UINT32_MAX);
    igb_write(port, E1000_RCTL, 0);
    igb_write(port, E1000_TCTL, E1000_TCTL_PSP);
    igb_write(port, E1000_CTRL, igb_read(port, E1000_CTRL) | E1000_CTRL_GIO_MASTER_DISABLE);
    if (!igb_wait_bits(port, E1000_STATUS, E1000_STATUS_GIO_MASTER_ENABLE, 0, MASTER_MS))
        log_warn("%s: requests to memory do not end before the reset", port->name);
    igb_write(port, E1000_CTRL, igb_read(port, E1000_CTRL) | E1000_CTRL_RST);
    thread_sleep_ns(RESET_SETTLE_NS);
    if (!igb_wait_bits(port, E1000_CTRL, E1000_CTRL_RST, 0, RESET_MS))
        return -EIO;
    /* QEMU has an EEPROM and does not say that it was read. */
    igb_wait_bits(port, E1000_EECD, E1000_EECD_AUTO_RD, E1000_EECD_AUTO_RD, EEPROM_MS);
    igb_write(port, E1000_IMC, UINT32_MAX);
    igb_read(port, E1000_ICR);
    return 0;
}

void igb_hw_set_mac(struct igb *igb, unsigned pool, const uint8_t *mac)
{
    /* Filter 0 is the card's own. */
    const unsigned index = pool == IGB_PF_POOL ? 0 : pool + 1;
    uint32_t low, high = 0;

    memcpy(&low, mac, 4);
    memcpy(&high, mac + 4, 2);
    if (igb_mac_usable(mac))
        high |= E1000_RAH_AV | E1000_RAH_POOL(pool);
    igb_write(&igb->port, E1000_RAH(index), 0);
    igb_write(&igb->port, E1000_RAL(index), low);
    igb_write(&igb->port, E1000_RAH(index), high);
}

/* Pools are on whether or not there are VFs, so that the PF's queue is always the same. Nobody
 * tells which multicast groups are listened to: the table lets all through, to the pools that want
 * any. */
static void pools_start(struct igb *igb)
{
    const struct igb_port *port = &igb->port;

    igb_write(port, E1000_MRQC, E1000_MRQC_VMDQ);
    igb_write(port, E1000_VT_CTL, E1000_VT_CTL_POOL(IGB_PF_POOL) | E1000_VT_CTL_REPLICATE);
    igb_write(port, E1000_DTXSWC, E1000_DTXSWC_LOOPBACK);
    igb_write(port, E1000_VMOLR(IGB_PF_POOL),
              E1000_VMOLR_AUPE | E1000_VMOLR_ROMPE | E1000_VMOLR_BAM | E1000_VMOLR_STRCRC);
    for (unsigned i = 0; i < E1000_MTA_CNT; i++)
        igb_write(port, E1000_MTA(i), UINT32_MAX);
    igb_write(port, E1000_VFRE, 1u << IGB_PF_POOL);
    igb_write(port, E1000_VFTE, 1u << IGB_PF_POOL);
    igb_hw_set_mac(igb, IGB_PF_POOL, port->netdev.info.mac);
}

void igb_hw_irq_enable(struct igb *igb)
{
    const struct igb_port *port = &igb->port;
    const uint32_t vectors = (1u << IGB_VECTOR_CNT) - 1;

    igb_write(port, E1000_GPIE, E1000_GPIE_PBA | E1000_GPIE_MSIX_MODE | E1000_GPIE_NSICR);
    igb_write(port, E1000_IVAR(IGB_PF_POOL),
              (E1000_IVAR_VALID | IGB_VECTOR_RX) | (E1000_IVAR_VALID | IGB_VECTOR_TX) << 8);
    igb_write(port, E1000_IVAR_MISC, (E1000_IVAR_VALID | IGB_VECTOR_OTHER) << 8);
    igb_write(port, E1000_EIAC, vectors);
    igb_write(port, E1000_EIMS, vectors);
    igb_write(port, E1000_IMS, E1000_ICR_LSC | E1000_ICR_VMMB);
}

void igb_hw_start(struct igb *igb)
{
    const struct igb_port *port = &igb->port;
    uint32_t ctrl = igb_read(port, E1000_CTRL);

    ctrl &= ~(E1000_CTRL_GIO_MASTER_DISABLE | E1000_CTRL_FRCSPD | E1000_CTRL_FRCDPX);
    igb_write(port, E1000_CTRL, ctrl | E1000_CTRL_SLU);
    pools_start(igb);
    igb_write(port, E1000_RCTL, E1000_RCTL_EN | E1000_RCTL_BAM | E1000_RCTL_SECRC);
    igb_write(port, E1000_TCTL, E1000_TCTL_DEFAULT | E1000_TCTL_PSP | E1000_TCTL_EN);
    phy_start(port);
}

bool igb_hw_link_up(const struct igb *igb)
{
    const uint32_t status = igb_read(&igb->port, E1000_STATUS);

    return status != UINT32_MAX && (status & E1000_STATUS_LU) != 0;
}
