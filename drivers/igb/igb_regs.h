/* Registers and descriptors of the 82576 that are used (Intel 82576EB datasheet, 7 and 8); the VF
 * sees a few of them at addresses of its own. */
#ifndef DRIVERS_IGB_IGB_REGS_H
#define DRIVERS_IGB_IGB_REGS_H

#include <stdint.h>

#define IGB_VENDOR_ID    0x8086
#define IGB_PF_DEVICE_ID 0x10c9
#define IGB_VF_DEVICE_ID 0x10ca

#define IGB_PF_REGS_LEN 0x20000u
#define IGB_VF_REGS_LEN 0x4000u

/* ---- the whole card ---- */

#define E1000_CTRL                     0x0000
#define E1000_CTRL_GIO_MASTER_DISABLE  0x00000004u
#define E1000_CTRL_SLU                 0x00000040u /* link up */
#define E1000_CTRL_FRCSPD              0x00000800u
#define E1000_CTRL_FRCDPX              0x00001000u
#define E1000_CTRL_RST                 0x04000000u
#define E1000_STATUS                   0x0008
#define E1000_STATUS_LU                0x00000002u
#define E1000_STATUS_GIO_MASTER_ENABLE 0x00080000u
#define E1000_EECD                     0x0010
#define E1000_EECD_AUTO_RD             0x00000200u /* the EEPROM has been read */
#define E1000_CTRL_EXT                 0x0018
#define E1000_CTRL_EXT_PFRSTD          0x00004000u
#define E1000_MDIC                     0x0020
#define E1000_MDIC_DATA                0x0000ffffu
#define E1000_MDIC_REG_SHIFT           16
#define E1000_MDIC_PHY_1               (1u << 21)
#define E1000_MDIC_OP_WRITE            0x04000000u
#define E1000_MDIC_OP_READ             0x08000000u
#define E1000_MDIC_READY               0x10000000u
#define E1000_MDIC_ERROR               0x40000000u

#define MII_BMCR           0
#define MII_BMCR_ANRESTART 0x0200u
#define MII_BMCR_PDOWN     0x0800u
#define MII_BMCR_AUTOEN    0x1000u

/* ---- interrupts ---- */

#define E1000_ICR            0x00c0
#define E1000_ICR_LSC        0x00000004u
#define E1000_ICR_VMMB       0x00000100u /* mailbox, or a VF was reset */
#define E1000_ICS            0x00c8
#define E1000_IMS            0x00d0
#define E1000_IMC            0x00d8
#define E1000_GPIE           0x1514
#define E1000_GPIE_NSICR     0x00000001u /* a read clears ICR */
#define E1000_GPIE_MSIX_MODE 0x00000010u
#define E1000_GPIE_PBA       0x80000000u
#define E1000_EICS           0x1520
#define E1000_EIMS           0x1524
#define E1000_EIMC           0x1528
#define E1000_EIAC           0x152c
#define E1000_EICR           0x1580
#define E1000_IVAR(queue)    (0x1700 + 4 * ((queue)&7)) /* byte 0 rx, 1 tx, of queues below 8 */
#define E1000_IVAR_MISC      0x1740                     /* byte 1: other causes */
#define E1000_IVAR_VALID     0x80u

/* ---- receiving and sending ---- */

#define E1000_RCTL         0x0100
#define E1000_RCTL_EN      0x00000002u
#define E1000_RCTL_BAM     0x00008000u
#define E1000_RCTL_VFE     0x00040000u /* VLAN filter */
#define E1000_RCTL_SECRC   0x04000000u /* strips the CRC */
#define E1000_TCTL         0x0400
#define E1000_TCTL_EN      0x00000002u
#define E1000_TCTL_PSP     0x00000008u /* pads short frames */
#define E1000_TCTL_DEFAULT 0x000400f0u /* collision threshold 15, distance 64 */
#define E1000_MTA(n)       (0x5200 + 4 * (n))
#define E1000_MTA_CNT      128u
#define E1000_RAL(n)       (0x5400 + 8 * (n))
#define E1000_RAH(n)       (0x5404 + 8 * (n))
#define E1000_RAH_AV       0x80000000u
#define E1000_RAH_POOL(n)  (0x00040000u << (n))
#define E1000_VFTA(n)      (0x5600 + 4 * (n))
#define E1000_VFTA_CNT     128u

