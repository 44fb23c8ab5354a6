/*
 * The mailbox of an Intel network card with virtual functions: 16 dwords that a VF and its PF share
 * and hand to each other by control bits. One engine for both ends (struct mbx_ops) and for every
 * card (struct mbx_layout). A write posts a message and waits until the other end has read it; a
 * wait that ends without an answer latches: nothing more is waited for until mbx_reset().
 *
 * The calls of one end are made by one thread at a time; mbx_note() alone may be called beside
 * them, by an interrupt handler.
 */
#ifndef DRIVERS_IGB_MBX_H
#define DRIVERS_IGB_MBX_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/spinlock.h"
#include "drivers/igb/mbx_spec.h"

#define MBX_LOCK_TRIES 10 /* the other end keeps the buffer for a copy of 16 dwords */

/* Where a card has its mailbox registers. */
struct mbx_layout {
    const char *name;
    unsigned vf_cnt;
    unsigned vf_ctrl, vf_mem;          /* as the VF sees them */
    unsigned pf_ctrl, pf_mem;          /* those of VF 0 as the PF sees them */
    unsigned icr;                      /* MBVFICR of VFs 0 to 15 */
    unsigned vflre[2], vflre_clear[2]; /* VFs that were reset, 32 a register */
};
extern const struct mbx_layout mbx_layout_82576, mbx_layout_82599;

/* How registers are reached and time is passed. */
struct mbx_io {
    uint32_t (*read32)(void *ctx, unsigned off);
    void (*write32)(void *ctx, unsigned off, uint32_t value);
    void (*delay_us)(unsigned us);
};

struct mbx_stats {
    uint32_t tx_cnt, rx_cnt;            /* messages written and read */
    uint32_t req_cnt, ack_cnt, rst_cnt; /* indications taken */
};

struct mbx;

/* What an end can do; an absent slot is NULL. The checks take the indication that they report. */
struct mbx_ops {
    int (*read)(struct mbx *mbx, uint32_t *msg, unsigned cnt);
    int (*write)(struct mbx *mbx, const uint32_t *msg, unsigned cnt);
    bool (*check_for_msg)(struct mbx *mbx);
    bool (*check_for_ack)(struct mbx *mbx);
    bool (*check_for_rst)(struct mbx *mbx);
};
extern const struct mbx_ops mbx_vf_ops, mbx_pf_ops;

struct mbx {
    const struct mbx_ops *ops;
    const struct mbx_layout *layout;
    const struct mbx_io *io;
    void *ctx;
    unsigned vf;       /* PF's end: of which VF */
    unsigned tries;    /* of a posted read or write; 0: not reset yet, or a wait timed out */
    unsigned delay_us; /* between two of them */
    struct spinlock lock;
    uint32_t noted; /* VF's end: read-to-clear bits seen and not taken yet; under lock */
    struct mbx_stats stats;
};

/* Prepares one end. @vf counts for the PF's. Nothing is waited for before mbx_reset(). */
void mbx_init(struct mbx *mbx, const struct mbx_ops *ops, const struct mbx_layout *layout,
              const struct mbx_io *io, void *ctx, unsigned vf);

/* After a reset of the function: what was noted is void, and waits end after @tries looks
 * @delay_us apart. Any context. */
void mbx_reset(struct mbx *mbx, unsigned tries, unsigned delay_us);

/*
 * Takes the buffer, copies @cnt dwords and gives it back with the flag that tells the other end.
 * 0; -EMSGSIZE @cnt is 0 or above MBX_DWORD_CNT; -EBUSY the other end keeps the buffer, and nothing
 * was written; -ENOTSUP this end cannot. Thread context.
 */
int mbx_write(struct mbx *mbx, const uint32_t *msg, unsigned cnt);
int mbx_read(struct mbx *mbx, uint32_t *msg, unsigned cnt);

/*
 * The same, and waits: the write until the other end has read the message, the read until there is
 * one. Further: -ENOTCONN an earlier wait timed out or there was no mbx_reset() (nothing is
 * touched), -ETIMEDOUT, -ECONNRESET the other end was reset meanwhile. Thread context.
 */
int mbx_write_posted(struct mbx *mbx, const uint32_t *msg, unsigned cnt);
int mbx_read_posted(struct mbx *mbx, uint32_t *msg, unsigned cnt);

/* Whether a message, an acknowledgement, a reset was indicated; true once for each. False too when
 * this end cannot tell. Thread context. */
bool mbx_check_for_msg(struct mbx *mbx);
bool mbx_check_for_ack(struct mbx *mbx);
bool mbx_check_for_rst(struct mbx *mbx);

/* VF's end: reads the control register, keeps the bits that this clears, and returns them with
 * what the register says. Any context. */
uint32_t mbx_note(struct mbx *mbx);

#endif
