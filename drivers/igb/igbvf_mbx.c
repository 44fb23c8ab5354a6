/* What a virtual function asks its PF by mailbox: reset, MAC address, multicast, frame length. */
#include <errno.h>
#include <string.h>

#include "drivers/igb/igbvf.h"

#define MBX_TRIES     2000
#define MBX_STEP_US   500
#define RESET_TRIES   200
#define RESET_STEP_NS 5000000u
#define CONTROL_MAX   4     /* messages of the PF that may come before its answer */
#define MAX_FRAME     1522u /* with VLAN tag and CRC */

static uint32_t reg_read(void *ctx, unsigned off)
{
    return igb_read(ctx, off);
}

static void reg_write(void *ctx, unsigned off, uint32_t value)
{
    igb_write(ctx, off, value);
}

static void delay_us(unsigned us)
{
    thread_sleep_ns(us * 1000ull);
}

static const struct mbx_io vf_io = {.read32 = reg_read, .write32 = reg_write, .delay_us = delay_us};

void igbvf_mbx_init(struct igbvf *vf)
{
    mbx_init(&vf->mbx, &mbx_vf_ops, &mbx_layout_82576, &vf_io, &vf->port, 0);
}

static bool is_control(uint32_t dword)
{
    return (dword & MBX_MSG_ID) == MBX_PF_CONTROL && (dword & (MBX_MSG_ACK | MBX_MSG_NACK)) == 0;
}

static int ask(struct igbvf *vf, uint32_t *msg, unsigned cnt, unsigned answer_cnt)
{
    const uint32_t id = msg[0] & MBX_MSG_ID;
    int rc = mbx_write_posted(&vf->mbx, msg, cnt);

    for (unsigned i = 0; rc == 0 && i < CONTROL_MAX; i++) {
        rc = mbx_read_posted(&vf->mbx, msg, answer_cnt);
        if (rc == 0 && !is_control(msg[0]))
            break;
    }
    if (rc != 0)
        return rc;
    if ((msg[0] & MBX_MSG_ID) != id || (msg[0] & (MBX_MSG_ACK | MBX_MSG_NACK)) == 0)
        return -EIO;
    return 0;
}

int igbvf_ask(struct igbvf *vf, uint32_t *msg, unsigned cnt, unsigned answer_cnt)
{
    const uint32_t id = msg[0] & MBX_MSG_ID;
    int rc;

    __atomic_store_n(&vf->asking, true, __ATOMIC_SEQ_CST);
    rc = ask(vf, msg, cnt, answer_cnt);
    __atomic_store_n(&vf->asking, false, __ATOMIC_SEQ_CST);
    if (rc == 0)
        return 0;
    if (rc == -ECONNRESET)
        vf->pf_lost = true;
    at_line("event", "name=vf%u kind=mailbox vf=%s msg=%#x verdict=%s", vf->pdev->vf_index,
            vf->port.name, (unsigned)id, rc == -ETIMEDOUT ? "timeout" : error_name(rc));
    return rc;
}

/* RSTI: the PF is in reset or nobody drives it. RSTD is gone once it was read. */
static int wait_for_pf(struct igbvf *vf)
{
    for (unsigned i = 0; i < RESET_TRIES; i++) {
        mbx_reset(&vf->mbx, MBX_TRIES, MBX_STEP_US);
        if ((mbx_note(&vf->mbx) & (MBX_V2P_RSTI | MBX_V2P_RSTD)) == 0)
            return 0;
        thread_sleep_ns(RESET_STEP_NS);
    }
    return -ENODEV;
}

static int tell_mac(struct igbvf *vf, const uint8_t *mac)
{
    uint32_t msg[3] = {MBX_VF_SET_MAC_ADDR, 0, 0};
    int rc;

    memcpy(&msg[1], mac, 6);
    rc = igbvf_ask(vf, msg, 3, 1);
    if (rc != 0)
        return rc;
    return (msg[0] & MBX_MSG_ACK) != 0 ? 0 : -EACCES;
}

int igbvf_mbx_reset(struct igbvf *vf)
{
    uint8_t *mac = vf->port.netdev.info.mac, given[6];
    uint32_t msg[3] = {MBX_VF_RESET};
    bool has_mac;
    int rc;

    rc = wait_for_pf(vf);
    if (rc == 0)
        rc = igbvf_ask(vf, msg, 1, 3);
    if (rc != 0)
        return rc;
    memcpy(given, &msg[1], sizeof(given));
    has_mac = (msg[0] & MBX_MSG_ACK) != 0 && igb_mac_usable(given);
    if (has_mac)
        memcpy(mac, given, sizeof(given));
    else if (!igb_mac_usable(mac))
        igb_mac_random(mac);
    rc = tell_mac(vf, mac);
    if (rc != -EACCES)
        return rc;
    /* A PF refuses even the address that it gave. */
    if (!has_mac)
        log_warn("%s: the PF gives no MAC address and takes none", vf->port.name);
    return 0;
}

/* As the card hashes with RCTL.MO 0: twelve bits of the address's end. */
static uint16_t multicast_hash(uint8_t fifth, uint8_t sixth)
{
    return (uint16_t)(fifth >> 4 | sixth << 4);
}

int igbvf_mbx_filters(struct igbvf *vf)
{
    const uint8_t *mac = vf->port.netdev.info.mac;
    /* All hosts of IPv4, all nodes of IPv6, and who is asked for our address there. */
    const uint16_t hashes[] = {multicast_hash(0, 1), multicast_hash(mac[4], mac[5])};
    const unsigned cnt = sizeof(hashes) / sizeof(hashes[0]);
    uint32_t msg[2] = {MBX_VF_SET_MULTICAST | cnt << MBX_INFO_SHIFT};
    int rc;

    memcpy(&msg[1], hashes, sizeof(hashes));
    rc = igbvf_ask(vf, msg, 2, 1);
    if (rc != 0)
        return rc;
    msg[0] = MBX_VF_SET_LPE;
    msg[1] = MAX_FRAME;
    return igbvf_ask(vf, msg, 2, 1);
}

int igbvf_set_mac(struct igbvf *vf, const uint8_t *mac)
{
    int rc;

    if (!igb_mac_usable(mac))
        return -EINVAL;
    mutex_lock(&vf->lock);
    rc = tell_mac(vf, mac);
    if (rc == 0) {
        memcpy(vf->port.netdev.info.mac, mac, 6);
        igbvf_link_renew(vf);
    }
    mutex_unlock(&vf->lock);
    return rc;
}