/* A queue's registers, from its base on. */
#define E1000_RXQ(n)            (0xc000 + 0x40 * (n))
#define E1000_TXQ(n)            (0xe000 + 0x40 * (n))
#define E1000_VF_RXQ            0x2800
#define E1000_VF_TXQ            0x3800
#define E1000_Q_BAL             0x00
#define E1000_Q_BAH             0x04
#define E1000_Q_LEN             0x08
#define E1000_Q_SRRCTL          0x0c
#define E1000_SRRCTL_BSIZE_2K   0x00000002u
#define E1000_SRRCTL_ADV_1BUF   0x02000000u
#define E1000_SRRCTL_DROP_EN    0x80000000u
#define E1000_Q_HEAD            0x10
#define E1000_Q_TAIL            0x18
#define E1000_Q_DCTL            0x28
#define E1000_DCTL_QUEUE_ENABLE 0x02000000u

/* ---- virtual functions ---- */

#define E1000_MBVFIMR          0x0c84
#define E1000_VFRE             0x0c8c
#define E1000_VFTE             0x0c90
#define E1000_DTXSWC           0x3500
#define E1000_DTXSWC_LOOPBACK  0x80000000u
#define E1000_MRQC             0x5818
#define E1000_MRQC_VMDQ        0x00000003u
#define E1000_VT_CTL           0x581c
#define E1000_VT_CTL_POOL(n)   ((uint32_t)(n) << 7)
#define E1000_VT_CTL_REPLICATE 0x40000000u
#define E1000_VMOLR(n)         (0x5ad0 + 4 * (n))
#define E1000_VMOLR_RLPML      0x00003fffu
#define E1000_VMOLR_LPE        0x00010000u
#define E1000_VMOLR_AUPE       0x01000000u /* untagged */
#define E1000_VMOLR_ROMPE      0x02000000u /* multicast that the table has */
#define E1000_VMOLR_BAM        0x08000000u
#define E1000_VMOLR_STRCRC     0x80000000u
#define E1000_VLVF(n)          (0x5d00 + 4 * (n))
#define E1000_VLVF_CNT         32u
#define E1000_VLVF_ID          0x00000fffu
#define E1000_VLVF_POOL(n)     (0x00001000u << (n))
#define E1000_VLVF_POOLS       0x000ff000u
#define E1000_VLVF_ENABLE      0x80000000u

#define E1000_POOL_CNT 8u

/* ---- as a VF sees it ---- */

#define E1000_VTCTRL      0x0000 /* E1000_CTRL_RST */
#define E1000_VTSTATUS    0x0008 /* E1000_STATUS_LU */
#define E1000_VTEICS      0x1520
#define E1000_VTEIMS      0x1524
#define E1000_VTEIMC      0x1528
#define E1000_VTEIAC      0x152c
#define E1000_VTIVAR      0x1700 /* byte 0 rx, 1 tx of queue 0 */
#define E1000_VTIVAR_MISC 0x1740 /* mailbox */

/* ---- descriptors ---- */

/* Receive: what the driver writes, and what the card overwrites it with. */
union e1000_adv_rx_desc {
    struct {
        uint64_t pkt_addr;
        uint64_t hdr_addr; /* 0: also clears status */
    } read;
    struct {
        uint32_t info, rss;
        uint32_t status_error;
        uint16_t length, vlan;
    } wb;
};
_Static_assert(sizeof(union e1000_adv_rx_desc) == 16, "receive descriptor");
#define E1000_RXD_STAT_DD  0x00000001u
#define E1000_RXD_STAT_EOP 0x00000002u
#define E1000_RXD_ERR_RXE  0x80000000u

union e1000_adv_tx_desc {
    struct {
        uint64_t buffer_addr;
        uint32_t cmd_type_len;
        uint32_t olinfo_status;
    } read;
    struct {
        uint64_t rsvd;
        uint32_t nxtseq_seed;
        uint32_t status;
    } wb;
};
_Static_assert(sizeof(union e1000_adv_tx_desc) == 16, "transmit descriptor");
#define E1000_TXD_DTYP_DATA    0x00300000u
#define E1000_TXD_EOP          0x01000000u
#define E1000_TXD_IFCS         0x02000000u
#define E1000_TXD_RS           0x08000000u /* report when it is sent */
#define E1000_TXD_DEXT         0x20000000u
#define E1000_TXD_PAYLEN_SHIFT 14
#define E1000_TXD_STAT_DD      0x00000001u

#endif
