/* The mailbox between a virtual and its physical function: control bits, the same on 82576 and
 * 82599, and messages (Intel 82576EB datasheet, 7.10.2.9; 82599 datasheet, 7.10.2.6). */
#ifndef DRIVERS_IGB_MBX_SPEC_H
#define DRIVERS_IGB_MBX_SPEC_H

#include <stdint.h>

#define MBX_DWORD_CNT 16u

/* The VF's control register. */
#define MBX_V2P_REQ        0x01u /* a message for the PF; gives the buffer up */
#define MBX_V2P_ACK        0x02u /* the PF's message was read; gives the buffer up */
#define MBX_V2P_VFU        0x04u /* the VF has the buffer */
#define MBX_V2P_PFU        0x08u /* the PF has it */
#define MBX_V2P_PFSTS      0x10u /* a message from the PF */
#define MBX_V2P_PFACK      0x20u /* the PF has read the VF's message */
#define MBX_V2P_RSTI       0x40u /* the PF is in reset */
#define MBX_V2P_RSTD       0x80u /* the PF's reset is done */
/* A read of the register clears these. */
#define MBX_V2P_READ_CLEAR (MBX_V2P_PFSTS | MBX_V2P_PFACK | MBX_V2P_RSTD)
_Static_assert(MBX_V2P_READ_CLEAR == 0xb0, "the bits that hardware forgets");

/* The PF's control register for one VF. */
#define MBX_P2V_STS  0x01u /* a message for the VF; gives the buffer up */
#define MBX_P2V_ACK  0x02u /* the VF's message was read; gives the buffer up */
#define MBX_P2V_VFU  0x04u /* the VF has the buffer */
#define MBX_P2V_PFU  0x08u /* the PF has it */
#define MBX_P2V_RVFU 0x10u /* takes the buffer from the VF */

/* MBVFICR: requests of 16 VFs, their acknowledgements 16 bits above. */
#define MBX_ICR_VF_CNT    16u
#define MBX_ICR_REQ(vf)   (1u << ((vf) % MBX_ICR_VF_CNT))
#define MBX_ICR_ACK(vf)   (MBX_ICR_REQ(vf) << 16)
#define MBX_VFLRE_VF_CNT  32u
#define MBX_VFLRE_BIT(vf) (1u << ((vf) % MBX_VFLRE_VF_CNT))

/* Dword 0 of a message. */
#define MBX_MSG_ID     0x0000ffffu
#define MBX_MSG_INFO   0x00ff0000u
#define MBX_INFO_SHIFT 16
#define MBX_MSG_CTS    0x20000000u /* the VF may send: it has been reset */
#define MBX_MSG_NACK   0x40000000u
#define MBX_MSG_ACK    0x80000000u

/* VF to PF. */
#define MBX_VF_RESET         0x01u
#define MBX_VF_SET_MAC_ADDR  0x02u
#define MBX_VF_SET_MULTICAST 0x03u
#define MBX_VF_SET_VLAN      0x04u
#define MBX_VF_SET_LPE       0x05u
#define MBX_VF_SET_PROMISC   0x06u
#define MBX_MULTICAST_MAX    30u /* hashes of 16 bits that fit behind dword 0 */
#define MBX_VLAN_ADD         0x01u
#define MBX_VLAN_ID_MASK     0x0fffu

/* PF to VF. */
#define MBX_PF_CONTROL 0x0100u

#endif
