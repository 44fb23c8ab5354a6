/* Both drivers of an 82576 and the mailbox between them: what the PF answers, what the VF makes of
 * it, and what happens when one of them is gone. */
/* sources: drivers/igb/igb_vfs.c drivers/igb/igb_vf_msg.c drivers/igb/igb_hw.c
 * drivers/igb/igbvf_mbx.c drivers/igb/igbvf_life.c drivers/igb/igb_port.c drivers/igb/igb_rx.c
 * drivers/igb/igb_tx.c drivers/igb/mbx.c drivers/igb/mbx_vf.c drivers/igb/mbx_pf.c
 * drivers/netdev.c drivers/netbuf.c kernel/format.c kernel/error.c kernel/timer.c
 * tests/host/fake/fake_igb.c tests/host/fake/fake_mbx.c tests/host/fake/fake_dma.c
 * tests/host/fake/log.c tests/host/fake/clock.c tests/host/fake/wait.c tests/host/fake/work.c
 * tests/host/fake/mutex.c tests/host/fake/smp.c */
/* cflags: -include tests/host/fake/fake_igb.h */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

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

void thread_yield(void)
{
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

static int setup(void **state)
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

static int teardown(void **state)
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
static uint32_t send(uint32_t dword0, uint32_t dword1, uint32_t dword2)
{
    uint32_t msg[3] = {dword0, dword1, dword2};

    assert_int_equal(igbvf_ask(&vf, msg, 3, 1), 0);
    return msg[0];
}

static void assert_filter(unsigned index, const uint8_t *mac, uint32_t pool)
{
    uint8_t got[6];

    memcpy(got, &FAKE_IGB_PF(E1000_RAL(index)), 4);
    memcpy(got + 4, &FAKE_IGB_PF(E1000_RAH(index)), 2);
    assert_memory_equal(got, mac, 6);
    assert_int_equal(FAKE_IGB_PF(E1000_RAH(index)) & 0xffff0000u, pool);
}

/* ---- reset and MAC addresses ---- */

static void reset_without_administrator_mac(void **state)
{
    (void)state;
    assert_int_equal(igbvf_reset(&vf), 0);
    assert_true(vf.up && vf.port.netdev.link_up && pf.vfs[0].cleared && !pf.vfs[1].cleared);
    assert_int_equal(vf.port.netdev.info.mac[0], 0x02);
    assert_memory_equal(pf.vfs[0].mac, vf.port.netdev.info.mac, 6);
    assert_filter(1, vf.port.netdev.info.mac, E1000_RAH_AV | E1000_RAH_POOL(0));
    assert_filter(0, mac_pf, E1000_RAH_AV | E1000_RAH_POOL(7));
    assert_int_equal(FAKE_IGB_PF(E1000_VFRE), 0x81);
    assert_int_equal(FAKE_IGB_PF(E1000_VFTE), 0x81);
    assert_true(fake_log_has("name=vf0 kind=mailbox pf=net0 msg=reset verdict=nack"));
    assert_true(fake_log_has("name=vf0 kind=mailbox pf=net0 msg=set-mac verdict=ack"));
    assert_int_equal(FAKE_IGB_VF(E1000_VTIVAR), 0x8180);
    assert_int_equal(FAKE_IGB_VF(E1000_VTIVAR_MISC), 0x82);
    assert_int_equal(FAKE_IGB_VF(E1000_VTEIMS), 7);
}

static void made_mac_is_kept(void **state)
{
    uint8_t mac[6];

    (void)state;
    assert_int_equal(igbvf_reset(&vf), 0);
    memcpy(mac, vf.port.netdev.info.mac, 6);
    assert_int_equal(igbvf_reset(&vf), 0);
    assert_memory_equal(vf.port.netdev.info.mac, mac, 6);
}

static void reset_with_administrator_mac(void **state)
{
    (void)state;
    assert_int_equal(igb_vf_set_admin_mac(&pf, 0, mac_a), 0);
    assert_int_equal(igbvf_reset(&vf), 0);
    assert_memory_equal(vf.port.netdev.info.mac, mac_a, 6);
    assert_filter(1, mac_a, E1000_RAH_AV | E1000_RAH_POOL(0));
    assert_true(fake_log_has("msg=reset verdict=ack mac=02:11:22:33:44:55"));
    assert_int_equal(igbvf_set_mac(&vf, mac_a), -EACCES);
    assert_int_equal(igbvf_set_mac(&vf, mac_b), -EACCES);
    assert_memory_equal(vf.port.netdev.info.mac, mac_a, 6);
    assert_filter(1, mac_a, E1000_RAH_AV | E1000_RAH_POOL(0));
    assert_int_equal(igb_vf_set_admin_mac(&pf, 0, mac_none), 0);
    assert_int_equal(igbvf_reset(&vf), 0);
    assert_int_equal(igbvf_set_mac(&vf, mac_b), 0);
    assert_filter(1, mac_b, E1000_RAH_AV | E1000_RAH_POOL(0));
}

static void impossible_macs(void **state)
{
    static const uint8_t group[6] = {1, 0, 0x5e, 0, 0, 1};

    (void)state;
    assert_int_equal(igb_vf_set_admin_mac(&pf, 0, group), -EINVAL);
    assert_int_equal(igb_vf_set_admin_mac(&pf, IGB_VF_MAX, mac_a), -ERANGE);
    assert_int_equal(igbvf_reset(&vf), 0);
    assert_int_equal(igbvf_set_mac(&vf, group), -EINVAL);
    assert_int_equal(send(2, 0x005e0001, 1), 0x60000002);
    assert_int_equal(send(2, 0, 0), 0x60000002);
}

/* ---- policy ---- */

static void nothing_before_reset(void **state)
{
    static const uint32_t ids[] = {2, 3, 4, 5, 6, 0x77};

    (void)state;
    mbx_note(&vf.mbx);
    mbx_reset(&vf.mbx, 10, 500);
    for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
        assert_int_equal(send(ids[i], 100, 0), ids[i] | MBX_MSG_NACK);
    assert_filter(1, mac_none, 0);
    assert_true(fake_log_has("msg=set-mac verdict=nack"));
    assert_true(fake_log_has("msg=0x77 verdict=nack"));
}

static void each_message(void **state)
{
    (void)state;
    assert_int_equal(igbvf_reset(&vf), 0);
    assert_int_equal(FAKE_IGB_PF(E1000_VMOLR(0)) & (E1000_VMOLR_LPE | E1000_VMOLR_RLPML),
                     E1000_VMOLR_LPE | 1522);
    assert_true(FAKE_IGB_PF(E1000_VMOLR(0)) & E1000_VMOLR_ROMPE);
    assert_int_equal(send(5, 9728, 0), 0xa0000005);
    assert_int_equal(FAKE_IGB_PF(E1000_VMOLR(0)) & E1000_VMOLR_RLPML, 9728);
    assert_int_equal(send(5, 9729, 0), 0x60000005);
    assert_int_equal(send(5, 63, 0), 0x60000005);
    assert_int_equal(send(5, UINT32_MAX, 0), 0x60000005);
    assert_int_equal(FAKE_IGB_PF(E1000_VMOLR(0)) & E1000_VMOLR_RLPML, 9728);
    assert_int_equal(send(0x00000003, 0, 0), 0xa0000003);
    assert_false(FAKE_IGB_PF(E1000_VMOLR(0)) & E1000_VMOLR_ROMPE);
    assert_int_equal(send(0x001e0003, 0, 0), 0xa01e0003);
    assert_int_equal(send(0x001f0003, 0, 0), 0x601f0003);
    assert_int_equal(send(0x00010002, 0x2, 0x1), 0x60010002); /* a further filter */
    assert_int_equal(send(6, 0, 0), 0x60000006);
}

static void vlans(void **state)
{
    (void)state;
    assert_int_equal(igbvf_reset(&vf), 0);
    assert_int_equal(send(0x10004, 100, 0), 0xa0010004);
    assert_int_equal(FAKE_IGB_PF(E1000_VLVF(0)), E1000_VLVF_ENABLE | E1000_VLVF_POOL(0) | 100);
    assert_int_equal(FAKE_IGB_PF(E1000_VFTA(3)), 1u << 4);
    assert_true(FAKE_IGB_PF(E1000_RCTL) & E1000_RCTL_VFE);
    FAKE_IGB_PF(E1000_VLVF(0)) |= E1000_VLVF_POOL(1); /* another VF's too */
    assert_int_equal(send(0x4, 100, 0), 0xa0000004);
    assert_int_equal(FAKE_IGB_PF(E1000_VLVF(0)), E1000_VLVF_ENABLE | E1000_VLVF_POOL(1) | 100);
    assert_int_equal(FAKE_IGB_PF(E1000_VFTA(3)), 1u << 4);
    assert_int_equal(send(0x10004, 4096, 0), 0x60010004);
    for (unsigned vid = 101; vid < 101 + E1000_VLVF_CNT - 1; vid++)
        assert_int_equal(send(0x10004, vid, 0), 0xa0010004);
    assert_int_equal(send(0x10004, 200, 0), 0x60010004); /* the table is full */
    assert_int_equal(igbvf_reset(&vf), 0);               /* all is forgotten, but the other VF's */
    for (unsigned i = 1; i < E1000_VLVF_CNT; i++)
        assert_int_equal(FAKE_IGB_PF(E1000_VLVF(i)), 0);
    assert_int_equal(FAKE_IGB_PF(E1000_VFTA(3)), 1u << 4);
    assert_true(FAKE_IGB_PF(E1000_RCTL) & E1000_RCTL_VFE);
}

/* ---- the other end is gone, or lies ---- */

static void nobody_drives_the_pf(void **state)
{
    (void)state;
    fake_mbx_pf_reset();
    pf_absent = true;
    assert_int_equal(igbvf_reset(&vf), -ENODEV);
    assert_true(vf.pf_lost);
    assert_false(vf.up);
    assert_int_equal(vf.mbx.stats.tx_cnt, 0);
}

static void silence_latches_until_reset(void **state)
{
    uint32_t msg[1] = {5};

    (void)state;
    assert_int_equal(igbvf_reset(&vf), 0);
    pf_absent = true;
    assert_int_equal(igbvf_ask(&vf, msg, 1, 1), -ETIMEDOUT);
    assert_true(fake_log_has("name=vf0 kind=mailbox vf=net1 msg=0x5 verdict=timeout"));
    pf_absent = false;
    assert_int_equal(igbvf_ask(&vf, msg, 1, 1), -ENOTCONN);
    assert_int_equal(igbvf_set_mac(&vf, mac_a), -ENOTCONN);
    assert_int_equal(igbvf_reset(&vf), 0);
    assert_int_equal(igbvf_set_mac(&vf, mac_a), 0);
}

static uint32_t forged_dword;

static void forge(void)
{
    struct mbx end;
    uint32_t msg[MBX_DWORD_CNT];

    mbx_init(&end, &mbx_pf_ops, &mbx_layout_82576, pf.vfs[0].mbx.io, &pf.port, 0);
    if (!mbx_check_for_msg(&end))
        return;
    forged = NULL; /* its own waits are not ours */
    assert_int_equal(mbx_read(&end, msg, MBX_DWORD_CNT), 0);
    assert_int_equal(mbx_write(&end, &forged_dword, 1), 0);
}

/* An answer to something else, one without a verdict, and a verdict that is both. */
static void answers_that_are_none(void **state)
{
    static const uint32_t wrong[] = {0x80000006, 0x00000005, 0x00000000, UINT32_MAX};
    uint32_t msg[1];

    (void)state;
    assert_int_equal(igbvf_reset(&vf), 0);
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        forged = forge;
        forged_dword = wrong[i];
        msg[0] = 5;
        assert_int_equal(igbvf_ask(&vf, msg, 1, 1), -EIO);
    }
}

