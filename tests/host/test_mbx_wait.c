/* The mailbox engine waiting: posted reads and writes, time limits, and every order in which the
 * other end can set its flags. */
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

/* ---- row 52 ---- */

static void posted_exchange(void **state)
{
    uint32_t msg[3] = {MBX_VF_RESET, 0xaabbccdd, 0x1122};

    (void)state;
    fake_mbx.step = serve;
    reply_at = 4;
    assert_int_equal(mbx_write_posted(&vf, msg, 3), 0);
    assert_int_equal(fake_mbx.delay_cnt, 4);
    memset(msg, 0, sizeof(msg));
    assert_int_equal(mbx_read_posted(&vf, msg, 3), 0);
    assert_int_equal(fake_mbx.delay_cnt, 4); /* the answer had come with the acknowledgement */
    assert_int_equal(msg[0], MBX_VF_RESET | MBX_MSG_ACK);
    assert_int_equal(msg[1], 0xaabbccdd);
    assert_int_equal(vf.tries, TRIES);
}

static void wait_is_bounded(void **state)
{
    uint32_t msg[1] = {1};

    (void)state;
    assert_int_equal(mbx_write_posted(&vf, msg, 1), -ETIMEDOUT);
    assert_int_equal(fake_mbx.delay_cnt, TRIES);
    assert_int_equal(fake_mbx.delayed_us, TRIES * STEP);
    setup(layout, vf_nr);
    assert_int_equal(mbx_read_posted(&vf, msg, 1), -ETIMEDOUT);
    assert_int_equal(fake_mbx.delay_cnt, TRIES);
    setup(layout, vf_nr);
    assert_int_equal(mbx_write_posted(&pf, msg, 1), -ETIMEDOUT);
    assert_int_equal(mbx_read_posted(&pf, msg, 1), -ENOTCONN);
}

/* ---- row 53 ---- */

static void timeout_latches_until_reset(void **state)
{
    uint32_t msg[1] = {1};
    unsigned writes, delays;

    (void)state;
    assert_int_equal(mbx_write_posted(&vf, msg, 1), -ETIMEDOUT);
    writes = fake_mbx.mem_write_cnt;
    delays = fake_mbx.delay_cnt;
    regs()->v2p |= MBX_V2P_PFACK | MBX_V2P_PFSTS; /* too late */
    assert_int_equal(mbx_write_posted(&vf, msg, 1), -ENOTCONN);
    assert_int_equal(mbx_read_posted(&vf, msg, 1), -ENOTCONN);
    assert_int_equal(fake_mbx.mem_write_cnt, writes);
    assert_int_equal(fake_mbx.delay_cnt, delays);
    fake_mbx.icr[vf_nr / 16] = 0;

    mbx_reset(&vf, TRIES, STEP);
    fake_mbx.step = serve;
    assert_int_equal(mbx_write_posted(&vf, msg, 1), 0);
    assert_int_equal(mbx_read_posted(&vf, msg, 1), 0);
}

static void no_timeout_is_an_error_at_once(void **state)
{
    uint32_t msg[1] = {1};

    (void)state;
    mbx_reset(&vf, 0, STEP);
    assert_int_equal(mbx_write_posted(&vf, msg, 1), -ENOTCONN);
    assert_int_equal(mbx_read_posted(&vf, msg, 1), -ENOTCONN);
    assert_int_equal(fake_mbx.delay_cnt + fake_mbx.mem_write_cnt + fake_mbx.pf_irq_cnt, 0);
}

static void missing_operation_is_an_error_at_once(void **state)
{
    struct mbx_ops ops = mbx_vf_ops;
    uint32_t msg[1] = {1};

    (void)state;
    vf.ops = &ops;
    ops.check_for_ack = NULL;
    assert_int_equal(mbx_write_posted(&vf, msg, 1), -ENOTSUP);
    ops = mbx_vf_ops;
    ops.write = NULL;
    assert_int_equal(mbx_write(&vf, msg, 1), -ENOTSUP);
    assert_int_equal(mbx_write_posted(&vf, msg, 1), -ENOTSUP);
    ops = mbx_vf_ops;
    ops.check_for_msg = NULL;
    assert_int_equal(mbx_read_posted(&vf, msg, 1), -ENOTSUP);
    ops = mbx_vf_ops;
    ops.read = NULL;
    assert_int_equal(mbx_read(&vf, msg, 1), -ENOTSUP);
    assert_int_equal(mbx_read_posted(&vf, msg, 1), -ENOTSUP);
    memset(&ops, 0, sizeof(ops));
    assert_false(mbx_check_for_msg(&vf) || mbx_check_for_ack(&vf) || mbx_check_for_rst(&vf));
    assert_int_equal(fake_mbx.delay_cnt + fake_mbx.mem_write_cnt + fake_mbx.pf_irq_cnt, 0);
}

/* ---- row 54 ---- */

