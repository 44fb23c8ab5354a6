/* The interrupt ladder: which rung is taken, what each writes to the device, in which order it is
 * undone, and that a failed one leaves nothing. */
/* sources: virtio/virtio_pci_irq.c virtio/virtio_pci_msix.c virtio/virtio_pci_line.c
 * virtio/virtio_pci_poll.c virtio/virtio_pci_dispatch.c virtio/virtqueue.c virtio/virtqueue_split.c
 * virtio/virtqueue_split_alloc.c kernel/bootopt.c kernel/error.c kernel/format.c kernel/timer.c
 * tests/host/fake/log.c tests/host/fake/clock.c tests/host/fake/fake_dma.c
 * tests/host/fake/fake_ring.c tests/host/fake/fake_virtio.c tests/host/fake/fake_pci_vectors.c
 * tests/host/fake/fake_virtio_pci.c */
/* sources: virtio/virtqueue_split_in_order.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fake_log.h"
#include "fake_pci_vectors.h"
#include "fake_virtio.h"
#include "fake_virtio_pci.h"

#define NONE VIRTIO_MSI_NO_VECTOR

static void assert_nothing_left(void)
{
    assert_int_equal(fake_vectors.kind, 0); /* so device configuration begins at 20 again */
    for (unsigned i = 0; i < FAKE_VECTORS_MAX; i++)
        assert_null(fake_vectors.actions[i].handler);
    assert_int_equal(fake_virtio.config_entry, NONE);
    for (unsigned i = 0; i < FAKE_VIRTIO_QUEUES; i++)
        assert_int_equal(fake_virtio.queue_entry[i], NONE);
    assert_null(fake_vp.vdev.irq_mode);
    assert_int_equal(fake_vp.vdev.vectors_used, 0);
}

/* Each rung on a function that has just what it takes. */
static const struct rung {
    const char *name;
    unsigned msix_cnt, msi_cnt;
    bool intx;
    unsigned kind, used, available;
    uint16_t config_entry, queue_entries[3];
    const char *handlers[3];
    const char *trace, *undo;
} rungs[] = {
    {"per-queue",
     3,
     1,
     true,
     PCI_VECTORS_MSIX,
     3,
     3,
     0,
     {1, NONE, 2},
     {"net0-config", "net0-rx0", "net0-tx0"},
     "alloc:4:3 request:net0-config config-entry:0 request:net0-rx0 entry0:1 entry1:-1 "
     "request:net0-tx0 entry2:2",
     "entry2:-1 release:net0-tx0 entry1:-1 entry0:-1 release:net0-rx0 config-entry:-1 "
     "release:net0-config free"},
    {"shared",
     2,
     1,
     true,
     PCI_VECTORS_MSIX,
     2,
     2,
     0,
     {1, NONE, 1},
     {"net0-config", "net0-virtqueues", ""},
     "alloc:4:2 request:net0-config config-entry:0 request:net0-virtqueues entry0:1 entry1:-1 "
     "entry2:1",
     "entry2:-1 entry1:-1 entry0:-1 release:net0-virtqueues config-entry:-1 release:net0-config "
     "free"},
    {"single",
     1,
     1,
     true,
     PCI_VECTORS_MSIX,
     1,
     1,
     0,
     {0, NONE, 0},
     {"net0", "", ""},
     "alloc:4:1 request:net0 config-entry:0 entry0:0 entry1:-1 entry2:0",
     "entry2:-1 entry1:-1 entry0:-1 config-entry:-1 release:net0 free"},
    {"msi",
     0,
     4,
     true,
     PCI_VECTORS_MSI,
     1,
     4,
     NONE,
     {NONE, NONE, NONE},
     {"net0", "", ""},
     "alloc:2:1 request:net0",
     "release:net0 free"},
    {"intx",
     0,
     0,
     true,
     PCI_VECTORS_INTX,
     0,
     0,
     NONE,
     {NONE, NONE, NONE},
     {"net0", "", ""},
     "alloc:1:1 request:net0",
     "release:net0 free"},
    {"poll", 0, 0, false, 0, 0, 0, NONE, {NONE, NONE, NONE}, {"", "", ""}, "", ""},
};
#define RUNG_CNT (sizeof(rungs) / sizeof(rungs[0]))

static void offer(const struct rung *rung)
{
    fake_vectors.msix_cnt = rung->msix_cnt;
    fake_vectors.msi_cnt = rung->msi_cnt;
    fake_vectors.intx = rung->intx;
}