static void multicast_mac_of_the_pf_is_not_used(void **state)
{
    (void)state;
    forged = forge;
    forged_dword = MBX_VF_RESET | MBX_MSG_ACK;
    fake_mbx.vfs[0].mem[1] = 0x00000001;
    vf.pf_lost = false;
    igbvf_quiet(&vf);
    assert_int_equal(igbvf_mbx_reset(&vf), 0);
    assert_true(igb_mac_usable(vf.port.netdev.info.mac));
}

static void the_pf_was_reset(void **state)
{
    (void)state;
    assert_int_equal(igbvf_reset(&vf), 0);
    fake_mbx_pf_reset();
    igb_vfs_start(&pf);
    assert_false(pf.vfs[0].cleared);
    fake_mbx_pf_reset_done();
    work_queue(&vf.service); /* as the watchdog does */
    fake_work_run();
    assert_true(vf.up && pf.vfs[0].cleared);
    assert_true(fake_log_has("the PF was reset, and has cleared us again"));
    assert_int_equal(vf.mbx.stats.rst_cnt, 1);
}

/* Without CTS: the PF forgot us, though no reset was seen. */
static void ping_without_clearance(void **state)
{
    (void)state;
    assert_int_equal(igbvf_reset(&vf), 0);
    assert_int_equal(igb_vf_ping(&pf, 0), 0);
    igbvf_mailbox_interrupt(&vf);
    fake_work_run();
    assert_int_equal(pf.vfs[0].mbx.stats.rst_cnt, 1);
    pf.vfs[0].cleared = false;
    assert_int_equal(igb_vf_ping(&pf, 0), 0);
    igbvf_mailbox_interrupt(&vf);
    fake_work_run();
    assert_true(pf.vfs[0].cleared && vf.up);
    assert_true(pf.vfs[0].mbx.stats.rst_cnt > 1);
}

