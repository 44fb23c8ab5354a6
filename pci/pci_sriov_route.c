/* Routing ids of virtual functions: ARI forwarding above them, and bus numbers that they carry
 * into. */
#include <errno.h>

#include "kernel/log.h"
#include "pci/pci_sriov_private.h"

uint32_t pci_sriov_rid(const struct pci_device *pf, unsigned index)
{
    const struct pci_address addr = pf->addr;
    const uint32_t own = (uint32_t)addr.bus << 8 | (uint32_t)addr.device << 3 | addr.function;

    return own + pf->sriov->vf_offset + index * (uint32_t)pf->sriov->vf_stride;
}

static struct pci_address vf_address(const struct pci_device *pf, unsigned index)
{
    const uint32_t rid = pci_sriov_rid(pf, index);

    return (struct pci_address){pf->addr.segment, (uint8_t)(rid >> 8), (uint8_t)(rid >> 3 & 0x1f),
                                (uint8_t)(rid & 7)};
}

/* What was turned on above @pf is needed by functions beside it too. */
static bool neighbour_has_vfs(const struct pci_device *pf)
{
    for (struct pci_device *pdev = pci_first(); pdev; pdev = pci_next(pdev))
        if (pdev != pf && pdev->sriov && pdev->addr.segment == pf->addr.segment &&
            pdev->addr.bus == pf->addr.bus && (pdev->sriov->cnt != 0 || pdev->sriov->busy))
            return true;
    return false;
}

/* A port that passes functions only of device 0, unless it forwards ARI. */
static bool is_downstream_port(const struct pci_device *bridge)
{
    unsigned type;

    if (!bridge->pcie_cap)
        return false;
    type = PCI_EXP_FLAGS_TYPE(pci_read16(bridge, bridge->pcie_cap + PCI_EXP_FLAGS));
    return type == PCI_EXP_TYPE_ROOT_PORT || type == PCI_EXP_TYPE_DOWNSTREAM_PORT;
}

static bool port_can_ari(const struct pci_device *port)
{
    const unsigned cap = port->pcie_cap;

    return is_downstream_port(port) && cap + PCI_EXP_LEN_2 <= PCI_CFG_SPACE_LEN &&
           (pci_read16(port, cap + PCI_EXP_FLAGS) & PCI_EXP_FLAGS_VERSION) >= 2 &&
           (pci_read32(port, cap + PCI_EXP_DEVCAP2) & PCI_EXP_DEVCAP2_ARI);
}

static bool port_ari_get(const struct pci_device *port)
{
    return pci_read16(port, port->pcie_cap + PCI_EXP_DEVCTL2) & PCI_EXP_DEVCTL2_ARI;
}

static void port_ari_set(const struct pci_device *port, bool on)
{
    const unsigned reg = port->pcie_cap + PCI_EXP_DEVCTL2;
    const uint16_t others = pci_read16(port, reg) & (uint16_t)~PCI_EXP_DEVCTL2_ARI;

    pci_write16(port, reg, others | (on ? PCI_EXP_DEVCTL2_ARI : 0));
}

/* Both ends need it: the port forwards, the device counts its functions beyond 7. Without it there
 * may still be ids enough. */
int pci_sriov_ari_on(struct pci_device *pf)
{
    struct pci_device *port = pci_bridge_above(pf);
    struct pci_sriov *sriov = pf->sriov;
    const unsigned reg = sriov->cap + PCI_SRIOV_CTRL;

    sriov->ari_port = NULL;
    sriov->ctrl = pci_read16(pf, reg) & (uint16_t)~PCI_SRIOV_CTRL_ARI;
    if (port && port_can_ari(port) && pci_ext_cap_find(pf, PCI_EXT_CAP_ID_ARI, 0)) {
        if (!port_ari_get(port)) {
            port_ari_set(port, true);
            sriov->ari_port = port;
        }
        if (port_ari_get(port))
            sriov->ctrl |= PCI_SRIOV_CTRL_ARI;
    }
    pci_write16(pf, reg, sriov->ctrl);
    return 0;
}

void pci_sriov_ari_off(struct pci_device *pf)
{
    struct pci_sriov *sriov = pf->sriov;

    sriov->ctrl &= (uint16_t)~PCI_SRIOV_CTRL_ARI;
    pci_write16(pf, sriov->cap + PCI_SRIOV_CTRL, sriov->ctrl);
    if (sriov->ari_port && !neighbour_has_vfs(pf))
        port_ari_set(sriov->ari_port, false);
    sriov->ari_port = NULL;
}