static void assert_on(const struct rung *rung)
{
    assert_string_equal(fake_vp.vdev.irq_mode, rung->name);
    assert_int_equal(fake_vectors.kind, rung->kind);
    assert_int_equal(fake_vp.vdev.vectors_used, rung->used);
    assert_int_equal(fake_vp.vdev.vectors_available, rung->available);
    assert_int_equal(fake_virtio.config_entry, rung->config_entry);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(fake_virtio.queue_entry[i], rung->queue_entries[i]);
        assert_string_equal(fake_vectors.actions[i].name, rung->handlers[i]);
    }
}

static void test_each_rung_is_set_up_and_undone_in_reverse(void **state)
{
    char options[32];

    (void)state;
    for (unsigned i = 0; i < 2 * RUNG_CNT; i++) {
        const struct rung *rung = &rungs[i / 2];

        offer(rung);
        snprintf(options, sizeof(options), "irq=%s", i % 2 ? rung->name : "auto");
        fake_log_clear();
        assert_int_equal(fake_climb(options), 0);
        assert_on(rung);
        assert_string_equal(fake_virtio_trace(), rung->trace);
        assert_int_equal(fake_log_has("@fallback"), i % 2 == 0 && i > 0);
        fake_virtio_trace_clear();
        fake_descend();
        assert_string_equal(fake_virtio_trace(), rung->undo);
        assert_nothing_left();
        fake_descend(); /* harmless */
        assert_string_equal(fake_virtio_trace(), rung->undo);
    }
}

static void test_each_step_down_names_its_cause(void **state)
{
    static const char *const steps[] = {
        "from=per-queue to=shared reason=\"1 vector offered, 3 wanted\"",
        "from=shared to=single reason=\"1 vector offered, 2 wanted\"",
        "from=single to=msi reason=\"vector of queue 2 read back as none (EBUSY)\"",
        "from=msi to=intx reason=\"no MSI capability\"",
        "from=intx to=poll reason=\"no interrupt line (ENXIO)\"",
    };
    char line[160];

    (void)state;
    fake_vectors.msix_cnt = 1;
    fake_vectors.intx = false;
    fake_virtio.refuse_queue_entry = 2;
    assert_int_equal(fake_climb(""), 0);
    for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        snprintf(line, sizeof(line), "@fallback name=net0 what=irq %s", steps[i]);
        if (!fake_log_has(line))
            fail_msg("missing: %s", line);
    }
    fake_descend();
    assert_nothing_left();
}

/* A forced @rung fails with @error for this reason and leaves nothing. */
static void expect_refusal(const char *rung, int error, const char *reason)
{
    char options[32], line[160];

    snprintf(options, sizeof(options), "irq=%s", rung);
    snprintf(line, sizeof(line), "net0 00:03.0: irq=%s is not available, device not used: %s", rung,
             reason);
    fake_log_clear();
    assert_int_equal(fake_climb(options), error);
    if (!fake_log_has(line))
        fail_msg("missing: %s", line);
    assert_false(fake_log_has("@fallback"));
    assert_nothing_left();
    fake_descend();
    assert_nothing_left();
}

static void test_a_forced_rung_that_is_not_there_names_why(void **state)
{
    (void)state;
    fake_vectors.msix_cnt = 2;
    expect_refusal("per-queue", -ENOSPC, "2 vectors offered, 3 wanted");
    fake_vectors.msix_cnt = 1;
    expect_refusal("shared", -ENOSPC, "1 vector offered, 2 wanted");
    fake_vectors.msix_cnt = 0;
    expect_refusal("per-queue", -ENODEV, "no MSI-X capability");
    expect_refusal("shared", -ENODEV, "no MSI-X capability");
    expect_refusal("single", -ENODEV, "no MSI-X capability");
    expect_refusal("msi", -ENODEV, "no MSI capability");
    fake_vectors.intx = false;
    expect_refusal("intx", -ENXIO, "no interrupt line (ENXIO)");
}

static void test_vectors_that_cannot_be_had_are_named(void **state)
{
    (void)state;
    fake_vectors.msi_cnt = 1;
    fake_vectors.fail_kinds = PCI_VECTORS_MSIX | PCI_VECTORS_MSI | PCI_VECTORS_INTX;
    fake_vectors.alloc_error = -ENOSPC;
    expect_refusal("per-queue", -ENOSPC, "no CPU vectors left");
    expect_refusal("msi", -ENOSPC, "no CPU vectors left");
    fake_vectors.alloc_error = -EINVAL;
    expect_refusal("shared", -EINVAL, "MSI-X cannot be enabled (EINVAL)");
    expect_refusal("msi", -EINVAL, "MSI cannot be enabled (EINVAL)");
    fake_vectors.alloc_error = -ENOMEM;
    expect_refusal("single", -ENOMEM, "MSI-X cannot be enabled (ENOMEM)");
    expect_refusal("intx", -ENOMEM, "no interrupt line (ENOMEM)");
}

