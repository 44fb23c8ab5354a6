/* PCI configuration space: registers, bits and identifiers (PCI 3.0 chapter 6, PCI-to-PCI
 * bridge 1.2, PCIe 7). */
#ifndef PCI_PCI_REGS_H
#define PCI_PCI_REGS_H

#include <stdint.h>

#define PCI_CFG_SPACE_LEN     256
#define PCI_CFG_SPACE_EXP_LEN 4096

#define PCI_DEVICE_CNT   32 /* per bus */
#define PCI_FUNCTION_CNT 8  /* per device */
#define PCI_BUS_CNT      256

#define PCI_VENDOR_ID               0x00
#define PCI_DEVICE_ID               0x02
#define PCI_COMMAND                 0x04
#define PCI_COMMAND_IO              0x0001
#define PCI_COMMAND_MEMORY          0x0002
#define PCI_COMMAND_MASTER          0x0004
#define PCI_COMMAND_SPECIAL         0x0008
#define PCI_COMMAND_INVALIDATE      0x0010
#define PCI_COMMAND_VGA_PALETTE     0x0020
#define PCI_COMMAND_PARITY          0x0040
#define PCI_COMMAND_SERR            0x0100
#define PCI_COMMAND_FAST_BACK       0x0200
#define PCI_COMMAND_INTX_DISABLE    0x0400
#define PCI_STATUS                  0x06
#define PCI_STATUS_INTERRUPT        0x0008
#define PCI_STATUS_CAP_LIST         0x0010
#define PCI_STATUS_66MHZ            0x0020
#define PCI_STATUS_FAST_BACK        0x0080
#define PCI_STATUS_PARITY           0x0100
#define PCI_STATUS_SIG_TARGET_ABORT 0x0800
#define PCI_STATUS_REC_TARGET_ABORT 0x1000
#define PCI_STATUS_REC_MASTER_ABORT 0x2000
#define PCI_STATUS_SIG_SYSTEM_ERROR 0x4000
#define PCI_STATUS_DETECTED_PARITY  0x8000
#define PCI_REVISION_ID             0x08
#define PCI_CLASS_PROG              0x09
#define PCI_CLASS_DEVICE            0x0a
#define PCI_HEADER_TYPE             0x0e
#define PCI_HEADER_TYPE_MASK        0x7f
#define PCI_HEADER_TYPE_NORMAL      0
#define PCI_HEADER_TYPE_BRIDGE      1
#define PCI_HEADER_TYPE_MULTIFUNC   0x80
#define PCI_BASE_CLASS_BRIDGE       0x06

/* Base address registers: six in a normal header, two in a bridge's. */
#define PCI_BAR_CNT                    6
#define PCI_BAR_CNT_BRIDGE             2
#define PCI_BASE_ADDRESS_0             0x10
#define PCI_BASE_ADDRESS(n)            (PCI_BASE_ADDRESS_0 + 4 * (n))
#define PCI_BASE_ADDRESS_SPACE_IO      0x01u
#define PCI_BASE_ADDRESS_MEM_TYPE_MASK 0x06u
#define PCI_BASE_ADDRESS_MEM_TYPE_32   0x00u
#define PCI_BASE_ADDRESS_MEM_TYPE_64   0x04u
#define PCI_BASE_ADDRESS_MEM_PREFETCH  0x08u
#define PCI_BASE_ADDRESS_MEM_FLAGS     0x0fu
#define PCI_BASE_ADDRESS_IO_FLAGS      0x03u

#define PCI_SUBSYSTEM_VENDOR_ID 0x2c
#define PCI_SUBSYSTEM_ID        0x2e
#define PCI_CAPABILITY_LIST     0x34
#define PCI_INTERRUPT_LINE      0x3c
#define PCI_INTERRUPT_PIN       0x3d

/* Bridge header. Windows are 4 KiB (I/O) and 1 MiB (memory) wide at least; a base above its limit
 * closes one. */
#define PCI_PRIMARY_BUS          0x18
#define PCI_SECONDARY_BUS        0x19
#define PCI_SUBORDINATE_BUS      0x1a
#define PCI_IO_BASE              0x1c
#define PCI_IO_LIMIT             0x1d
#define PCI_IO_RANGE_TYPE_MASK   0x0f
#define PCI_IO_RANGE_MASK        0xf0
#define PCI_MEMORY_BASE          0x20
#define PCI_MEMORY_LIMIT         0x22
#define PCI_MEMORY_RANGE_MASK    0xfff0
#define PCI_PREF_MEMORY_BASE     0x24
#define PCI_PREF_MEMORY_LIMIT    0x26
#define PCI_PREF_RANGE_TYPE_MASK 0x000f
#define PCI_PREF_RANGE_TYPE_64   0x0001
#define PCI_PREF_BASE_UPPER32    0x28
#define PCI_PREF_LIMIT_UPPER32   0x2c
#define PCI_IO_BASE_UPPER16      0x30
#define PCI_IO_LIMIT_UPPER16     0x32

/* Capabilities: id byte, next byte, then their own registers. */
#define PCI_CAP_START     0x40
#define PCI_CAP_NEXT      1
#define PCI_CAP_ID_PM     0x01
#define PCI_CAP_ID_AGP    0x02
#define PCI_CAP_ID_VPD    0x03
#define PCI_CAP_ID_SLOTID 0x04
#define PCI_CAP_ID_MSI    0x05
#define PCI_CAP_ID_CHSWP  0x06
#define PCI_CAP_ID_PCIX   0x07
#define PCI_CAP_ID_HT     0x08
#define PCI_CAP_ID_VNDR   0x09
#define PCI_CAP_ID_DBG    0x0a
#define PCI_CAP_ID_CCRC   0x0b
#define PCI_CAP_ID_SHPC   0x0c
#define PCI_CAP_ID_SSVID  0x0d
#define PCI_CAP_ID_AGP3   0x0e
#define PCI_CAP_ID_SECDEV 0x0f
#define PCI_CAP_ID_EXP    0x10
#define PCI_CAP_ID_MSIX   0x11
#define PCI_CAP_ID_SATA   0x12
#define PCI_CAP_ID_AF     0x13
#define PCI_CAP_ID_EA     0x14

