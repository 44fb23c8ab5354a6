/* Private to the driver of the 82576's virtual function. */
#ifndef DRIVERS_IGB_IGBVF_H
#define DRIVERS_IGB_IGBVF_H

#include "drivers/igb/igb_port.h"
#include "drivers/igb/mbx.h"
#include "kernel/error.h"
#include "kernel/mutex.h"
#include "kernel/timer.h"
#include "kernel/work.h"
#include "pci/pci.h"

/* MSI-X entries of a VF. The card's VTIVAR_MISC takes the number of the mailbox's; QEMU takes it as
 * a mask of entries, 2 for entry 1. So both 1 and 2 look at the mailbox. */
enum {
    IGBVF_VECTOR_RX,
    IGBVF_VECTOR_TX,
    IGBVF_VECTOR_MAILBOX,
    IGBVF_VECTOR_CNT
};

struct igbvf {
    struct igb_port port; /* first: netdev's driver_data */
    struct pci_device *pdev;
    struct list link;
    struct work service; /* what the PF has to say, and the watchdog */
    struct timer watchdog;
    bool stopping;     /* atomic */
    bool asking;       /* the mailbox is in use by who waits for an answer; atomic */
    struct mutex lock; /* of what follows and all use of the mailbox */
    struct mbx mbx;
    bool registered; /* as a network device */
    bool up;         /* the PF has cleared us, queues run */
    bool pf_lost;    /* the PF was reset: ask it anew when it is back */
};

/* ---- igbvf_main.c ---- */

/* The VF at PCI address @addr, NULL: none. Thread context. */
struct igbvf *igbvf_find(const char *addr);
void igbvf_for_each(void (*fn)(struct igbvf *vf, void *arg), void *arg);

/* ---- igbvf_mbx.c: what a VF asks its PF ---- */

void igbvf_mbx_init(struct igbvf *vf);

/*
 * Sends @cnt dwords and puts the answer's @answer_cnt in their place, which has ACK or NACK set and
 * is about the same. 0; mbx_write_posted()'s and mbx_read_posted()'s errors; -EIO the answer is
 * none. With the lock.
 */
int igbvf_ask(struct igbvf *vf, uint32_t *msg, unsigned cnt, unsigned answer_cnt);

/* After igbvf_quiet(): up to having a MAC address that the PF knows. 0, -ENODEV the PF has no
 * driver or is in reset, or as igbvf_ask(). With the lock. */
int igbvf_mbx_reset(struct igbvf *vf);

/* Which multicast frames and how long ones are wanted. With the lock. */
int igbvf_mbx_filters(struct igbvf *vf);

/* 0, -EACCES the PF refuses, -EINVAL, or as igbvf_ask(). Thread context. */
int igbvf_set_mac(struct igbvf *vf, const uint8_t *mac);

/* ---- igbvf_life.c ---- */

/* Reset, mailbox, queues, interrupts, link. 0 or why not: then the VF stays down. Thread context.
 */
int igbvf_reset(struct igbvf *vf);

/* The link goes down, and up again if it is: users look at the MAC address anew. With the lock. */
void igbvf_link_renew(struct igbvf *vf);

/* Resets the VF: no access to memory, no interrupts. With the lock. */
void igbvf_quiet(struct igbvf *vf);

/* Of vectors that the mailbox may interrupt by; interrupt context. */
void igbvf_mailbox_interrupt(struct igbvf *vf);

/* The watchdog and the mailbox's bottom half. */
void igbvf_service_start(struct igbvf *vf);
void igbvf_service_stop(struct igbvf *vf);

#endif