static void test_every_vector_is_read_back(void **state)
{
    static const char *const msix_rungs[] = {"per-queue", "shared", "single"};
    char reason[64];

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        fake_virtio.refuse_config_entry = true;
        expect_refusal(msix_rungs[i], -EBUSY,
                       "vector of configuration changes read back as none (EBUSY)");
        fake_virtio.refuse_config_entry = false;
        for (int queue = 0; queue <= 2; queue += 2) {
            fake_virtio.refuse_queue_entry = queue;
            snprintf(reason, sizeof(reason), "vector of queue %d read back as none (EBUSY)", queue);
            expect_refusal(msix_rungs[i], -EBUSY, reason);
        }
        /* One that keeps an entry though it was told to have none. */
        fake_virtio.refuse_queue_entry = 1;
        fake_virtio.refuse_as = 5;
        fake_virtio.refuse_cnt = 1;
        expect_refusal(msix_rungs[i], -EBUSY, "vector of queue 1 read back as 5 (EBUSY)");
        fake_virtio.refuse_queue_entry = -1;
        fake_virtio.refuse_as = NONE;
        fake_virtio.refuse_cnt = UINT32_MAX;
    }
}

static void test_what_failed_is_undone_before_the_next_rung(void **state)
{
    (void)state;
    fake_virtio.refuse_queue_entry = 2;
    fake_virtio.refuse_cnt = 1;
    assert_int_equal(fake_climb(""), 0);
    assert_string_equal(
        fake_virtio_trace(),
        "alloc:4:3 request:net0-config config-entry:0 request:net0-rx0 entry0:1 entry1:-1 "
        "request:net0-tx0 entry2:2 entry2:-1 release:net0-tx0 entry1:-1 entry0:-1 "
        "release:net0-rx0 config-entry:-1 release:net0-config free "
        "alloc:4:2 request:net0-config config-entry:0 request:net0-virtqueues entry0:1 entry1:-1 "
        "entry2:1");
    fake_descend();
    assert_nothing_left();
    fake_virtio.refuse_config_entry = true;
    fake_virtio.refuse_cnt = 1;
    assert_int_equal(fake_climb(""), 0);
    assert_non_null(strstr(fake_virtio_trace(),
                           "alloc:4:3 request:net0-config config-entry:0 config-entry:-1 "
                           "release:net0-config free alloc:4:2 "));
    fake_descend();
    assert_nothing_left();
}

static void test_handlers_that_cannot_be_attached_end_the_attempt(void **state)
{
    (void)state;
    fake_vectors.msi_cnt = 1;
    fake_vectors.request_error_vector = 0;
    expect_refusal("per-queue", -ENOMEM, "no handler for net0-config (ENOMEM)");
    expect_refusal("single", -ENOMEM, "no handler for net0 (ENOMEM)");
    expect_refusal("msi", -ENOMEM, "no handler for net0 (ENOMEM)");
    expect_refusal("intx", -ENOMEM, "no handler for net0 (ENOMEM)");
    fake_vectors.request_error_vector = 1;
    expect_refusal("per-queue", -ENOMEM, "no handler for net0-rx0 (ENOMEM)");
    expect_refusal("shared", -ENOMEM, "no handler for net0-virtqueues (ENOMEM)");
    fake_vectors.request_error_vector = 2;
    expect_refusal("per-queue", -ENOMEM, "no handler for net0-tx0 (ENOMEM)");
    /* Until no rung needs a handler. */
    fake_vectors.request_error_vector = 0;
    assert_int_equal(fake_climb(""), 0);
    assert_string_equal(fake_vp.vdev.irq_mode, "poll");
    fake_descend();
    assert_nothing_left();
}