/* Each order in which the three bits can be set and looked for: none is lost or seen twice. */
static void every_order_of_flags(void **state)
{
    static bool (*const checks[])(struct mbx *) = {mbx_check_for_msg, mbx_check_for_ack,
                                                   mbx_check_for_rst};
    static const uint32_t bits[] = {MBX_V2P_PFSTS, MBX_V2P_PFACK, MBX_V2P_RSTD};

    (void)state;
    for (unsigned set = 0; set < 8; set++) {
        for (unsigned order = 0; order < 27; order++) {
            const unsigned first = order % 3, second = order / 3 % 3, third = order / 9;
            const unsigned sequence[] = {first, second, third};
            unsigned left = set;

            setup(layout, vf_nr);
            for (unsigned i = 0; i < 3; i++)
                regs()->v2p |= (set >> i & 1) ? bits[i] : 0;
            for (unsigned i = 0; i < 3; i++) {
                assert_int_equal(checks[sequence[i]](&vf), left >> sequence[i] & 1);
                left &= ~(1u << sequence[i]);
            }
            for (unsigned i = 0; i < 3; i++)
                assert_int_equal(checks[i](&vf), left >> i & 1);
        }
    }
}

/* An answer before its acknowledgement, and an acknowledgement without an answer. */
static void answer_first(void)
{
    if (fake_mbx.delay_cnt == 1)
        regs()->v2p |= MBX_V2P_PFSTS;
    if (fake_mbx.delay_cnt == 2)
        regs()->v2p |= MBX_V2P_PFACK;
}

static void wrong_order_of_answer(void **state)
{
    uint32_t msg[1] = {1};

    (void)state;
    fake_mbx.step = answer_first;
    assert_int_equal(mbx_write_posted(&vf, msg, 1), 0);
    assert_int_equal(mbx_read_posted(&vf, msg, 1), 0);
    assert_int_equal(fake_mbx.delay_cnt, 2);
    assert_int_equal(mbx_read_posted(&vf, msg, 1), -ETIMEDOUT);
}

static void acknowledge_only(void)
{
    regs()->v2p |= MBX_V2P_PFACK;
}

static void acknowledgement_is_no_answer(void **state)
{
    uint32_t msg[1] = {1};

    (void)state;
    fake_mbx.step = acknowledge_only;
    assert_int_equal(mbx_write_posted(&vf, msg, 1), 0);
    assert_int_equal(mbx_read_posted(&vf, msg, 1), -ETIMEDOUT);
    assert_int_equal(vf.stats.rx_cnt, 0);
}

static void message_only(void)
{
    regs()->v2p |= MBX_V2P_PFSTS;
}

static void message_is_no_acknowledgement(void **state)
{
    uint32_t msg[1] = {1};

    (void)state;
    fake_mbx.step = message_only;
    assert_int_equal(mbx_write_posted(&vf, msg, 1), -ETIMEDOUT);
    assert_int_equal(vf.stats.ack_cnt, 0);
}

/* An interrupt handler reads the register between any two looks of the thread. */
static void note_and_answer(void)
{
    serve();
    mbx_note(&vf);
}

static void handler_takes_nothing_away(void **state)
{
    uint32_t msg[1] = {1};

    (void)state;
    fake_mbx.step = note_and_answer;
    assert_int_equal(mbx_write_posted(&vf, msg, 1), 0);
    assert_int_equal(mbx_read_posted(&vf, msg, 1), 0);
    assert_int_equal(msg[0], 1 | MBX_MSG_ACK);
}

static void pf_goes_into_reset(void)
{
    if (fake_mbx.delay_cnt == 3)
        fake_mbx_pf_reset();
}

static void reset_ends_a_wait(void **state)
{
    uint32_t msg[1] = {1};

    (void)state;
    fake_mbx.step = pf_goes_into_reset;
    assert_int_equal(mbx_write_posted(&vf, msg, 1), -ECONNRESET);
    assert_int_equal(fake_mbx.delay_cnt, 3);
    assert_int_equal(vf.tries, TRIES); /* that is no time-out */
    assert_true(mbx_check_for_rst(&vf));
    assert_true(mbx_check_for_rst(&vf)); /* as long as it lasts */
    fake_mbx_pf_reset_done();
    assert_true(mbx_check_for_rst(&vf));
    assert_false(mbx_check_for_rst(&vf));
}

static void pf_hears_of_resets_apart(void **state)
{
    (void)state;
    fake_mbx_vf_reset(vf_nr);
    fake_mbx_vf_reset(vf_nr ^ 1);
    assert_false(mbx_check_for_msg(&pf) || mbx_check_for_ack(&pf));
    assert_true(mbx_check_for_rst(&pf));
    assert_false(mbx_check_for_rst(&pf));
    assert_int_equal(fake_mbx.vflre[vf_nr / 32], 1u << (vf_nr ^ 1) % 32);
    assert_int_equal(pf.stats.rst_cnt, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(posted_exchange),
        BOTH(wait_is_bounded),
        BOTH(timeout_latches_until_reset),
        BOTH(no_timeout_is_an_error_at_once),
        BOTH(missing_operation_is_an_error_at_once),
        BOTH(every_order_of_flags),
        BOTH(wrong_order_of_answer),
        BOTH(acknowledgement_is_no_answer),
        BOTH(message_is_no_acknowledgement),
        BOTH(handler_takes_nothing_away),
        BOTH(reset_ends_a_wait),
        BOTH(pf_hears_of_resets_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
