/* What the PF of an 82576 answers its VFs: resets, MAC addresses, filters, VLANs. */
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
    igb_vfs_serve(&pf);
    assert_int_equal(pf.vfs[0].mbx.stats.req_cnt, 4);
    assert_int_equal(pf.vfs[0].mbx.stats.ack_cnt, 4);
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

/* ---- the other CPU in between ---- */

/* A VF is reset and asks for it when the PF has looked for a reset and not yet for a message. */
static void reset_and_ask(unsigned off)
{
    static const uint32_t msg = MBX_VF_RESET;

    if (off != mbx_layout_82576.vflre[0])
        return;
    fake_igb.mbx_read_hook = NULL;
    fake_igb_write(fake_igb.vf + E1000_VTCTRL / 4, E1000_CTRL_RST);
    mbx_reset(&vf.mbx, 10, 500);
    assert_int_equal(mbx_write(&vf.mbx, &msg, 1), 0);
}

static void reset_between_two_looks(void **state)
{
    (void)state;
    assert_int_equal(igbvf_reset(&vf), 0);
    fake_igb.mbx_read_hook = reset_and_ask;
    igb_vfs_serve(&pf);
    assert_true(pf.vfs[0].cleared);
    assert_int_equal(FAKE_IGB_PF(E1000_VFRE), 0x81);
}

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
        TEST(reset_between_two_looks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