static void test_queues_are_spread_by_their_sets(void **state)
{
    struct virtio_device *dev = &fake_vp.vdev;

    (void)state;
    dev->queues[1]->callback = dev->queues[0]->callback;
    fake_vectors.msix_cnt = 4;
    /* One of no set comes last, whatever its number; sets without queues are none. */
    dev->queues[0]->affinity_set = VIRTQUEUE_NO_SET;
    dev->queues[1]->affinity_set = 3;
    dev->queues[2]->affinity_set = 1;
    assert_int_equal(fake_climb(""), 0);
    assert_int_equal(fake_virtio.queue_entry[2], 1);
    assert_int_equal(fake_virtio.queue_entry[1], 2);
    assert_int_equal(fake_virtio.queue_entry[0], 3);
    assert_int_equal(fake_vectors.flags, PCI_VECTORS_MSIX | PCI_VECTORS_AFFINITY);
    assert_int_equal(fake_vectors.spec.pre_vectors, 1);
    assert_int_equal(fake_vectors.spec.post_vectors, 1);
    assert_int_equal(fake_vectors.spec.set_cnt, 2);
    assert_int_equal(fake_vectors.spec.set_sizes[0], 1);
    assert_int_equal(fake_vectors.spec.set_sizes[1], 1);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(dev->queues[i]->affinity, CPU_MASK(fake_virtio.queue_entry[i]));
    fake_descend();

    /* Where queues share a vector, its CPUs are theirs, and nothing is spread. */
    assert_int_equal(fake_climb("irq=shared"), 0);
    assert_int_equal(fake_vectors.flags, PCI_VECTORS_MSIX);
    assert_false(fake_vectors.spread);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(dev->queues[i]->affinity, CPU_MASK(1));
    fake_descend();
    assert_int_equal(fake_climb("irq=intx"), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(dev->queues[i]->affinity, CPU_MASK(0));
    fake_descend();
}

static void test_affinity_is_set_queue_by_queue(void **state)
{
    struct virtqueue *const *queues = fake_vp.vdev.queues;
    int (*set)(struct virtqueue * vq, cpu_mask_t mask) = virtio_pci_irq_ops.set_affinity;

    (void)state;
    assert_int_equal(fake_climb("irq=per-queue"), 0);
    assert_int_equal(set(queues[2], 0xc), 0);
    assert_int_equal(fake_vectors.affinity[2], 0xc);
    assert_int_equal(virtio_pci_irq_ops.cpu(queues[2]), 2);
    assert_int_equal(virtio_pci_irq_ops.cpu(queues[0]), 1);
    /* Whoever moves it, and however: the source knows where it is. */
    assert_int_equal(irq_set_affinity((unsigned)pci_vector_irq(fake_vp.pdev, 2), CPU_MASK(3)), 0);
    assert_int_equal(virtio_pci_irq_ops.cpu(queues[2]), 3);
    assert_int_equal(queues[2]->affinity, CPU_MASK(2)); /* as the driver saw it at start */
    fake_vectors.affinity_error = -ENOSPC;
    assert_int_equal(set(queues[2], 0x1), -ENOSPC);
    fake_vectors.affinity_error = 0;
    fake_descend();

    assert_int_equal(fake_climb("irq=shared"), 0);
    assert_int_equal(set(queues[0], 0x3), 0);
    assert_int_equal(fake_vectors.affinity[1], 0x3);
    assert_int_equal(virtio_pci_irq_ops.cpu(queues[0]), 0);
    assert_int_equal(virtio_pci_irq_ops.cpu(queues[2]), 0);
    fake_descend();

    /* A line is not moved for one of those who share it. */
    assert_int_equal(fake_climb("irq=intx"), 0);
    assert_int_equal(set(queues[0], 0x3), 0);
    assert_int_equal(fake_vectors.affinity[0], CPU_MASK(0));
    assert_int_equal(virtio_pci_irq_ops.cpu(queues[0]), 0);
    fake_descend();
    assert_int_equal(fake_climb("irq=poll"), 0);
    assert_int_equal(set(queues[0], 0x3), 0);
    assert_int_equal(virtio_pci_irq_ops.cpu(queues[0]), 0);
    fake_descend();
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(test_##name, fake_virtio_pci_setup, fake_virtio_pci_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_rung_is_set_up_and_undone_in_reverse),
        TEST(each_step_down_names_its_cause),
        TEST(a_forced_rung_that_is_not_there_names_why),
        TEST(vectors_that_cannot_be_had_are_named),
        TEST(every_vector_is_read_back),
        TEST(what_failed_is_undone_before_the_next_rung),
        TEST(handlers_that_cannot_be_attached_end_the_attempt),
        TEST(queues_are_spread_by_their_sets),
        TEST(affinity_is_set_queue_by_queue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
