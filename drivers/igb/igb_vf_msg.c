/* What the PF answers its VFs: the policy of the usual drivers. A VF may send nothing but RESET
 * until that was answered, and has no say in a MAC address that the administrator gave it. */
#include <errno.h>
#include <string.h>

#include "drivers/igb/igb.h"
#include "kernel/format.h"

#define MAX_FRAME_MIN 64u
#define MAX_FRAME_MAX 9728u
#define VMOLR_DEFAULT (E1000_VMOLR_AUPE | E1000_VMOLR_BAM | E1000_VMOLR_STRCRC)

static const uint8_t no_mac[6];

static void change(const struct igb *igb, unsigned off, uint32_t clear, uint32_t set)
{
    igb_write(&igb->port, off, (igb_read(&igb->port, off) & ~clear) | set);
}

/* ---- VLANs: a table of ids, each with the pools that want it ---- */

/* Index of the entry of @vid; without one that of a free entry, or E1000_VLVF_CNT. */
static unsigned vlan_find(const struct igb *igb, unsigned vid)
{
    unsigned unused = E1000_VLVF_CNT;

    for (unsigned i = 0; i < E1000_VLVF_CNT; i++) {
        const uint32_t entry = igb_read(&igb->port, E1000_VLVF(i));

        if ((entry & E1000_VLVF_ENABLE) == 0)
            unused = unused == E1000_VLVF_CNT ? i : unused;
        else if ((entry & E1000_VLVF_ID) == vid)
            return i;
    }
    return unused;
}

static void vlan_filter_update(const struct igb *igb)
{
    bool any = false;

    for (unsigned i = 0; i < E1000_VLVF_CNT; i++)
        any |= (igb_read(&igb->port, E1000_VLVF(i)) & E1000_VLVF_ENABLE) != 0;
    change(igb, E1000_RCTL, any ? 0 : E1000_RCTL_VFE, any ? E1000_RCTL_VFE : 0);
}

static void vlan_leave(const struct igb *igb, unsigned entry, unsigned pool)
{
    uint32_t value = igb_read(&igb->port, E1000_VLVF(entry)) & ~E1000_VLVF_POOL(pool);
    const unsigned vid = value & E1000_VLVF_ID;

    if ((value & E1000_VLVF_ENABLE) == 0)
        return;
    if ((value & E1000_VLVF_POOLS) == 0) {
        change(igb, E1000_VFTA(vid / 32), 1u << vid % 32, 0);
        value = 0;
    }
    igb_write(&igb->port, E1000_VLVF(entry), value);
}

static bool set_vlan(struct igb *igb, unsigned index, const uint32_t *msg)
{
    const bool add = (msg[0] >> MBX_INFO_SHIFT & MBX_VLAN_ADD) != 0;
    const unsigned vid = msg[1], entry = vid <= MBX_VLAN_ID_MASK ? vlan_find(igb, vid) : 0;

    if (vid > MBX_VLAN_ID_MASK || entry == E1000_VLVF_CNT)
        return false;
    if (add) {
        change(igb, E1000_VLVF(entry), E1000_VLVF_ID,
               E1000_VLVF_ENABLE | E1000_VLVF_POOL(index) | vid);
        change(igb, E1000_VFTA(vid / 32), 0, 1u << vid % 32);
    } else {
        vlan_leave(igb, entry, index);
    }
    vlan_filter_update(igb);
    return true;
}

/* ---- the other requests ---- */

/* Further filters, which the info field would ask for, are for trusted VFs. */
static bool set_mac(struct igb *igb, unsigned index, const uint32_t *msg)
{
    struct igb_vf *vf = &igb->vfs[index];
    uint8_t mac[sizeof(vf->mac)];

    memcpy(mac, &msg[1], sizeof(mac));
    if ((msg[0] & MBX_MSG_INFO) != 0 || vf->mac_admin || !igb_mac_usable(mac))
        return false;
    memcpy(vf->mac, mac, sizeof(mac));
    igb_hw_set_mac(igb, index, mac);
    return true;
}

/* The table has all hashes; what the VF's pool gets of it is for the VF to say. */
static bool set_multicast(struct igb *igb, unsigned index, const uint32_t *msg)
{
    const unsigned cnt = (msg[0] & MBX_MSG_INFO) >> MBX_INFO_SHIFT;

    if (cnt > MBX_MULTICAST_MAX)
        return false;
    change(igb, E1000_VMOLR(index), E1000_VMOLR_ROMPE, cnt > 0 ? E1000_VMOLR_ROMPE : 0);
    return true;
}

