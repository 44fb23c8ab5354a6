/* The mailbox engine, one step at a time: the lock, what is flushed, the copy, the request, and
 * the counters. */
/* sources: drivers/igb/mbx.c drivers/igb/mbx_vf.c drivers/igb/mbx_pf.c tests/host/fake/fake_mbx.c
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_mbx_ends.h"

static void fill(uint32_t *msg)
{
    for (unsigned i = 0; i < MBX_DWORD_CNT; i++)
        msg[i] = 0x01020304u * (i + 1);
}

/* ---- row 48 ---- */

static void locked_buffer_is_not_written(void **state)
{
    uint32_t msg[MBX_DWORD_CNT] = {1, 2, 3};

    (void)state;
    regs()->v2p = MBX_V2P_PFU;
    regs()->p2v = MBX_P2V_PFU;
    assert_int_equal(mbx_write(&vf, msg, 3), -EBUSY);
    assert_int_equal(mbx_read(&vf, msg, 3), -EBUSY);
    assert_int_equal(mbx_write_posted(&vf, msg, 3), -EBUSY);
    assert_int_equal(fake_mbx.mem_write_cnt, 0);
    assert_int_equal(fake_mbx.icr[vf_nr / 16], 0);
    assert_int_equal(fake_mbx.delay_cnt, 3 * MBX_LOCK_TRIES);
    assert_int_equal(vf.stats.tx_cnt + vf.stats.rx_cnt, 0);

    regs()->v2p = MBX_V2P_VFU;
    regs()->p2v = MBX_P2V_VFU;
    assert_int_equal(mbx_write(&pf, msg, 3), -EBUSY);
    assert_int_equal(mbx_read(&pf, msg, 3), -EBUSY);
    assert_int_equal(fake_mbx.mem_write_cnt, 0);
    assert_int_equal(regs()->v2p, MBX_V2P_VFU);
}

/* A card that ignores the bit, whoever has the buffer: only what is read back counts. */
static void lock_is_confirmed(void **state)
{
    uint32_t msg[1] = {1};

    (void)state;
    fake_mbx.lock_sticks = true;
    assert_int_equal(mbx_write(&vf, msg, 1), -EBUSY);
    assert_int_equal(mbx_write(&pf, msg, 1), -EBUSY);
    assert_int_equal(fake_mbx.mem_write_cnt, 0);
}

static void release_by_pf(void)
{
    if (fake_mbx.delay_cnt == 3) {
        regs()->v2p &= ~MBX_V2P_PFU;
        regs()->p2v &= ~MBX_P2V_PFU;
    }
}

static void lock_waits_a_moment(void **state)
{
    uint32_t msg[1] = {7};

    (void)state;
    regs()->v2p = MBX_V2P_PFU;
    regs()->p2v = MBX_P2V_PFU;
    fake_mbx.step = release_by_pf;
    assert_int_equal(mbx_write(&vf, msg, 1), 0);
    assert_int_equal(fake_mbx.delay_cnt, 3);
    assert_int_equal(regs()->mem[0], 7);
}

/* ---- row 49 ---- */

static void stale_flags_are_flushed(void **state)
{
    uint32_t msg[1] = {5};

    (void)state;
    regs()->v2p = MBX_V2P_PFSTS | MBX_V2P_PFACK;
    assert_int_equal(mbx_note(&vf) & MBX_V2P_READ_CLEAR, MBX_V2P_PFSTS | MBX_V2P_PFACK);
    assert_int_equal(mbx_write_posted(&vf, msg, 1), -ETIMEDOUT);
    assert_int_equal(vf.stats.ack_cnt, 0);
    assert_false(mbx_check_for_msg(&vf));

    fake_mbx.icr[vf_nr / 16] = 0xffffffffu;
    assert_int_equal(mbx_write(&pf, msg, 1), 0);
    assert_int_equal(fake_mbx.icr[vf_nr / 16],
                     ~(MBX_ICR_REQ(vf_nr) | MBX_ICR_ACK(vf_nr))); /* of the other VFs: kept */
    assert_false(mbx_check_for_msg(&pf) || mbx_check_for_ack(&pf));
    assert_int_equal(pf.stats.req_cnt + pf.stats.ack_cnt, 0);
}

/* Flags that come with the lock, in the very read that confirms it. */
static void flush_keeps_reset_indication(void **state)
{
    uint32_t msg[1] = {5};

    (void)state;
    regs()->v2p = MBX_V2P_READ_CLEAR;
    assert_int_equal(mbx_write(&vf, msg, 1), 0);
    assert_false(mbx_check_for_msg(&vf) || mbx_check_for_ack(&vf));
    assert_true(mbx_check_for_rst(&vf));
    assert_false(mbx_check_for_rst(&vf));
}

/* ---- row 50 ---- */

