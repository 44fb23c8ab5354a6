/* Virtio 1.3 facts that every device and transport shares: ids, status bits, feature bits, the
 * legacy PCI header. */
#ifndef VIRTIO_VIRTIO_SPEC_H
#define VIRTIO_VIRTIO_SPEC_H

#include <stdint.h>

/* Device types (chapter 5). */
#define VIRTIO_ID_NET     1
#define VIRTIO_ID_BLOCK   2
#define VIRTIO_ID_CONSOLE 3
#define VIRTIO_ID_RNG     4
#define VIRTIO_ID_BALLOON 5
#define VIRTIO_ID_SCSI    8
#define VIRTIO_ID_9P      9
#define VIRTIO_ID_GPU     16
#define VIRTIO_ID_INPUT   18
#define VIRTIO_ID_VSOCK   19
#define VIRTIO_ID_IOMMU   23

/* Device status (2.1). */
#define VIRTIO_CONFIG_S_ACKNOWLEDGE 0x01
#define VIRTIO_CONFIG_S_DRIVER      0x02
#define VIRTIO_CONFIG_S_DRIVER_OK   0x04
#define VIRTIO_CONFIG_S_FEATURES_OK 0x08
#define VIRTIO_CONFIG_S_NEEDS_RESET 0x40
#define VIRTIO_CONFIG_S_FAILED      0x80

/* Feature bits of ring and transport (chapter 6); 0..23 and 50..127 belong to the device type. */
#define VIRTIO_TRANSPORT_F_START    24
#define VIRTIO_TRANSPORT_F_END      42
#define VIRTIO_F_NOTIFY_ON_EMPTY    24
#define VIRTIO_F_ANY_LAYOUT         27
#define VIRTIO_RING_F_INDIRECT_DESC 28
#define VIRTIO_RING_F_EVENT_IDX     29
#define VIRTIO_F_VERSION_1          32
#define VIRTIO_F_ACCESS_PLATFORM    33
#define VIRTIO_F_RING_PACKED        34
#define VIRTIO_F_IN_ORDER           35
#define VIRTIO_F_ORDER_PLATFORM     36
#define VIRTIO_F_SR_IOV             37
#define VIRTIO_F_NOTIFICATION_DATA  38
#define VIRTIO_F_NOTIF_CONFIG_DATA  39
#define VIRTIO_F_RING_RESET         40

/* PCI identity (4.1.2). */
#define VIRTIO_PCI_VENDOR_ID 0x1af4
#define VIRTIO_PCI_DEVICE_ID_LEGACY \
    0x1000 /* transitional: 0x1000..0x103f, type in the subsystem id */
#define VIRTIO_PCI_DEVICE_ID_LEGACY_TO 0x103f
#define VIRTIO_PCI_DEVICE_ID_MODERN    0x1040 /* 0x1040 + type, up to 0x107f */
#define VIRTIO_PCI_DEVICE_ID_MODERN_TO 0x107f
#define VIRTIO_PCI_DEVICE_ID_IOMMU     (VIRTIO_PCI_DEVICE_ID_MODERN + VIRTIO_ID_IOMMU)

/* Legacy header in I/O BAR0 (4.1.4.10). The two vector registers exist only while MSI-X is enabled.
 */
#define VIRTIO_PCI_HOST_FEATURES     0  /* 32, read-only */
#define VIRTIO_PCI_GUEST_FEATURES    4  /* 32 */
#define VIRTIO_PCI_QUEUE_PFN         8  /* 32 */
#define VIRTIO_PCI_QUEUE_NUM         12 /* 16, read-only */
#define VIRTIO_PCI_QUEUE_SEL         14 /* 16 */
#define VIRTIO_PCI_QUEUE_NOTIFY      16 /* 16 */
#define VIRTIO_PCI_STATUS            18 /* 8 */
#define VIRTIO_PCI_ISR               19 /* 8, reading clears */
#define VIRTIO_MSI_CONFIG_VECTOR     20 /* 16 */
#define VIRTIO_MSI_QUEUE_VECTOR      22 /* 16 */
#define VIRTIO_PCI_CONFIG_OFF_INTX   20
#define VIRTIO_PCI_CONFIG_OFF_MSIX   24
#define VIRTIO_PCI_QUEUE_ADDR_SHIFT  12
#define VIRTIO_PCI_LEGACY_HEADER_LEN 20