static bool set_lpe(struct igb *igb, unsigned index, const uint32_t *msg)
{
    if (msg[1] < MAX_FRAME_MIN || msg[1] > MAX_FRAME_MAX)
        return false;
    change(igb, E1000_VMOLR(index), E1000_VMOLR_RLPML, E1000_VMOLR_LPE | msg[1]);
    return true;
}

static const struct request {
    unsigned id;
    const char *name;
    bool (*serve)(struct igb *igb, unsigned index, const uint32_t *msg);
} requests[] = {
    {MBX_VF_SET_MAC_ADDR, "set-mac", set_mac},
    {MBX_VF_SET_MULTICAST, "set-mc", set_multicast},
    {MBX_VF_SET_VLAN, "set-vlan", set_vlan},
    {MBX_VF_SET_LPE, "lpe", set_lpe},
};

void igb_vf_forget(struct igb *igb, unsigned index)
{
    struct igb_vf *vf = &igb->vfs[index];

    vf->cleared = false;
    vf->unread = false;
    if (!vf->mac_admin)
        memset(vf->mac, 0, sizeof(vf->mac));
    igb_hw_set_mac(igb, index, no_mac);
    for (unsigned i = 0; i < E1000_VLVF_CNT; i++)
        vlan_leave(igb, i, index);
    vlan_filter_update(igb);
    igb_write(&igb->port, E1000_VMOLR(index), VMOLR_DEFAULT);
    change(igb, E1000_VFRE, 1u << index, 0);
    change(igb, E1000_VFTE, 1u << index, 0);
}

/* The answer brings the VF its MAC address, or says that it has to bring one itself. */
static bool vf_reset(struct igb *igb, unsigned index, uint32_t *msg)
{
    struct igb_vf *vf = &igb->vfs[index];

    igb_vf_forget(igb, index);
    igb_hw_set_mac(igb, index, vf->mac);
    change(igb, E1000_VFRE, 0, 1u << index);
    change(igb, E1000_VFTE, 0, 1u << index);
    msg[1] = msg[2] = 0;
    memcpy(&msg[1], vf->mac, sizeof(vf->mac));
    vf->cleared = true;
    return igb_mac_usable(vf->mac);
}

static void tell(const struct igb *igb, unsigned index, const char *name, bool ack, int rc)
{
    const uint8_t *m = igb->vfs[index].mac;

    at_line("event",
            "name=vf%u kind=mailbox pf=%s msg=%s verdict=%s mac=%02x:%02x:%02x:%02x:%02x:%02x%s",
            index, igb->port.name, name, ack ? "ack" : "nack", m[0], m[1], m[2], m[3], m[4], m[5],
            rc == 0 ? "" : " answer=lost");
}

static const struct request *find_request(uint32_t id)
{
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        if (requests[i].id == id)
            return &requests[i];
    }
    return NULL;
}

static void name_message(uint32_t id, const struct request *request, char *name, size_t size)
{
    if (id == MBX_VF_RESET)
        format(name, size, "reset");
    else if (request != NULL)
        format(name, size, "%s", request->name);
    else
        format(name, size, "%#x", (unsigned)id);
}

void igb_vf_receive(struct igb *igb, unsigned index)
{
    struct igb_vf *vf = &igb->vfs[index];
    const struct request *request;
    uint32_t msg[MBX_DWORD_CNT];
    unsigned cnt = 1;
    char name[16];
    bool ack;
    int rc = mbx_read(&vf->mbx, msg, MBX_DWORD_CNT);

    if (rc != 0 || (msg[0] & (MBX_MSG_ACK | MBX_MSG_NACK)) != 0)
        return; /* the VF takes its buffer back; or it is an answer, and we asked nothing */
    request = find_request(msg[0] & MBX_MSG_ID);
    name_message(msg[0] & MBX_MSG_ID, request, name, sizeof(name));
    if ((msg[0] & MBX_MSG_ID) == MBX_VF_RESET) {
        ack = vf_reset(igb, index, msg);
        cnt = 3;
    } else {
        ack = vf->cleared && request != NULL && request->serve(igb, index, msg);
        msg[0] |= vf->cleared ? MBX_MSG_CTS : 0;
    }
    msg[0] |= ack ? MBX_MSG_ACK : MBX_MSG_NACK;
    rc = mbx_write(&vf->mbx, msg, cnt);
    vf->unread = rc == 0;
    tell(igb, index, name, ack, rc);
}
