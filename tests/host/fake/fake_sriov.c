/* Functions with SR-IOV for host tests. */
#include "fake_sriov.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_clock.h"
#include "fake_log.h"
#include "kernel/thread.h"
#include "pci/pci_private.h"
#include "pci/sriov.h"

#define WIDE_PREFETCHABLE 0x0cu

struct fake_pci_function *fake_sriov_the_port, *fake_sriov_the_pf;

#define SRIOV(reg) (FAKE_SRIOV_CAP + PCI_SRIOV_##reg)

struct fake_pci_function *fake_sriov_port(struct fake_pci_function *parent, uint8_t device)
{
    struct fake_pci_function *fn = fake_pci_add(parent, device, 0, 0x1b36, 0x000c);

    fake_pci_make_bridge(fn);
    fake_pci_cap(fn, FAKE_EXP_CAP, PCI_CAP_ID_EXP, 0);
    fake_pci_put(fn, FAKE_EXP_CAP + PCI_EXP_FLAGS, 2, 2 | PCI_EXP_TYPE_ROOT_PORT << 4);
    fake_pci_put(fn, FAKE_EXP_CAP + PCI_EXP_DEVCAP2, 4, PCI_EXP_DEVCAP2_ARI);
    fake_pci_allow(fn, FAKE_EXP_CAP + PCI_EXP_DEVCTL2, 2, PCI_EXP_DEVCTL2_ARI);
    return fn;
}

void fake_sriov_memory(struct fake_pci_function *port, uint64_t base, uint64_t end)
{
    fake_pci_put(port, PCI_MEMORY_BASE, 2, (uint32_t)(base >> 16));
    fake_pci_put(port, PCI_MEMORY_LIMIT, 2, (uint32_t)((end - 1) >> 16) & 0xfff0);
}

void fake_sriov_prefetch(struct fake_pci_function *port, uint64_t base, uint64_t end)
{
    fake_pci_put(port, PCI_PREF_MEMORY_BASE, 2, ((uint32_t)(base >> 16) & 0xfff0) | 1);
    fake_pci_put(port, PCI_PREF_MEMORY_LIMIT, 2, ((uint32_t)((end - 1) >> 16) & 0xfff0) | 1);
    fake_pci_put(port, PCI_PREF_BASE_UPPER32, 4, (uint32_t)(base >> 32));
    fake_pci_put(port, PCI_PREF_LIMIT_UPPER32, 4, (uint32_t)((end - 1) >> 32));
}

/* Where the capability puts it; a port that does not forward ARI lets through device 0 only. */
static bool vf_address(const struct fake_pci_function *vf, struct pci_address *addr)
{
    const struct fake_pci_function *pf = vf->pf, *port = pf->parent;
    const uint32_t bus = port ? port->config[PCI_SECONDARY_BUS] : 0;
    const uint32_t rid = (bus << 8 | (uint32_t)pf->device << 3 | pf->function) +
                         fake_pci_get(pf, SRIOV(VF_OFFSET), 2) +
                         vf->vf_index * fake_pci_get(pf, SRIOV(VF_STRIDE), 2);

    if (!(fake_pci_get(pf, SRIOV(CTRL), 2) & PCI_SRIOV_CTRL_VFE) ||
        vf->vf_index >= fake_pci_get(pf, SRIOV(NUM_VFS), 2))
        return false;
    *addr = (struct pci_address){0, (uint8_t)(rid >> 8), (uint8_t)(rid >> 3 & 0x1f),
                                 (uint8_t)(rid & 7)};
    return !port || addr->bus != bus || addr->device == 0 ||
           (fake_pci_get(port, FAKE_EXP_CAP + PCI_EXP_DEVCTL2, 2) & PCI_EXP_DEVCTL2_ARI);
}

/* Ids are those of nobody, and Command.Memory is hardwired to 0. */
static void add_vf(struct fake_pci_function *pf, unsigned index)
{
    struct fake_pci_function *vf = fake_pci_add(pf->parent, 0, 0, 0xffff, 0xffff);

    vf->pf = pf;
    vf->vf_index = index;
    vf->decodes = true;
    fake_pci_put(vf, PCI_REVISION_ID, 4, 0x02000001);
    fake_pci_put(vf, PCI_SUBSYSTEM_ID, 2, 0x1100);
    vf->config[PCI_INTERRUPT_PIN] = 1; /* which it may not have */
    fake_pci_allow(vf, PCI_COMMAND, 2, PCI_COMMAND_MASTER);
    fake_pci_cap(vf, 0x70, PCI_CAP_ID_MSIX, 0);
    fake_pci_put(vf, 0x70 + PCI_MSIX_FLAGS, 2, 2);
}

struct fake_pci_function *fake_sriov_pf(struct fake_pci_function *parent, uint8_t device,
                                        unsigned total)
{
    struct fake_pci_function *fn = fake_pci_add(parent, device, 0, 0x8086, 0x10c9);

    fake_pci_vf_address = vf_address;
    fake_pci_put(fn, PCI_REVISION_ID, 4, 0x02000001);
    fake_pci_cap(fn, FAKE_EXP_CAP, PCI_CAP_ID_EXP, 0);
    fake_pci_put(fn, FAKE_ARI_CAP, 4, PCI_EXT_CAP_ID_ARI | 1u << 16 | FAKE_SRIOV_CAP << 20);
    fake_pci_put(fn, FAKE_SRIOV_CAP, 4, PCI_EXT_CAP_ID_SRIOV | 1u << 16);
    fake_pci_allow(fn, SRIOV(CTRL), 2,
                   PCI_SRIOV_CTRL_VFE | PCI_SRIOV_CTRL_MSE | PCI_SRIOV_CTRL_ARI);
    fake_pci_put(fn, SRIOV(INITIAL_VFS), 2, total);
    fake_pci_put(fn, SRIOV(TOTAL_VFS), 2, total);
    fake_pci_allow(fn, SRIOV(NUM_VFS), 2, 0xffff);
    fake_pci_put(fn, SRIOV(VF_OFFSET), 2, 0x80);
    fake_pci_put(fn, SRIOV(VF_STRIDE), 2, 2);
    fake_pci_put(fn, SRIOV(VF_DEVICE_ID), 2, 0x10ca);
    fake_pci_put(fn, SRIOV(SUP_PAGE_SIZE), 4, 0x553);
    fake_pci_put(fn, SRIOV(SYS_PAGE_SIZE), 4, 1);
    fake_pci_allow(fn, SRIOV(SYS_PAGE_SIZE), 4, 0xffffffff);
    for (unsigned i = 0; i < total; i++)
        add_vf(fn, i);
    return fn;
}

