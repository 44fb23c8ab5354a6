/* Both drivers of an 82576 and the mailbox between them, when one of them is gone, was reset, or
 * lies. */
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

#include "fake_igb_ends.h"

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

/* The link changes while a request waits: the answer goes first, and is not overwritten unread. */
static void ping_late(void)
{
    forged = NULL;
    assert_int_equal(igb_vf_ping(&pf, 0), -EBUSY); /* serves, and the VF cannot read meanwhile */
}

static void ping_does_not_overwrite_an_answer(void **state)
{
    uint32_t msg[2] = {5, 1522};

    (void)state;
    assert_int_equal(igbvf_reset(&vf), 0);
    forged = ping_late;
    assert_int_equal(igbvf_ask(&vf, msg, 2, 1), 0);
    assert_int_equal(msg[0], 0xa0000005);
    assert_int_equal(igb_vf_ping(&pf, 0), 0); /* it was read */
}

/* A ping of a PF that does not take that care is not taken for the answer. */
static void ping_and_serve(void)
{
    const uint32_t ping = MBX_PF_CONTROL | MBX_MSG_CTS;

    forged = NULL;
    igb_vfs_serve(&pf);
    assert_int_equal(mbx_write(&pf.vfs[0].mbx, &ping, 1), 0);
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

static void ask_again(void)
{
    const uint32_t msg[2] = {MBX_VF_SET_LPE, 1522};

    assert_int_equal(mbx_write(&vf.mbx, msg, 2), 0);
}

/* The thread gets away, and is called again. */
static void vf_that_never_stops(void **state)
{
    (void)state;
    assert_int_equal(igbvf_reset(&vf), 0);
    on_yield = ask_again;
    ask_again();
    igb_vfs_serve(&pf);
    assert_true(FAKE_IGB_PF(E1000_ICS) & E1000_ICR_VMMB);
    FAKE_IGB_PF(E1000_ICS) = 0;
    on_yield = NULL;
    igb_vfs_serve(&pf);
    assert_int_equal(FAKE_IGB_PF(E1000_ICS), 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nobody_drives_the_pf),
        TEST(silence_latches_until_reset),
        TEST(answers_that_are_none),
        TEST(multicast_mac_of_the_pf_is_not_used),
        TEST(the_pf_was_reset),
        TEST(ping_without_clearance),
        TEST(ping_does_not_overwrite_an_answer),
        TEST(ping_instead_of_an_answer),
        TEST(answers_are_no_requests),
        TEST(vf_that_never_stops),
        TEST(masked_pf_serves_nobody),
        TEST(vfs_on_and_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
