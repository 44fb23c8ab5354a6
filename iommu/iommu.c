/* Which IOMMUs there are, what becomes of them, and which devices may be used then. */
#include "iommu/iommu.h"

#include <errno.h>
#include <string.h>

#include "arch/firmware.h"
#include "iommu/iommu_private.h"
#include "kernel/bootopt.h"
#include "kernel/format.h"
#include "kernel/log.h"

enum wish {
    WISH_AUTO,
    WISH_ON, /* nothing is used without */
    WISH_OFF
};

static const struct bootopt_choice wishes[] = {
    {"auto", WISH_AUTO},
    {"on", WISH_ON},
    {"off", WISH_OFF},
    {NULL, 0},
};

static const char *const state_names[] = {
    [IOMMU_NONE] = "none",
    [IOMMU_OFF] = "off",
    [IOMMU_ON] = "on",
    [IOMMU_BLOCKED] = "blocked",
};

static struct iommu_info current = {.kind = "none", .why = "the machine has no IOMMU"};
static enum wish wish;
static char demand[128]; /* iommu=on is not met; empty: it is, or was not given */
static struct vtd_unit vtd_units[FIRMWARE_IOMMU_MAX];
static unsigned vtd_cnt;

static void block(const char *why)
{
    current.state = IOMMU_BLOCKED;
    current.why = why;
}

static void quiesce_vtd(const struct firmware_iommu *found)
{
    struct vtd_unit *unit = &vtd_units[vtd_cnt];

    current.kind = "vt-d";
    if (vtd_open(unit, found->base_pa) != 0) {
        block("a VT-d unit does not answer");
        return;
    }
    format(unit->name, sizeof(unit->name), "iommu%u", vtd_cnt);
    vtd_cnt++;
    if (vtd_off(unit) != 0)
        block("a VT-d unit cannot be turned off");
    else if (found->segment != 0 && current.state == IOMMU_OFF)
        current.why = "there are VT-d units of several segments";
}

static void quiesce_amd(const struct firmware_iommu *found)
{
    current.kind = "amd";
    if (current.state == IOMMU_OFF)
        current.why = "translation by AMD's IOMMU is not supported";
    if (amd_iommu_off(found->base_pa) != 0)
        block("the AMD IOMMU cannot be turned off");
}

/* What it does with devices is known when its driver has asked it. */
static void quiesce_virtio(const struct firmware_iommu *found)
{
    (void)found;
    current.kind = "virtio";
    if (current.state == IOMMU_OFF)
        block("the virtio-iommu has not been told to let devices through");
}

void iommu_quiesce(void)
{
    static void (*const quiesce[])(const struct firmware_iommu *) = {
        [FIRMWARE_IOMMU_VTD] = quiesce_vtd,
        [FIRMWARE_IOMMU_AMD] = quiesce_amd,
        [FIRMWARE_IOMMU_VIRTIO] = quiesce_virtio,
    };
    const struct firmware_info *firmware = firmware_get();

    if (firmware->iommu_cnt == 0 && !firmware->iommu_unclear)
        return;
    current.unit_cnt = firmware->iommu_cnt;
    current.state = IOMMU_OFF;
    current.why = NULL;
    for (unsigned i = 0; i < firmware->iommu_cnt; i++)
        quiesce[firmware->iommus[i].kind](&firmware->iommus[i]);
    if (firmware->iommu_unclear)
        block("firmware's table of IOMMUs is broken");
}

static void start(const struct boot_info *info)
{
    current.why = vtd_domain_start(vtd_units, vtd_cnt, info);
    if (current.why != NULL)
        return;
    current.state = IOMMU_ON;
    current.width = vtd_domain_width();
    for (unsigned i = 0; i < vtd_cnt; i++) {
        int err = vtd_faults_start(&vtd_units[i]);

        if (err != 0)
            log_warn("%s: faults are not reported: no interrupt", vtd_units[i].name);
    }
}

void iommu_report(void)
{
    char quoted[96];

    if (current.state == IOMMU_NONE)
        return;
    if (current.state == IOMMU_ON)
        at_line("iommu", "kind=%s units=%u state=on width=%u", current.kind, current.unit_cnt,
                current.width);
    else
        at_line("iommu", "kind=%s units=%u state=%s reason=%s", current.kind, current.unit_cnt,
                state_names[current.state], at_quote(quoted, sizeof(quoted), current.why));
}

void iommu_init(const struct boot_info *info)
{
    wish = (enum wish)bootopt_choice("iommu", wishes, WISH_AUTO);
    if (current.state == IOMMU_OFF && wish == WISH_OFF)
        current.why = "boot option iommu=off";
    else if (current.state == IOMMU_OFF && current.why == NULL)
        start(info);
    if (wish != WISH_ON || current.state == IOMMU_ON)
        return;
    format(demand, sizeof(demand), "iommu=on is not to be had: %s", current.why);
    log_error("%s; no device is used", demand);
}

int iommu_attach(uint16_t segment, uint16_t requester)
{
    if (current.state == IOMMU_ON)
        return segment == 0 ? vtd_domain_attach(requester) : -ENODEV;
    return demand[0] != '\0' ? -ENODEV : 0;
}

void iommu_detach(uint16_t segment, uint16_t requester)
{
    if (current.state == IOMMU_ON && segment == 0)
        vtd_domain_detach(requester);
}

const char *iommu_objection(bool behind)
{
    if (current.state == IOMMU_ON)
        return behind ? NULL : "it would access memory past the IOMMU, which is on (iommu=off)";
    if (demand[0] != '\0')
        return demand;
    return behind && current.state == IOMMU_BLOCKED ? current.why : NULL;
}

/* Another IOMMU that translates, or is in the way, stays what it is. */
void iommu_virtio_set(const char *why)
{
    if (current.state == IOMMU_ON)
        return;
    if (current.state == IOMMU_BLOCKED && strcmp(current.kind, "virtio") != 0)
        return;
    current.kind = "virtio";
    if (current.unit_cnt == 0)
        current.unit_cnt = 1;
    current.state = why == NULL ? IOMMU_OFF : IOMMU_BLOCKED;
    current.why = why == NULL ? "the virtio-iommu lets all devices through" : why;
}

void iommu_count_fault(void)
{
    __atomic_fetch_add(&current.fault_cnt, 1, __ATOMIC_RELAXED);
}

void iommu_get(struct iommu_info *info)
{
    *info = current;
}