void fake_sriov_bar(struct fake_pci_function *pf, unsigned bar, uint32_t flags, uint64_t len,
                    uint64_t base)
{
    const unsigned reg = SRIOV(BAR) + 4 * bar;

    fake_pci_put(pf, reg, 4, (uint32_t)base | flags);
    fake_pci_allow(pf, reg, 4, (uint32_t) ~(len - 1) & ~(flags & 1 ? 3u : 15u));
    if ((flags & 7) == PCI_BASE_ADDRESS_MEM_TYPE_64) {
        fake_pci_put(pf, reg + 4, 4, (uint32_t)(base >> 32));
        fake_pci_allow(pf, reg + 4, 4, (uint32_t)(~(len - 1) >> 32));
    }
}

uint64_t fake_sriov_bar_base(const struct fake_pci_function *pf, unsigned bar)
{
    const uint32_t low = fake_pci_get(pf, SRIOV(BAR) + 4 * bar, 4);
    uint64_t base = low & ~15u;

    if ((low & 7) == PCI_BASE_ADDRESS_MEM_TYPE_64)
        base |= (uint64_t)fake_pci_get(pf, SRIOV(BAR) + 4 * bar + 4, 4) << 32;
    return base;
}

void fake_sriov_machine(void)
{
    fake_pci_reset();
    fake_sriov_the_port = fake_sriov_port(NULL, 3);
    fake_pci_bridge_numbers(fake_sriov_the_port, 0, 1, 1);
    fake_sriov_memory(fake_sriov_the_port, 0xfe600000, 0xfe800000);
    fake_sriov_prefetch(fake_sriov_the_port, 0xfea00000, 0xfec00000);
    fake_sriov_the_pf = fake_sriov_pf(fake_sriov_the_port, 0, 8);
    fake_pci_set_bar(fake_sriov_the_pf, 0, 0, 0x20000, 0xfe600000);
    fake_sriov_bar(fake_sriov_the_pf, 0, WIDE_PREFETCHABLE, 0x4000, 0);
    fake_sriov_bar(fake_sriov_the_pf, 3, WIDE_PREFETCHABLE, 0x4000, 0);
}

struct pci_device *fake_sriov_scan(void)
{
    struct pci_device *pf;

    pci_config_init();
    if (pci_scan() != 0)
        abort();
    pf = pci_find("01:00.0");
    if (pf == NULL)
        abort();
    return pf;
}

static uint8_t remembered[FAKE_PCI_FUNCTION_MAX][PCI_CFG_SPACE_EXP_LEN];

void fake_sriov_remember(void)
{
    for (unsigned i = 0; i < fake_pci_function_cnt(); i++)
        memcpy(remembered[i], fake_pci_function(i)->config, PCI_CFG_SPACE_EXP_LEN);
}

bool fake_sriov_unchanged(void)
{
    for (unsigned i = 0; i < fake_pci_function_cnt(); i++)
        if (memcmp(remembered[i], fake_pci_function(i)->config, PCI_CFG_SPACE_EXP_LEN) != 0)
            return false;
    return true;
}

void thread_sleep_ns(uint64_t ns)
{
    fake_clock_advance(ns);
}

struct pci_device *fake_sriov_found;

int fake_sriov_setup(void **state)
{
    (void)state;
    fake_sriov_machine();
    fake_log_clear();
    fake_clock_now_ns = 1000000000;
    return 0;
}

int fake_sriov_teardown(void **state)
{
    (void)state;
    if (fake_sriov_found)
        pci_sriov_disable(fake_sriov_found);
    fake_sriov_found = NULL;
    fake_pci_reset();
    return 0;
}

static unsigned function_cnt(void)
{
    unsigned cnt = 0;

    for (struct pci_device *pdev = pci_first(); pdev; pdev = pci_next(pdev))
        cnt++;
    return cnt;
}

void fake_sriov_refused(unsigned cnt, int err, const char *text)
{
    unsigned functions;

    fake_sriov_found = fake_sriov_scan();
    functions = function_cnt();
    fake_sriov_remember();
    fake_log_clear();
    assert_int_equal(pci_sriov_enable(fake_sriov_found, cnt), err);
    assert_true(fake_log_has(text));
    assert_true(fake_sriov_unchanged());
    assert_int_equal(function_cnt(), functions);
    assert_int_equal(pci_sriov_cnt(fake_sriov_found), 0);
    assert_null(pci_sriov_vf(fake_sriov_found, 0));
}

void fake_sriov_granted(unsigned cnt)
{
    fake_sriov_found = fake_sriov_scan();
    fake_sriov_remember();
    assert_int_equal(pci_sriov_enable(fake_sriov_found, cnt), 0);
    pci_sriov_disable(fake_sriov_found);
    assert_true(fake_sriov_unchanged());
    assert_int_equal(pci_sriov_enable(fake_sriov_found, cnt), 0);
}
