/* Private to the driver of the 82576's physical function. */
#ifndef DRIVERS_IGB_IGB_H
#define DRIVERS_IGB_IGB_H

#include "drivers/igb/igb_port.h"
#include "drivers/igb/mbx.h"
#include "kernel/mutex.h"
#include "pci/pci.h"

/* The card's eight pools: a VF's number is its pool's, and the last is the PF's own. */
#define IGB_VF_MAX  7u
#define IGB_PF_POOL 7u
_Static_assert(IGB_PF_POOL < E1000_POOL_CNT && IGB_VF_MAX <= IGB_PF_POOL, "pools are apart");

/* MSI-X entries of the PF. The VFs' messages are counted in the same register of causes, from its
 * other end on, so the PF's must be few. */
enum {
    IGB_VECTOR_OTHER, /* link, mailbox */
    IGB_VECTOR_RX,
    IGB_VECTOR_TX,
    IGB_VECTOR_CNT
};

/* What the PF knows of a VF. */
struct igb_vf {
    struct mbx mbx;
    uint8_t mac[6]; /* zero: none */
    bool mac_admin; /* set by the administrator: the VF may not change it */
    bool cleared;   /* it was reset and may send */
    bool unread;    /* it has not acknowledged its last answer */
};

struct igb {
    struct igb_port port; /* first: netdev's driver_data */
    struct pci_device *pdev;
    struct list link;
    uint32_t causes;   /* of ICR, for the thread; atomic */
    struct mutex lock; /* of what follows */
    bool deaf;         /* igb_vfs_mask() */
    unsigned vf_cnt;   /* VFs enabled */
    struct igb_vf vfs[IGB_VF_MAX];
};

/* ---- igb_hw.c: registers of the whole card ---- */

/* Resets the card: interrupts off, no access to memory, the VFs see a reset. 0, -EIO. Thread
 * context. */
int igb_hw_reset(struct igb *igb);

/* After a reset: filters, pools, interrupts; the link begins to come up. Receiving and sending are
 * on, queues are not. Thread context. */
void igb_hw_start(struct igb *igb);

/* Lets the vectors through. */
void igb_hw_irq_enable(struct igb *igb);

/* Puts a VF's or, with IGB_PF_POOL, the PF's own MAC address into its filter; zero: none. */
void igb_hw_set_mac(struct igb *igb, unsigned pool, const uint8_t *mac);

bool igb_hw_link_up(const struct igb *igb);

/* ---- igb_main.c ---- */

/* The PF at PCI address @addr, NULL: none. Thread context. */
struct igb *igb_find(const char *addr);
void igb_for_each(void (*fn)(struct igb *igb, void *arg), void *arg);

/* Resets the card under its VFs and starts it again. 0, -EIO: it stays down. Thread context. */
int igb_reset(struct igb *igb);

/* ---- igb_vfs.c: what the PF does for its VFs ---- */

void igb_vfs_init(struct igb *igb);

/* After the card's reset, with the lock: pools and filters of the VFs that are enabled; each must
 * ask for its reset. */
void igb_vfs_start(struct igb *igb);

/* The "other" interrupt's thread: serves resets, requests and acknowledgements until there are
 * none. */
void igb_vfs_serve(struct igb *igb);

/* Enables @vf_cnt VFs, or none. 0; -ERANGE more than IGB_VF_MAX; or pci_sriov_enable()'s error. */
int igb_sriov_configure(struct pci_device *pdev, unsigned vf_cnt);

/* The administrator's MAC address for VF @vf; zero: none. The VF learns it with its next reset. 0,
 * -ERANGE no such VF, -EINVAL a multicast address. */
int igb_vf_set_admin_mac(struct igb *igb, unsigned vf, const uint8_t *mac);

/* The mailbox's interrupt off, and nobody listening: VFs' messages wait in the card, as if nobody
 * drove the PF. */
void igb_vfs_mask(struct igb *igb, bool masked);

/* Tells VF @vf, or with IGB_VF_MAX all of them, to look at the link. 0, -ENODEV it is not enabled,
 * -EBUSY it has the buffer, or has not read its last answer. */
int igb_vf_ping(struct igb *igb, unsigned vf);

/* ---- igb_vf_msg.c: the PF's policy ---- */

/* Answers a message of VF @index that waits. With the lock. */
void igb_vf_receive(struct igb *igb, unsigned index);

/* The VF was reset: nothing is left of what it asked for. With the lock. */
void igb_vf_forget(struct igb *igb, unsigned index);

#endif
