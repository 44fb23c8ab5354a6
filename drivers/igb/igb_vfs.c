/* The PF's side of its virtual functions: on and off, the interrupt that they share, messages that
 * nobody asked for. */
#include <errno.h>
#include <string.h>

#include "drivers/igb/igb.h"
#include "pci/sriov.h"

#define MBX_TRIES   2000
#define MBX_STEP_US 500
#define ROUND_MAX   32

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

static const struct mbx_io pf_io = {.read32 = reg_read, .write32 = reg_write, .delay_us = delay_us};

void igb_vfs_init(struct igb *igb)
{
    for (unsigned i = 0; i < IGB_VF_MAX; i++)
        mbx_init(&igb->vfs[i].mbx, &mbx_pf_ops, &mbx_layout_82576, &pf_io, &igb->port, i);
}

void igb_vfs_start(struct igb *igb)
{
    const struct igb_port *port = &igb->port;

    for (unsigned i = 0; i < IGB_VF_MAX; i++) {
        mbx_reset(&igb->vfs[i].mbx, MBX_TRIES, MBX_STEP_US);
        igb_vf_forget(igb, i);
    }
    /* What was asked of the card before its reset is void; all VFs may interrupt. */
    igb_write(port, mbx_layout_82576.icr, UINT32_MAX);
    igb_write(port, mbx_layout_82576.vflre_clear[0], UINT32_MAX);
    igb_write(port, E1000_MBVFIMR, (1u << E1000_POOL_CNT) - 1);
}

/* With the lock. Served in the order in which they came: a reset before what the VF has sent since,
 * and the acknowledgement of the last answer before the next request, whose answer would flush it.
 * Looked for the other way round: what came before a message that is seen is seen then too. */
static bool serve(struct igb *igb, unsigned index)
{
    struct mbx *mbx = &igb->vfs[index].mbx;
    bool reset, ack, msg;

    if (igb->deaf)
        return false;
    msg = mbx_check_for_msg(mbx);
    ack = mbx_check_for_ack(mbx);
    reset = mbx_check_for_rst(mbx);
    if (reset)
        igb_vf_forget(igb, index);
    if (ack)
        igb->vfs[index].unread = false;
    if (msg)
        igb_vf_receive(igb, index);
    return reset || ack || msg;
}

/* The card does not interrupt again for what comes while the cause is still noted, so all VFs are
 * looked at until none has anything; but one that never stops is not to hold the thread. */
void igb_vfs_serve(struct igb *igb)
{
    bool any = true;

    for (unsigned i = 0; any && i < ROUND_MAX; i++) {
        any = false;
        mutex_lock(&igb->lock);
        for (unsigned vf = 0; vf < igb->vf_cnt; vf++)
            any |= serve(igb, vf);
        mutex_unlock(&igb->lock);
        thread_yield();
    }
    if (any)
        igb_write(&igb->port, E1000_ICS, E1000_ICR_VMMB);
}

static int ping(struct igb *igb, unsigned index)
{
    struct igb_vf *vf = &igb->vfs[index];
    uint32_t msg = MBX_PF_CONTROL;
    int rc;

    if (igb->deaf)
        return -EBUSY;
    /* Neither a message of the VF should be overwritten nor the answer that it waits for. */
    for (unsigned i = 0; i < ROUND_MAX && (serve(igb, index) || vf->unread); i++)
        delay_us(MBX_STEP_US);
    msg |= vf->cleared ? MBX_MSG_CTS : 0;
    rc = vf->unread ? -EBUSY : mbx_write(&vf->mbx, &msg, 1);
    at_line("event", "name=vf%u kind=mailbox pf=%s msg=ping verdict=%s", index, igb->port.name,
            rc == 0 ? "sent" : "busy");
    return rc;
}

int igb_vf_ping(struct igb *igb, unsigned vf)
{
    int rc = 0;

    mutex_lock(&igb->lock);
    if (vf != IGB_VF_MAX)
        rc = vf < igb->vf_cnt ? ping(igb, vf) : -ENODEV;
    else
        for (unsigned i = 0; i < igb->vf_cnt; i++)
            ping(igb, i);
    mutex_unlock(&igb->lock);
    return rc;
}

void igb_vfs_mask(struct igb *igb, bool masked)
{
    mutex_lock(&igb->lock);
    igb->deaf = masked;
    igb_write(&igb->port, masked ? E1000_IMC : E1000_IMS, E1000_ICR_VMMB);
    mutex_unlock(&igb->lock);
    if (!masked)
        igb_vfs_serve(igb); /* another cause's interrupt may have taken the mailbox's with it */
}

int igb_vf_set_admin_mac(struct igb *igb, unsigned vf, const uint8_t *mac)
{
    static const uint8_t none[6];
    const bool any = memcmp(mac, none, sizeof(none)) != 0;

    if (vf >= IGB_VF_MAX)
        return -ERANGE;
    if (any && !igb_mac_usable(mac))
        return -EINVAL;
    mutex_lock(&igb->lock);
    memcpy(igb->vfs[vf].mac, mac, sizeof(none));
    igb->vfs[vf].mac_admin = any;
    mutex_unlock(&igb->lock);
    return 0;
}

static void set_vf_cnt(struct igb *igb, unsigned vf_cnt)
{
    mutex_lock(&igb->lock);
    for (unsigned i = 0; i < IGB_VF_MAX; i++)
        igb_vf_forget(igb, i);
    igb->vf_cnt = vf_cnt;
    mutex_unlock(&igb->lock);
}

/* The VFs' drivers ask for their reset from within pci_sriov_enable(), which is served meanwhile.
 */
int igb_sriov_configure(struct pci_device *pdev, unsigned vf_cnt)
{
    struct igb *igb = pdev->driver_data;
    int rc;

    if (vf_cnt > IGB_VF_MAX)
        return -ERANGE;
    if (vf_cnt == 0) {
        pci_sriov_disable(pdev);
        set_vf_cnt(igb, 0);
        return 0;
    }
    if (igb->vf_cnt != 0)
        return -EBUSY;
    set_vf_cnt(igb, vf_cnt);
    rc = pci_sriov_enable(pdev, vf_cnt);
    if (rc != 0)
        set_vf_cnt(igb, 0);
    return rc;
}
