/* The modes of a function: every transition, what is checked before it, requests from memory that
 * another party writes. */
/* sources: msix/pci_irq_request.c msix/pci_irq.c msix/pci_vectors.c msix/msix.c msix/msi.c
 * msix/intx.c irq/irq.c irq/irq_action.c irq/irq_dispatch.c irq/irq_thread.c irq/irq_gsi.c
 * irq/spread.c pci/pci_bar.c pci/pci_cap.c pci/pci_config.c pci/pci_report.c kernel/format.c
 * kernel/error.c kernel/mutex.c kernel/timer.c tests/host/fake/fake_pci.c
 * tests/host/fake/fake_pci_irq.c tests/host/fake/fake_intr.c tests/host/fake/report.c
 * tests/host/fake/panic.c tests/host/fake/log.c tests/host/fake/fake_thread.c
 * tests/host/fake/wait.c tests/host/fake/clock.c */
/* cflags: -include tests/host/fake/fake_mmio.h */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_intr.h"
#include "fake_log.h"
#include "fake_panic.h"
#include "fake_pci_irq.h"
#include "irq/irq.h"
#include "msix/msix.h"
#include "msix/pci_irq_request.h"
#include "msix/pci_vectors.h"

static struct fake_irq_function function;
static struct pci_device *const pdev = &function.pdev;

static int setup(void **state)
{
    (void)state;
    fake_irq_reset();
    fake_irq_add(&function, 3, FAKE_IRQ_MASK_BITS);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_irq_reset();
    return 0;
}

static uint16_t command(void)
{
    return (uint16_t)fake_pci_get(function.fn, PCI_COMMAND, 2);
}

static bool msi_on(void)
{
    return fake_pci_get(function.fn, FAKE_IRQ_MSI + PCI_MSI_FLAGS, 2) & PCI_MSI_FLAGS_ENABLE;
}

static bool msix_on(void)
{
    return fake_pci_get(function.fn, FAKE_IRQ_MSIX + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_ENABLE;
}

/* Registers and bookkeeping agree on @mode. */
static void expect_mode(enum pci_irq_mode mode)
{
    assert_int_equal(pci_irq_mode(pdev), mode);
    assert_int_equal(msi_on(), mode == PCI_IRQ_MSI);
    assert_int_equal(msix_on(), mode == PCI_IRQ_MSIX);
    assert_int_equal(msix_enabled(pdev), mode == PCI_IRQ_MSIX);
    assert_int_equal(!(command() & PCI_COMMAND_INTX_DISABLE), mode == PCI_IRQ_INTX);
    assert_int_equal(pci_vector_cnt(pdev) > 0, mode != PCI_IRQ_OFF);
}

static void enter(enum pci_irq_mode mode)
{
    if (mode != PCI_IRQ_OFF)
        assert_int_equal(pci_irq_enable(pdev, mode, 1, NULL), 0);
    expect_mode(mode);
}

#define OFF  PCI_IRQ_OFF
#define INTX PCI_IRQ_INTX
#define MSI  PCI_IRQ_MSI
#define MSIX PCI_IRQ_MSIX

static const struct {
    enum pci_irq_mode from;
    bool enable;
    enum pci_irq_mode kind;
    int rc;
    enum pci_irq_mode to;
} transitions[] = {
    {OFF, true, INTX, 0, INTX},          {OFF, true, MSI, 0, MSI},
    {OFF, true, MSIX, 0, MSIX},          {OFF, false, INTX, 0, OFF},
    {OFF, false, MSI, 0, OFF},           {OFF, false, MSIX, 0, OFF},
    {INTX, true, INTX, -EALREADY, INTX}, {INTX, true, MSI, -EBUSY, INTX},
    {INTX, true, MSIX, -EBUSY, INTX},    {INTX, false, INTX, 0, OFF},
    {INTX, false, MSI, 0, INTX},         {INTX, false, MSIX, 0, INTX},
    {MSI, true, INTX, -EBUSY, MSI},      {MSI, true, MSI, -EALREADY, MSI},
    {MSI, true, MSIX, -ENXIO, MSI},      {MSI, false, INTX, 0, MSI},
    {MSI, false, MSI, 0, OFF},           {MSI, false, MSIX, 0, MSI},
    {MSIX, true, INTX, -EBUSY, MSIX},    {MSIX, true, MSI, -ENXIO, MSIX},
    {MSIX, true, MSIX, -EALREADY, MSIX}, {MSIX, false, INTX, 0, MSIX},
    {MSIX, false, MSI, 0, MSIX},         {MSIX, false, MSIX, 0, OFF},
};
#define TRANSITION_CNT (sizeof(transitions) / sizeof(transitions[0]))
_Static_assert(TRANSITION_CNT == 4 * 3 * 2, "every mode, every kind, both ways");

static void test_every_transition(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TRANSITION_CNT; i++) {
        uint8_t config[PCI_CFG_SPACE_LEN];
        int irq;

        enter(transitions[i].from);
        memcpy(config, function.fn->config, sizeof(config));
        irq = pci_vector_irq(pdev, 0);
        assert_int_equal(transitions[i].enable ? pci_irq_enable(pdev, transitions[i].kind, 1, NULL)
                                               : pci_irq_disable(pdev, transitions[i].kind),
                         transitions[i].rc);
        expect_mode(transitions[i].to);
        if (transitions[i].to == transitions[i].from) {
            assert_memory_equal(config, function.fn->config, sizeof(config));
            assert_int_equal(pci_vector_irq(pdev, 0), irq);
        }
        pci_vectors_free(pdev);
        fake_irq_expect_untouched(&function);
    }
}