static void message_is_copied_and_bounded(void **state)
{
    uint32_t msg[MBX_DWORD_CNT + 1] = {0}, got[MBX_DWORD_CNT + 1];

    (void)state;
    fill(msg);
    assert_int_equal(mbx_write(&vf, msg, MBX_DWORD_CNT), 0);
    assert_int_equal(fake_mbx.mem_write_cnt, MBX_DWORD_CNT);
    assert_memory_equal(regs()->mem, msg, 4 * MBX_DWORD_CNT);
    got[MBX_DWORD_CNT] = 0xdead;
    assert_int_equal(mbx_read(&pf, got, MBX_DWORD_CNT), 0);
    assert_memory_equal(got, msg, 4 * MBX_DWORD_CNT);
    assert_int_equal(got[MBX_DWORD_CNT], 0xdead);

    for (unsigned cnt = 0; cnt <= MBX_DWORD_CNT + 1; cnt += MBX_DWORD_CNT + 1) {
        struct mbx *ends[] = {&vf, &pf};

        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(mbx_write(ends[i], msg, cnt), -EMSGSIZE);
            assert_int_equal(mbx_read(ends[i], got, cnt), -EMSGSIZE);
            assert_int_equal(mbx_write_posted(ends[i], msg, cnt), -EMSGSIZE);
            assert_int_equal(mbx_read_posted(ends[i], got, cnt), -EMSGSIZE);
        }
    }
    assert_int_equal(fake_mbx.mem_write_cnt, MBX_DWORD_CNT);
    assert_false((regs()->v2p | regs()->p2v) & (MBX_V2P_VFU | MBX_V2P_PFU));
    for (unsigned i = 0; i < FAKE_MBX_VF_CNT; i++)
        assert_true(i == vf_nr || fake_mbx.vfs[i].mem[0] == 0);
}

/* ---- row 51 ---- */

static void request_gives_buffer_up_and_interrupts(void **state)
{
    uint32_t msg[1] = {9};

    (void)state;
    assert_int_equal(mbx_write(&vf, msg, 1), 0);
    assert_int_equal(regs()->v2p & MBX_V2P_VFU, 0);
    assert_int_equal(regs()->p2v & MBX_P2V_VFU, 0);
    assert_int_equal(fake_mbx.pf_irq_cnt, 1);
    assert_true(mbx_check_for_msg(&pf));
    assert_false(mbx_check_for_msg(&pf));

    /* Locked, read and acknowledged by one write of the PF. */
    assert_int_equal(mbx_read(&pf, msg, 1), 0);
    assert_int_equal(regs()->v2p, MBX_V2P_PFACK);
    assert_int_equal(mbx_write(&pf, msg, 1), 0);
    assert_int_equal(regs()->v2p, MBX_V2P_PFACK | MBX_V2P_PFSTS);
    assert_int_equal(regs()->p2v, 0);
    assert_int_equal(fake_mbx.pf_irq_cnt, 1);

    /* Reading it is the VF's second interrupt to the PF. */
    assert_int_equal(mbx_read(&vf, msg, 1), 0);
    assert_int_equal(fake_mbx.pf_irq_cnt, 2);
    assert_true(mbx_check_for_ack(&pf));
    assert_false(mbx_check_for_ack(&pf));
}

/* ---- row 55 ---- */

static void counters(void **state)
{
    uint32_t msg[2] = {1, 2};

    (void)state;
    fake_mbx.step = serve;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(mbx_write_posted(&vf, msg, 2), 0);
        assert_int_equal(mbx_read_posted(&vf, msg, 2), 0);
        assert_true(mbx_check_for_ack(&pf));
    }
    fake_mbx_pf_reset();
    assert_true(mbx_check_for_rst(&vf));
    fake_mbx_vf_reset(vf_nr);
    assert_true(mbx_check_for_rst(&pf));
    assert_memory_equal(&vf.stats, &((struct mbx_stats){3, 3, 3, 3, 1}), sizeof(vf.stats));
    assert_memory_equal(&pf.stats, &((struct mbx_stats){3, 3, 3, 3, 1}), sizeof(pf.stats));
    assert_int_equal(fake_mbx.pf_irq_cnt, 3 + 3 + 1);
    mbx_reset(&vf, TRIES, STEP);
    assert_int_equal(vf.stats.tx_cnt, 3);
}

/* Every VF has its own registers, memory and bits. */
static void vfs_keep_apart(void **state)
{
    static struct mbx vfs[FAKE_MBX_VF_CNT], pfs[FAKE_MBX_VF_CNT];
    uint32_t msg[1];

    (void)state;
    for (unsigned i = 0; i < layout->vf_cnt; i++) {
        mbx_init(&vfs[i], &mbx_vf_ops, layout, &fake_mbx_io, &fake_mbx_vf_ctx[i], i);
        mbx_init(&pfs[i], &mbx_pf_ops, layout, &fake_mbx_io, NULL, i);
        msg[0] = 100 + i;
        assert_int_equal(mbx_write(&vfs[i], msg, 1), 0);
    }
    for (unsigned i = layout->vf_cnt; i-- > 0;) {
        assert_true(mbx_check_for_msg(&pfs[i]));
        assert_int_equal(mbx_read(&pfs[i], msg, 1), 0);
        assert_int_equal(msg[0], 100 + i);
        assert_true(mbx_check_for_ack(&vfs[i]));
    }
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(fake_mbx.icr[i], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(locked_buffer_is_not_written),
        BOTH(lock_is_confirmed),
        BOTH(lock_waits_a_moment),
        BOTH(stale_flags_are_flushed),
        BOTH(flush_keeps_reset_indication),
        BOTH(message_is_copied_and_bounded),
        BOTH(request_gives_buffer_up_and_interrupts),
        BOTH(counters),
        BOTH(vfs_keep_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
