/* A PF and its VF 0 on the fake card, each with its driver; while one sleeps the other works.
 * Included by one test each, of which it is a part. */
#ifndef FAKE_IGB_ENDS_H
#define FAKE_IGB_ENDS_H

#include <errno.h>
#include <string.h>

#include "drivers/igb/igb.h"
#include "drivers/igb/igbvf.h"
#include "fake_clock.h"
#include "fake_dma.h"
#include "fake_log.h"
#include "fake_mbx.h"
#include "fake_work.h"
#include "pci/sriov.h"

static const uint8_t mac_a[6] = {2, 0x11, 0x22, 0x33, 0x44, 0x55};
static const uint8_t mac_b[6] = {2, 0x11, 0x22, 0x33, 0x44, 0x66};
static const uint8_t mac_pf[6] = {2, 0, 0, 0, 0, 1};
static const uint8_t mac_none[6];

static const struct igb_port_layout pf_layout = {
    .rxq = E1000_RXQ(7),
    .txq = E1000_TXQ(7),
    .eics = E1000_EICS,
    .eims = E1000_EIMS,
    .eimc = E1000_EIMC,
    .rx_vector = 1,
    .ring_cnt = 8,
};
static const struct igb_port_layout vf_layout = {
    .rxq = E1000_VF_RXQ,
    .txq = E1000_VF_TXQ,
    .eics = E1000_VTEICS,
    .eims = E1000_VTEIMS,
    .eimc = E1000_VTEIMC,
    .rx_vector = 0,
    .ring_cnt = 8,
};

static struct pci_device pf_dev, vf_dev;
static struct igb pf;
static struct igbvf vf;
static bool pf_absent;       /* nobody serves the VFs */
static void (*forged)(void); /* who answers in the PF's place */
static int sriov_error, sriov_calls;

/* While one end sleeps, the other works. */
void thread_sleep_ns(uint64_t ns)
{
    fake_clock_advance(ns);
    if (forged != NULL)
        forged();
    else if (!pf_absent && pf.lock.depth == 0)
        igb_vfs_serve(&pf);
}

static void (*on_yield)(void);

void thread_yield(void)
{
    if (on_yield != NULL)
        on_yield();
}

int pci_sriov_enable(struct pci_device *pdev, unsigned vf_cnt)
{
    assert_ptr_equal(pdev, &pf_dev);
    assert_int_equal(pf.vf_cnt, vf_cnt); /* they are served before their drivers ask */
    sriov_calls++;
    return sriov_error;
}

void pci_sriov_disable(struct pci_device *pdev)
{
    assert_ptr_equal(pdev, &pf_dev);
    sriov_calls++;
}

static inline int setup(void **state)
{
    (void)state;
    timers_init();
    fake_igb_reset();
    fake_log_clear();
    fake_dma_fail_after = -1;
    memset(&pf, 0, sizeof(pf));
    memset(&vf, 0, sizeof(vf));
    pf_absent = false;
    forged = NULL;
    on_yield = NULL;
    sriov_error = sriov_calls = 0;
    pf.pdev = &pf_dev;
    pf_dev.driver_data = &pf;
    vf.pdev = &vf_dev;
    assert_int_equal(igb_port_create(&pf.port, &pf_layout, (uint8_t *)fake_igb.pf), 0);
    assert_int_equal(igb_port_create(&vf.port, &vf_layout, (uint8_t *)fake_igb.vf), 0);
    memcpy(pf.port.netdev.info.mac, mac_pf, 6);
    igb_vfs_init(&pf);
    igbvf_mbx_init(&vf);
    igbvf_service_start(&vf);
    igb_hw_start(&pf);
    igb_vfs_start(&pf);
    assert_int_equal(igb_sriov_configure(&pf_dev, 2), 0);
    fake_mbx_pf_reset_done();
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    igbvf_service_stop(&vf);
    igb_port_stop(&vf.port);
    igb_port_stop(&pf.port);
    assert_true(igb_port_free(&vf.port));
    assert_true(igb_port_free(&pf.port));
    return fake_dma_in_use != 0 || pf.lock.depth != 0 || vf.lock.depth != 0;
}

/* The answer's dword 0. */
static inline uint32_t send(uint32_t dword0, uint32_t dword1, uint32_t dword2)
{
    uint32_t msg[3] = {dword0, dword1, dword2};

    assert_int_equal(igbvf_ask(&vf, msg, 3, 1), 0);
    return msg[0];
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

#endif
