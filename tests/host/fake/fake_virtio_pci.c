/* A device for tests of the interrupt ladder. */
#include "fake_virtio_pci.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "fake_clock.h"
#include "fake_dma.h"
#include "fake_log.h"
#include "fake_pci_vectors.h"
#include "fake_ring.h"
#include "fake_virtio.h"
#include "kernel/bootopt.h"
#include "pci/pci.h"

static struct pci_device pdev;
static struct fake_ring rings[3];
struct virtio_pci fake_vp;
unsigned fake_config_cnt, fake_callback_cnt[3], fake_gone_cnt;

bool virtio_config_interrupt(struct virtio_device *dev)
{
    fake_config_cnt += dev->driver_ok;
    return dev->driver_ok;
}

void virtio_device_gone(struct virtio_device *dev)
{
    (void)dev;
    fake_gone_cnt++;
}

static void on_used(struct virtqueue *vq)
{
    uint32_t len;

    while (virtqueue_get(vq, &len) != NULL)
        fake_callback_cnt[vq->index]++;
}

static void add_queue(unsigned index, const char *name, virtqueue_callback_t callback)
{
    struct virtqueue *vq = virtqueue_split_alloc(&(struct virtqueue_params){
        .name = name,
        .dev_name = "net0",
        .dev = &fake_vp.vdev,
        .index = index,
        .size = 8,
        .event_idx = true,
        .notify = fake_virtio_ops.notify,
        .callback = callback,
    });

    assert_non_null(vq);
    fake_ring_attach(&rings[index], vq, true);
    fake_vp.vdev.queues[index] = vq;
}

int fake_virtio_pci_setup(void **state)
{
    (void)state;
    fake_config_cnt = fake_gone_cnt = 0;
    memset(fake_callback_cnt, 0, sizeof(fake_callback_cnt));
    fake_clock_now_ns = 0;
    timers_init();
    fake_log_clear();
    fake_virtio_reset();
    fake_vectors_reset();
    fake_vectors.msix_cnt = 3;
    fake_vectors.intx = true;
    memset(&fake_vp, 0, sizeof(fake_vp));
    fake_vp.pdev = &pdev;
    fake_vp.vdev.bus_name = "00:03.0";
    fake_vp.vdev.transport = &fake_virtio_ops;
    fake_virtio_ops.irq = &virtio_pci_irq_ops;
    strcpy(fake_vp.vdev.name, "net0");
    fake_vp.vdev.queue_cnt = 4;
    add_queue(0, "rx0", on_used);
    add_queue(1, "ctrl", NULL);
    add_queue(2, "tx0", on_used);
    return 0;
}

int fake_virtio_pci_teardown(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        virtqueue_free(fake_vp.vdev.queues[i]);
    return fake_dma_in_use != 0;
}

int fake_climb(const char *options)
{
    bootopt_init(options);
    fake_virtio_trace_clear();
    return virtio_pci_irq_ops.setup(&fake_vp.vdev);
}

void fake_descend(void)
{
    virtio_pci_irq_ops.teardown(&fake_vp.vdev);
}

void fake_use(unsigned index)
{
    static struct virtqueue_seg seg = {0x1000, 1};
    struct virtqueue *vq = fake_vp.vdev.queues[index];
    struct fake_chain chain;

    assert_int_equal(virtqueue_add(vq, &seg, 0, 1, &seg), 0);
    virtqueue_kick(vq);
    assert_true(fake_ring_pop(&rings[index], &chain));
    fake_ring_use(&rings[index], chain.head, 1);
}
