/* A virtual function between resets: queues and interrupts, what the PF has to say, and a watchdog,
 * because a PF that was reset interrupts nobody. */
#include <errno.h>

#include "arch/clock.h"
#include "drivers/igb/igbvf.h"

#define WATCHDOG_NS 250000000u

static bool link_up(const struct igbvf *vf)
{
    const uint32_t status = igb_read(&vf->port, E1000_VTSTATUS);

    return vf->up && status != UINT32_MAX && (status & E1000_STATUS_LU) != 0;
}

/* Nobody is told before there is a device to tell of. */
static void set_link(struct igbvf *vf, bool up)
{
    if (vf->registered)
        netdev_set_link(&vf->port.netdev, up);
    else
        vf->port.netdev.link_up = up;
}

void igbvf_link_renew(struct igbvf *vf)
{
    set_link(vf, false);
    set_link(vf, link_up(vf));
}

/* A reset of the PF forgets all of this. */
static void irq_enable(struct igbvf *vf)
{
    const uint32_t vectors = (1u << IGBVF_VECTOR_CNT) - 1;

    igb_write(&vf->port, E1000_VTIVAR,
              (E1000_IVAR_VALID | IGBVF_VECTOR_RX) | (E1000_IVAR_VALID | IGBVF_VECTOR_TX) << 8);
    igb_write(&vf->port, E1000_VTIVAR_MISC, E1000_IVAR_VALID | IGBVF_VECTOR_MAILBOX);
    igb_write(&vf->port, E1000_VTEIAC, vectors);
    igb_write(&vf->port, E1000_VTEIMS, vectors);
}

void igbvf_quiet(struct igbvf *vf)
{
    vf->up = false;
    igb_write(&vf->port, E1000_VTEIMC, (1u << IGBVF_VECTOR_CNT) - 1);
    igb_write(&vf->port, E1000_VTCTRL, E1000_CTRL_RST);
    igb_port_stop(&vf->port);
}

/* With the lock. */
static int reset(struct igbvf *vf)
{
    int rc;

    igbvf_quiet(vf);
    set_link(vf, false);
    rc = igbvf_mbx_reset(vf);
    if (rc == 0)
        rc = igbvf_mbx_filters(vf);
    if (rc == 0)
        rc = igb_port_start(&vf->port);
    if (rc != 0) {
        igbvf_quiet(vf);
        vf->pf_lost |= rc == -ENODEV; /* to be tried again; a time-out is not */
        return rc;
    }
    vf->pf_lost = false;
    vf->up = true;
    irq_enable(vf);
    set_link(vf, link_up(vf));
    return 0;
}

int igbvf_reset(struct igbvf *vf)
{
    int rc;

    mutex_lock(&vf->lock);
    rc = reset(vf);
    mutex_unlock(&vf->lock);
    return rc;
}

/* ---- the PF's own messages ---- */

/* With the lock. A PF that does not know us any more says so by leaving CTS out. */
static void hear(struct igbvf *vf)
{
    uint32_t msg = 0;

    if (mbx_check_for_rst(&vf->mbx)) {
        vf->pf_lost = true;
        return;
    }
    if (!mbx_check_for_msg(&vf->mbx) || mbx_read(&vf->mbx, &msg, 1) != 0)
        return;
    if ((msg & MBX_MSG_ID) == MBX_PF_CONTROL && (msg & MBX_MSG_CTS) == 0 && vf->up)
        vf->pf_lost = true;
}

/* With the lock. */
static void look(struct igbvf *vf)
{
    hear(vf);
    if (vf->pf_lost && reset(vf) == 0)
        log_info("%s: the PF was reset, and has cleared us again", vf->port.name);
    else
        set_link(vf, link_up(vf));
}

/* Other work of this CPU must not wait for an answer that somebody else waits for: he, or the next
 * look, finds what there is. */
static void service(void *arg)
{
    struct igbvf *vf = arg;

    if (__atomic_load_n(&vf->stopping, __ATOMIC_SEQ_CST))
        return;
    if (mutex_trylock(&vf->lock)) {
        look(vf);
        mutex_unlock(&vf->lock);
    }
    if (!__atomic_load_n(&vf->stopping, __ATOMIC_SEQ_CST))
        timer_arm(&vf->watchdog, clock_ns() + WATCHDOG_NS);
}

static void watchdog(void *arg)
{
    struct igbvf *vf = arg;

    work_queue(&vf->service);
}

void igbvf_mailbox_interrupt(struct igbvf *vf)
{
    const uint32_t news = MBX_V2P_PFSTS | MBX_V2P_RSTI | MBX_V2P_RSTD;

    if ((mbx_note(&vf->mbx) & news) != 0 && !__atomic_load_n(&vf->asking, __ATOMIC_SEQ_CST))
        work_queue(&vf->service);
}

void igbvf_service_start(struct igbvf *vf)
{
    timer_setup(&vf->watchdog, watchdog, vf);
    work_setup(&vf->service, service, vf);
}

void igbvf_service_stop(struct igbvf *vf)
{
    __atomic_store_n(&vf->stopping, true, __ATOMIC_SEQ_CST);
    timer_cancel(&vf->watchdog);
    work_cancel(&vf->service);
    timer_cancel(&vf->watchdog);
    work_cancel(&vf->service);
}