static int no_route(const struct pci_device *pf, int rc, const char *why)
{
    log_warn("pci %s: no %u virtual functions: %s", pf->name, pf->sriov->asked, why);
    return rc;
}

/* Each id once, and where configuration accesses get to. */
static int check_ids(const struct pci_device *pf)
{
    const struct pci_sriov *sriov = pf->sriov;
    const struct pci_device *port = pci_bridge_above(pf);
    const bool only_device_0 =
        port && is_downstream_port(port) && !(port_can_ari(port) && port_ari_get(port));

    if (sriov->vf_offset == 0 || (sriov->asked > 1 && sriov->vf_stride == 0))
        return no_route(pf, -EIO, "the device gives them the same routing id");
    if (pci_sriov_rid(pf, sriov->asked - 1u) > UINT16_MAX)
        return no_route(pf, -ENOSPC, "their routing ids go beyond bus 255");
    for (unsigned i = 0; i < sriov->asked; i++) {
        const struct pci_address addr = vf_address(pf, i);

        if (pci_device_at(addr))
            return no_route(pf, -ENOSPC, "another function has one of their routing ids");
        if (only_device_0 && addr.bus == pf->addr.bus && addr.device != 0)
            return no_route(pf, -ENOSPC, "their routing ids need ARI, which the port lacks");
        if (!pci_config_covers(addr, PCI_EXT_CAP_START, 4))
            return no_route(pf, -ENOSPC, "their configuration space is out of reach");
    }
    return 0;
}

/* Whether some bridge that does not lead to @pf has, or passes on, one of the buses behind @pf's
 * own up to @last. */
static bool buses_taken(const struct pci_device *pf, uint8_t last)
{
    for (struct pci_device *pdev = pci_first(); pdev; pdev = pci_next(pdev)) {
        if (pdev->addr.segment != pf->addr.segment)
            continue;
        if (pdev->addr.bus > pf->addr.bus && pdev->addr.bus <= last && !pdev->pf)
            return true;
        if (pdev->secondary_bus > pf->addr.bus && pdev->secondary_bus <= last)
            return true;
    }
    return false;
}

/* Raises the highest bus number of @bridge and, before, of those above it. */
static int raise(struct pci_device *pf, struct pci_device *bridge, uint8_t last)
{
    struct pci_sriov *sriov = pf->sriov;
    struct pci_device *above = pci_bridge_above(bridge);
    const uint8_t now = pci_read8(bridge, PCI_SUBORDINATE_BUS);
    int rc = 0;

    if (now >= last)
        return 0;
    if (sriov->raised_cnt == PCI_DEPTH_MAX)
        return -ENOSPC;
    sriov->raised[sriov->raised_cnt++] = (struct pci_sriov_bus){bridge, now};
    if (above)
        rc = raise(pf, above, last);
    if (rc)
        return rc;
    pci_write8(bridge, PCI_SUBORDINATE_BUS, last);
    return pci_read8(bridge, PCI_SUBORDINATE_BUS) == last ? 0 : -EIO;
}

/* Back to what it was, the nearest bridge first: a number never exceeds that of the bridge above.
 */
void pci_sriov_unroute(struct pci_device *pf)
{
    struct pci_sriov *sriov = pf->sriov;

    for (unsigned i = 0; i < sriov->raised_cnt && !neighbour_has_vfs(pf); i++)
        pci_write8(sriov->raised[i].bridge, PCI_SUBORDINATE_BUS, sriov->raised[i].subordinate);
    sriov->raised_cnt = 0;
}

int pci_sriov_route(struct pci_device *pf)
{
    struct pci_sriov *sriov = pf->sriov;
    struct pci_device *bridge = pci_bridge_above(pf);
    uint8_t last;
    int rc;

    sriov->vf_offset = pci_read16(pf, sriov->cap + PCI_SRIOV_VF_OFFSET);
    sriov->vf_stride = pci_read16(pf, sriov->cap + PCI_SRIOV_VF_STRIDE);
    rc = check_ids(pf);
    if (rc)
        return rc;
    last = vf_address(pf, sriov->asked - 1u).bus;
    if (last == pf->addr.bus)
        return 0;
    if (!bridge || buses_taken(pf, last))
        return no_route(pf, -ENOSPC, "the bus numbers that they need are taken");
    rc = raise(pf, bridge, last);
    if (rc) {
        pci_sriov_unroute(pf);
        no_route(pf, rc, "a bridge above does not take the bus numbers that they need");
    }
    return rc;
}