static void test_what_is_no_kind(void **state)
{
    (void)state;
    assert_int_equal(pci_irq_enable(pdev, PCI_IRQ_OFF, 1, NULL), -EINVAL);
    assert_int_equal(pci_irq_enable(pdev, (enum pci_irq_mode)4, 1, NULL), -EINVAL);
    assert_int_equal(pci_irq_disable(pdev, (enum pci_irq_mode)4), 0);
    assert_int_equal(pci_irq_disable(pdev, PCI_IRQ_OFF), 0);
    fake_irq_expect_untouched(&function);
}

static void test_more_than_there_can_be(void **state)
{
    (void)state;
    assert_int_equal(pci_irq_enable(pdev, INTX, 2, NULL), -EINVAL);
    assert_int_equal(pci_irq_enable(pdev, MSI, 33, NULL), -EINVAL);
    assert_int_equal(pci_irq_enable(pdev, MSIX, 2049, NULL), -EINVAL);
    assert_int_equal(pci_irq_enable(pdev, MSI, 0, NULL), -EINVAL);
    assert_int_equal(pci_irq_enable(pdev, MSI, 9, NULL), -ENOSPC);
    assert_int_equal(pci_irq_enable(pdev, MSIX, 5, NULL), -ENOSPC);
    fake_irq_expect_untouched(&function);
}

static void test_what_the_function_lacks(void **state)
{
    (void)state;
    pdev->msi_cap = pdev->msix_cap = 0;
    pdev->intx_pin = 0;
    assert_int_equal(pci_irq_enable(pdev, INTX, 1, NULL), -ENODEV);
    assert_int_equal(pci_irq_enable(pdev, MSI, 1, NULL), -ENODEV);
    assert_int_equal(pci_irq_enable(pdev, MSIX, 1, NULL), -ENODEV);
    assert_int_equal(pci_irq_line(pdev), 0);
    for (enum pci_irq_mode kind = INTX; kind <= MSIX; kind++)
        assert_int_equal(pci_vectors_offered(pdev, kind), 0);
    fake_irq_expect_untouched(&function);
}

static void test_msix_needs_memory_decoding(void **state)
{
    (void)state;
    fake_pci_put(function.fn, PCI_COMMAND, 2, PCI_COMMAND_IO);
    memcpy(function.config_before, function.fn->config, sizeof(function.config_before));
    assert_int_equal(pci_irq_enable(pdev, MSIX, 1, NULL), -ENXIO);
    fake_irq_expect_untouched(&function); /* INTx is on again as it was */
}

static enum irq_return handle(void *cookie)
{
    ++*(unsigned *)cookie;
    return IRQ_HANDLED;
}

static void test_actions_hold_the_mode(void **state)
{
    unsigned calls = 0;

    (void)state;
    for (enum pci_irq_mode kind = MSI; kind <= MSIX; kind++) {
        assert_int_equal(pci_irq_enable(pdev, kind, 2, NULL), 0);
        assert_int_equal(irq_request((unsigned)pci_vector_irq(pdev, 1), handle, &calls, "used"), 0);
        assert_int_equal(pci_irq_disable(pdev, kind), -EBUSY);
        expect_mode(kind);
        assert_true(PANICS(pci_vectors_free(pdev)));
        irq_release((unsigned)pci_vector_irq(pdev, 1), &calls);
        pci_vectors_free(pdev);
        fake_irq_expect_untouched(&function);
    }
}

