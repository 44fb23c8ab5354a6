/* A PCI function's interrupts. */
#include "fake_pci_vectors.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "fake_virtio.h"
#include "pci/pci.h"

#define IRQ_BASE 20

struct fake_vectors fake_vectors;

void fake_vectors_reset(void)
{
    memset(&fake_vectors, 0, sizeof(fake_vectors));
    fake_vectors.request_error_vector = -1;
    for (unsigned i = 0; i < FAKE_VECTORS_MAX; i++)
        fake_vectors.affinity[i] = CPU_MASK(i);
}

enum irq_return fake_vectors_raise(unsigned n)
{
    assert_true(n < fake_vectors.cnt);
    assert_non_null(fake_vectors.actions[n].handler);
    return fake_vectors.actions[n].handler(fake_vectors.actions[n].cookie);
}

unsigned pci_msix_cnt(const struct pci_device *pdev)
{
    (void)pdev;
    return fake_vectors.msix_cnt;
}

unsigned pci_msi_cnt(const struct pci_device *pdev)
{
    (void)pdev;
    return fake_vectors.msi_cnt;
}

/* @kind with @cnt vectors, or why not. */
static int alloc_kind(unsigned kind, unsigned cnt)
{
    unsigned offered = kind == PCI_VECTORS_MSIX  ? fake_vectors.msix_cnt
                       : kind == PCI_VECTORS_MSI ? fake_vectors.msi_cnt
                                                 : fake_vectors.intx;

    if (fake_vectors.fail_kinds & kind)
        return fake_vectors.alloc_error;
    if (offered == 0)
        return kind == PCI_VECTORS_INTX ? -ENXIO : -ENODEV;
    if (cnt > offered)
        return -ENOSPC;
    fake_vectors.kind = kind;
    fake_vectors.cnt = cnt;
    fake_virtio_note("alloc:%u:%u", kind, cnt);
    return (int)cnt;
}

int pci_vectors_alloc(struct pci_device *pdev, unsigned min, unsigned max, unsigned flags,
                      const struct irq_affinity_spec *spec)
{
    unsigned kind = flags & (PCI_VECTORS_INTX | PCI_VECTORS_MSI | PCI_VECTORS_MSIX);

    (void)pdev;
    assert_int_equal(fake_vectors.kind, 0);
    assert_int_equal(min, max);
    assert_true(min > 0 && min <= FAKE_VECTORS_MAX);
    fake_vectors.flags = flags;
    fake_vectors.spread = spec != NULL;
    if (spec != NULL)
        fake_vectors.spec = *spec;
    return alloc_kind(kind, min);
}

void pci_vectors_free(struct pci_device *pdev)
{
    (void)pdev;
    assert_int_not_equal(fake_vectors.kind, 0);
    for (unsigned i = 0; i < FAKE_VECTORS_MAX; i++)
        assert_null(fake_vectors.actions[i].handler);
    fake_vectors.kind = fake_vectors.cnt = 0;
    fake_virtio_note("free");
}

int pci_vector_irq(const struct pci_device *pdev, unsigned n)
{
    (void)pdev;
    return n < fake_vectors.cnt ? (int)(IRQ_BASE + n) : -EINVAL;
}

cpu_mask_t pci_vector_affinity(const struct pci_device *pdev, unsigned n)
{
    (void)pdev;
    assert_true(n < fake_vectors.cnt);
    return fake_vectors.affinity[n];
}

int irq_request(unsigned irq, irq_handler_t handler, void *cookie, const char *name)
{
    unsigned n = irq - IRQ_BASE;

    assert_true(n < fake_vectors.cnt);
    assert_null(fake_vectors.actions[n].handler);
    assert_true(strlen(name) < IRQ_NAME_MAX);
    if ((int)n == fake_vectors.request_error_vector)
        return -ENOMEM;
    fake_vectors.actions[n].handler = handler;
    fake_vectors.actions[n].cookie = cookie;
    strcpy(fake_vectors.actions[n].name, name);
    fake_virtio_note("request:%s", name);
    return 0;
}

void irq_release(unsigned irq, void *cookie)
{
    unsigned n = irq - IRQ_BASE;

    assert_true(n < fake_vectors.cnt);
    assert_non_null(fake_vectors.actions[n].handler);
    assert_ptr_equal(fake_vectors.actions[n].cookie, cookie);
    fake_virtio_note("release:%s", fake_vectors.actions[n].name);
    memset(&fake_vectors.actions[n], 0, sizeof(fake_vectors.actions[n]));
}

int irq_set_affinity(unsigned irq, cpu_mask_t mask)
{
    assert_true(irq - IRQ_BASE < fake_vectors.cnt);
    if (fake_vectors.affinity_error != 0)
        return fake_vectors.affinity_error;
    fake_vectors.affinity[irq - IRQ_BASE] = mask;
    return 0;
}

/* What there is to know of one: where it is, the first CPU that may take it. */
const struct irq_desc *irq_get(unsigned irq)
{
    static struct irq_desc desc;

    assert_true(irq - IRQ_BASE < fake_vectors.cnt);
    desc.data.cpu = (unsigned)__builtin_ctzll(fake_vectors.affinity[irq - IRQ_BASE]);
    return &desc;
}

void irq_count_early(unsigned irq)
{
    assert_true(irq - IRQ_BASE < fake_vectors.cnt);
    fake_vectors.early[irq - IRQ_BASE]++;
}

void irq_count_lost(unsigned irq)
{
    assert_true(irq - IRQ_BASE < fake_vectors.cnt);
    fake_vectors.lost[irq - IRQ_BASE]++;
}

unsigned cpu_count(void)
{
    return FAKE_VECTORS_MAX;
}