#define PCI_MSI_FLAGS             2
#define PCI_MSI_FLAGS_ENABLE      0x0001
#define PCI_MSI_FLAGS_QMASK       0x000e /* log2 of the vectors offered */
#define PCI_MSI_FLAGS_QMASK_SHIFT 1
#define PCI_MSI_FLAGS_QSIZE       0x0070 /* log2 of the vectors in use */
#define PCI_MSI_FLAGS_QSIZE_SHIFT 4
#define PCI_MSI_FLAGS_64BIT       0x0080
#define PCI_MSI_FLAGS_MASKBIT     0x0100 /* has mask and pending bits */
#define PCI_MSI_QMASK_MAX         5
#define PCI_MSI_ADDRESS_LO        4
#define PCI_MSI_ADDRESS_HI        8 /* with PCI_MSI_FLAGS_64BIT, all that follows 4 higher */
#define PCI_MSI_DATA_32           8
#define PCI_MSI_DATA_64           12
#define PCI_MSI_MASK_32           12
#define PCI_MSI_MASK_64           16
#define PCI_MSI_LEN_MIN           10
#define PCI_MSI_LEN_64            14
#define PCI_MSI_LEN_MASK_32       20
#define PCI_MSI_LEN_MASK_64       24

#define PCI_MSIX_FLAGS         2
#define PCI_MSIX_FLAGS_QSIZE   0x07ff /* table entries minus one */
#define PCI_MSIX_FLAGS_MASKALL 0x4000
#define PCI_MSIX_FLAGS_ENABLE  0x8000
#define PCI_MSIX_TABLE         4
#define PCI_MSIX_PBA           8
#define PCI_MSIX_BIR           0x00000007u
#define PCI_MSIX_OFFSET        0xfffffff8u
#define PCI_MSIX_LEN           12

#define PCI_EXP_FLAGS                0x02
#define PCI_EXP_FLAGS_VERSION        0x000f
#define PCI_EXP_FLAGS_TYPE(f)        ((f) >> 4 & 0xfu)
#define PCI_EXP_TYPE_ROOT_PORT       4
#define PCI_EXP_TYPE_DOWNSTREAM_PORT 6
#define PCI_EXP_TYPE_PCI_BRIDGE      7    /* from PCI Express to PCI or PCI-X */
#define PCI_EXP_LEN_MIN              12   /* as much as every PCI Express capability has */
#define PCI_EXP_LEN_2                0x3c /* from version 2 on */
#define PCI_EXP_DEVCAP2              0x24
#define PCI_EXP_DEVCAP2_ARI          0x00000020u
#define PCI_EXP_DEVCTL2              0x28
#define PCI_EXP_DEVCTL2_ARI          0x0020

/* Extended capabilities: id in bits 15:0, version in 19:16, offset of the next in 31:20. */
#define PCI_EXT_CAP_START    0x100
#define PCI_EXT_CAP_ID(h)    ((h)&0xffffu)
#define PCI_EXT_CAP_NEXT(h)  (((h) >> 20) & 0xffcu)
#define PCI_EXT_CAP_ID_ERR   0x0001
#define PCI_EXT_CAP_ID_VC    0x0002
#define PCI_EXT_CAP_ID_DSN   0x0003
#define PCI_EXT_CAP_ID_VNDR  0x000b
#define PCI_EXT_CAP_ID_ACS   0x000d
#define PCI_EXT_CAP_ID_ARI   0x000e
#define PCI_EXT_CAP_ID_ATS   0x000f
#define PCI_EXT_CAP_ID_SRIOV 0x0010
#define PCI_EXT_CAP_ID_LTR   0x0018

/* SR-IOV (PCIe 9.3.3). VF BARs are registers like a header's, the first at PCI_SRIOV_BAR. */
#define PCI_SRIOV_CTRL          0x08
#define PCI_SRIOV_CTRL_VFE      0x0001
#define PCI_SRIOV_CTRL_MSE      0x0008
#define PCI_SRIOV_CTRL_ARI      0x0010 /* all functions of the device: numbers up to 255 */
#define PCI_SRIOV_INITIAL_VFS   0x0c
#define PCI_SRIOV_TOTAL_VFS     0x0e
#define PCI_SRIOV_NUM_VFS       0x10
#define PCI_SRIOV_VF_OFFSET     0x14
#define PCI_SRIOV_VF_STRIDE     0x16
#define PCI_SRIOV_VF_DEVICE_ID  0x1a
#define PCI_SRIOV_SUP_PAGE_SIZE 0x1c /* bit n: 4 KiB << n */
#define PCI_SRIOV_SYS_PAGE_SIZE 0x20
#define PCI_SRIOV_BAR           0x24
#define PCI_SRIOV_LEN           0x40

/* Legacy configuration mechanism: an address port and a data port. */
#define PCI_PORT_ADDRESS 0xcf8
#define PCI_PORT_DATA    0xcfc
#define PCI_PORT_ENABLE  0x80000000u

_Static_assert(PCI_BASE_ADDRESS(PCI_BAR_CNT - 1) == 0x24, "the last BAR of a normal header");

#endif