static void test_intx_goes_to_the_line_of_the_tables(void **state)
{
    unsigned calls = 0;
    int irq;

    (void)state;
    fake_isas[FAKE_IRQ_LINE] = (struct fake_isa){17, INTR_LEVEL_HIGH};
    enter(INTX);
    assert_int_equal(fake_gsis[17].trigger, INTR_LEVEL_HIGH);
    irq = pci_vector_irq(pdev, 0);
    assert_int_equal(pci_vector_irq(pdev, 1), -EINVAL);
    assert_int_equal(irq_request((unsigned)irq, handle, &calls, "line"), 0);
    assert_true(fake_gsis[17].unmasked);
    assert_true(fake_intr_deliver(fake_gsis[17].vector));
    assert_int_equal(calls, 1);
    irq_release((unsigned)irq, &calls);
    assert_false(fake_gsis[17].unmasked);
    pci_vectors_free(pdev);
    fake_irq_expect_untouched(&function);

    fake_isas[FAKE_IRQ_LINE] = (struct fake_isa){FAKE_IRQ_LINE, INTR_EDGE_HIGH};
    enter(INTX);
    assert_int_equal(fake_gsis[FAKE_IRQ_LINE].trigger, INTR_LEVEL_LOW);
    pci_vectors_free(pdev);
}

static void test_a_line_that_firmware_did_not_say(void **state)
{
    static const uint8_t lines[] = {0, 16, 255};

    (void)state;
    for (unsigned i = 0; i < sizeof(lines); i++) {
        pdev->intx_line = lines[i];
        assert_int_equal(pci_irq_enable(pdev, INTX, 1, NULL), -ENXIO);
        fake_irq_expect_untouched(&function);
    }
    pdev->intx_line = FAKE_IRQ_LINE;
    fake_isas[FAKE_IRQ_LINE].gsi = FAKE_GSI_MAX;
    assert_int_equal(pci_irq_enable(pdev, INTX, 1, NULL), -ENODEV);
    fake_irq_expect_untouched(&function);
}

static void test_intx_that_cannot_be_enabled(void **state)
{
    (void)state;
    function.fn->writable[PCI_COMMAND + 1] &= (uint8_t) ~(PCI_COMMAND_INTX_DISABLE >> 8);
    assert_int_equal(pci_irq_enable(pdev, INTX, 1, NULL), -EIO);
    fake_irq_expect_untouched(&function);
}

static void test_two_functions_share_a_line(void **state)
{
    struct fake_irq_function other;

    (void)state;
    fake_irq_add(&other, 4, 0);
    enter(INTX);
    assert_int_equal(pci_irq_enable(&other.pdev, INTX, 1, NULL), 0);
    assert_int_equal(pci_vector_irq(&other.pdev, 0), pci_vector_irq(pdev, 0));
    assert_int_equal(fake_intr_used(), 1);
    pci_vectors_free(pdev);
    assert_int_equal(fake_intr_used(), 1);
    pci_vectors_free(&other.pdev);
    fake_irq_expect_untouched(&function);
}

/* ---- requests ---- */

static struct pci_irq_request request;

static int serve(uint32_t op, uint32_t kind, uint32_t cnt)
{
    int rc;

    memset(&request, 0xee, sizeof(request));
    request.ask = (struct pci_irq_ask){.op = op, .kind = kind, .addr = 3u << 3, .cnt = cnt};
    rc = pci_irq_request_serve(&request);
    assert_int_equal(request.answer.err, rc);
    return rc;
}

static void test_a_request_is_answered_field_by_field(void **state)
{
    (void)state;
    assert_int_equal(serve(PCI_IRQ_OP_ENABLE, MSIX, 3), 0);
    assert_int_equal(request.answer.mode, MSIX);
    assert_int_equal(request.answer.cnt, 3);
    assert_int_equal(request.answer.line, FAKE_IRQ_LINE);
    for (unsigned n = 0; n < 3; n++)
        assert_int_equal(request.answer.irqs[n], pci_vector_irq(pdev, n));
    assert_int_equal(request.answer.irqs[3], 0xeeeeeeee);

    assert_int_equal(serve(PCI_IRQ_OP_ENABLE, MSI, 2), -ENXIO);
    assert_int_equal(request.answer.mode, MSIX);
    assert_int_equal(request.answer.cnt, 3);
    assert_int_equal(request.answer.irqs[0], 0xeeeeeeee);

    assert_int_equal(serve(PCI_IRQ_OP_DISABLE, MSI, 0), 0);
    assert_int_equal(request.answer.mode, MSIX);
    assert_int_equal(serve(PCI_IRQ_OP_DISABLE, MSIX, 0), 0);
    assert_int_equal(request.answer.mode, OFF);
    assert_int_equal(request.answer.cnt, 0);
    assert_int_equal(request.answer.line, FAKE_IRQ_LINE);
    fake_irq_expect_untouched(&function);

    pdev->intx_pin = 0; /* a virtual function */
    assert_int_equal(serve(PCI_IRQ_OP_DISABLE, MSIX, 0), 0);
    assert_int_equal(request.answer.line, 0);
    assert_int_equal(serve(PCI_IRQ_OP_STATE, OFF, 0), 0);
    assert_int_equal(request.answer.mode, OFF);
}