#define VIRTIO_PCI_ISR_QUEUE  0x01
#define VIRTIO_PCI_ISR_CONFIG 0x02

#define VIRTIO_MSI_NO_VECTOR 0xffff

/* Vendor capability of modern devices (4.1.4): offsets inside it and the types in use here. */
#define VIRTIO_PCI_CAP_LEN         2  /* 8 */
#define VIRTIO_PCI_CAP_CFG_TYPE    3  /* 8 */
#define VIRTIO_PCI_CAP_BAR         4  /* 8 */
#define VIRTIO_PCI_CAP_OFFSET      8  /* 32 */
#define VIRTIO_PCI_CAP_LENGTH      12 /* 32 */
#define VIRTIO_PCI_CAP_SIZE        16
#define VIRTIO_PCI_NOTIFY_MULT     16 /* 32, of VIRTIO_PCI_CAP_NOTIFY_CFG */
#define VIRTIO_PCI_NOTIFY_CAP_SIZE 20
#define VIRTIO_PCI_CFG_DATA        16 /* of VIRTIO_PCI_CAP_PCI_CFG: the access window */
#define VIRTIO_PCI_CFG_CAP_SIZE    20
#define VIRTIO_PCI_CAP_COMMON_CFG  1
#define VIRTIO_PCI_CAP_NOTIFY_CFG  2
#define VIRTIO_PCI_CAP_ISR_CFG     3
#define VIRTIO_PCI_CAP_DEVICE_CFG  4
#define VIRTIO_PCI_CAP_PCI_CFG     5

/* Common configuration of modern devices (4.1.4.3). What lies behind the addresses came later and
 * may be missing. */
#define VIRTIO_PCI_COMMON_DFSELECT      0  /* 32 */
#define VIRTIO_PCI_COMMON_DF            4  /* 32, read-only */
#define VIRTIO_PCI_COMMON_GFSELECT      8  /* 32 */
#define VIRTIO_PCI_COMMON_GF            12 /* 32 */
#define VIRTIO_PCI_COMMON_MSIX          16 /* 16 */
#define VIRTIO_PCI_COMMON_NUMQ          18 /* 16, read-only */
#define VIRTIO_PCI_COMMON_STATUS        20 /* 8 */
#define VIRTIO_PCI_COMMON_CFGGENERATION 21 /* 8, read-only */
#define VIRTIO_PCI_COMMON_Q_SELECT      22 /* 16 */
#define VIRTIO_PCI_COMMON_Q_SIZE        24 /* 16 */
#define VIRTIO_PCI_COMMON_Q_MSIX        26 /* 16 */
#define VIRTIO_PCI_COMMON_Q_ENABLE      28 /* 16, never written as 0 */
#define VIRTIO_PCI_COMMON_Q_NOFF        30 /* 16, read-only */
#define VIRTIO_PCI_COMMON_Q_DESC        32 /* 64, as two of 32 */
#define VIRTIO_PCI_COMMON_Q_AVAIL       40 /* likewise */
#define VIRTIO_PCI_COMMON_Q_USED        48 /* likewise */
#define VIRTIO_PCI_COMMON_LEN_MIN       56
#define VIRTIO_PCI_COMMON_Q_NDATA       56 /* 16, read-only */
#define VIRTIO_PCI_COMMON_Q_RESET       58 /* 16 */
#define VIRTIO_PCI_COMMON_LEN           60

#endif