/* A ping between request and answer is not taken for the answer. */
static void ping_and_serve(void)
{
    forged = NULL;
    assert_int_equal(igb_vf_ping(&pf, 0), 0); /* serves first, then overwrites the answer */
}

static void ping_instead_of_an_answer(void **state)
{
    uint32_t msg[2] = {5, 1522};

    (void)state;
    assert_int_equal(igbvf_reset(&vf), 0);
    forged = ping_and_serve;
    assert_int_equal(igbvf_ask(&vf, msg, 2, 1), -ETIMEDOUT); /* lost, and not mistaken */
    assert_int_equal(msg[0], MBX_PF_CONTROL | MBX_MSG_CTS);
}

static void answers_are_no_requests(void **state)
{
    uint32_t msg[1] = {5 | MBX_MSG_ACK};

    (void)state;
    assert_int_equal(igbvf_reset(&vf), 0);
    fake_log_clear();
    assert_int_equal(mbx_write(&vf.mbx, msg, 1), 0);
    igb_vfs_serve(&pf);
    assert_string_equal(fake_log_text(), "");
    assert_int_equal(pf.vfs[0].mbx.stats.rx_cnt, pf.vfs[0].mbx.stats.tx_cnt + 1);
}

static void masked_pf_serves_nobody(void **state)
{
    (void)state;
    assert_int_equal(igbvf_reset(&vf), 0);
    igb_vfs_mask(&pf, true);
    assert_false(FAKE_IGB_PF(E1000_IMS) & E1000_ICR_VMMB);
    assert_int_equal(igbvf_set_mac(&vf, mac_a), -ETIMEDOUT);
    assert_int_equal(igb_vf_ping(&pf, 0), -EBUSY);
    igb_vfs_mask(&pf, false);
    assert_true(FAKE_IGB_PF(E1000_IMS) & E1000_ICR_VMMB);
    igb_vfs_serve(&pf);
    assert_memory_equal(pf.vfs[0].mac, mac_a, 6);
}