static void test_requests_that_make_no_sense(void **state)
{
    (void)state;
    assert_int_equal(serve(3, MSI, 1), -EINVAL);
    assert_int_equal(serve(UINT32_MAX, MSI, 1), -EINVAL);
    assert_int_equal(serve(PCI_IRQ_OP_ENABLE, OFF, 1), -EINVAL);
    assert_int_equal(serve(PCI_IRQ_OP_ENABLE, 4, 1), -EINVAL);
    assert_int_equal(serve(PCI_IRQ_OP_ENABLE, UINT32_MAX, 1), -EINVAL);
    assert_int_equal(serve(PCI_IRQ_OP_DISABLE, UINT32_MAX, 1), -EINVAL);
    assert_int_equal(serve(PCI_IRQ_OP_DISABLE, OFF, 1), -EINVAL);
    assert_int_equal(serve(PCI_IRQ_OP_ENABLE, MSIX, PCI_IRQ_REQUEST_VECTORS_MAX + 1), -EINVAL);
    assert_int_equal(serve(PCI_IRQ_OP_ENABLE, MSIX, UINT32_MAX), -EINVAL);
    request.ask.addr = 7;
    assert_int_equal(pci_irq_request_serve(&request), -ENODEV);
    fake_irq_expect_untouched(&function);
}

/* The other party turns a request for two vectors into one for millions as soon as work begins. */
static void change_request(void)
{
    request.ask = (struct pci_irq_ask){PCI_IRQ_OP_DISABLE, UINT32_MAX, UINT32_MAX, UINT32_MAX};
    request.answer.cnt = UINT32_MAX;
}

static void test_a_request_that_changes_meanwhile(void **state)
{
    (void)state;
    fake_pci_read_hook = change_request;
    assert_int_equal(serve(PCI_IRQ_OP_ENABLE, MSIX, 2), 0);
    fake_pci_read_hook = NULL;
    assert_int_equal(request.ask.cnt, UINT32_MAX);
    assert_int_equal(request.answer.cnt, 2);
    assert_int_equal(pci_vector_cnt(pdev), 2);
    expect_mode(MSIX);
    pci_vectors_free(pdev);
    fake_irq_expect_untouched(&function);
}

static void test_a_driver_keeps_its_function(void **state)
{
    static const struct pci_driver driver = {.name = "owner"};

    (void)state;
    pdev->driver = &driver;
    assert_int_equal(serve(PCI_IRQ_OP_ENABLE, MSIX, 1), -EBUSY);
    fake_irq_expect_untouched(&function);
    for (enum pci_irq_mode kind = INTX; kind <= MSIX; kind++) {
        enter(kind);
        assert_int_equal(serve(PCI_IRQ_OP_ENABLE, kind, 1), -EALREADY);
        assert_int_equal(serve(PCI_IRQ_OP_DISABLE, kind, 0), -EBUSY);
        expect_mode(kind);
        pci_vectors_free(pdev);
    }
    fake_irq_expect_untouched(&function);
}

static void test_failures_are_logged_with_device_and_code(void **state)
{
    (void)state;
    assert_int_equal(serve(PCI_IRQ_OP_DISABLE, MSI, 0), 0);
    assert_string_equal(fake_log_text(), "");
    assert_int_equal(serve(PCI_IRQ_OP_ENABLE, MSI, 9), -ENOSPC);
    assert_true(fake_log_has("pci fake: "));
    assert_true(fake_log_has("ENOSPC"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_every_transition, setup),
        cmocka_unit_test_setup(test_what_is_no_kind, setup),
        cmocka_unit_test_setup(test_more_than_there_can_be, setup),
        cmocka_unit_test_setup(test_what_the_function_lacks, setup),
        cmocka_unit_test_setup(test_msix_needs_memory_decoding, setup),
        cmocka_unit_test_setup(test_actions_hold_the_mode, setup),
        cmocka_unit_test_setup(test_intx_goes_to_the_line_of_the_tables, setup),
        cmocka_unit_test_setup(test_a_line_that_firmware_did_not_say, setup),
        cmocka_unit_test_setup(test_intx_that_cannot_be_enabled, setup),
        cmocka_unit_test_setup(test_two_functions_share_a_line, setup),
        cmocka_unit_test_setup(test_a_request_is_answered_field_by_field, setup),
        cmocka_unit_test_setup(test_requests_that_make_no_sense, setup),
        cmocka_unit_test_setup(test_a_request_that_changes_meanwhile, setup),
        cmocka_unit_test_setup(test_a_driver_keeps_its_function, setup),
        cmocka_unit_test_setup(test_failures_are_logged_with_device_and_code, setup),
    };

    return cmocka_run_group_tests(tests, NULL, teardown);
}