static void vfs_on_and_off(void **state)
{
    (void)state;
    assert_int_equal(igb_sriov_configure(&pf_dev, 1), -EBUSY);
    assert_int_equal(igb_sriov_configure(&pf_dev, IGB_VF_MAX + 1), -ERANGE);
    assert_int_equal(igb_sriov_configure(&pf_dev, 0), 0);
    assert_int_equal(pf.vf_cnt, 0);
    assert_int_equal(igb_vf_ping(&pf, 0), -ENODEV);
    sriov_error = -ENOSPC;
    assert_int_equal(igb_sriov_configure(&pf_dev, 7), -ENOSPC);
    assert_int_equal(pf.vf_cnt, 0);
    sriov_error = 0;
    assert_int_equal(igb_sriov_configure(&pf_dev, 7), 0);
    assert_int_equal(pf.vf_cnt, 7);
    assert_int_equal(sriov_calls, 4);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reset_without_administrator_mac),
        TEST(made_mac_is_kept),
        TEST(reset_with_administrator_mac),
        TEST(impossible_macs),
        TEST(nothing_before_reset),
        TEST(each_message),
        TEST(vlans),
        TEST(nobody_drives_the_pf),
        TEST(silence_latches_until_reset),
        TEST(answers_that_are_none),
        TEST(multicast_mac_of_the_pf_is_not_used),
        TEST(the_pf_was_reset),
        TEST(ping_without_clearance),
        TEST(ping_instead_of_an_answer),
        TEST(answers_are_no_requests),
        TEST(masked_pf_serves_nobody),
        TEST(vfs_on_and_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
