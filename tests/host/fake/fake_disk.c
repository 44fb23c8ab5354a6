/* A virtio disk of host tests, in memory; it works while the driver's only thread waits. */
#include "fake_disk.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "arch/clock.h"
#include "drivers/virtio_blk_spec.h"
#include "fake_clock.h"
#include "fake_virtio.h"
#include "fake_wait.h"
#include "fake_work.h"
#include "kernel/panic.h"
#include "kernel/thread.h"

struct fake_disk fake_disk;
struct virtio_device fake_disk_dev;
struct fake_ring fake_disk_rings[FAKE_VIRTIO_QUEUES];

unsigned cpu_count(void)
{
    return fake_disk.cpus;
}

int system_on_exit(void (*fn)(void))
{
    (void)fn;
    return 0;
}

static int irq_setup(struct virtio_device *d)
{
    for (unsigned i = 0; i < d->queue_cnt; i++) {
        fake_ring_attach(&fake_disk_rings[i], d->queues[i],
                         virtio_has_feature(d, VIRTIO_RING_F_EVENT_IDX));
        d->queues[i]->affinity = CPU_MASK(fake_disk.shared ? 0 : i);
    }
    return 0;
}

static void irq_teardown(struct virtio_device *d)
{
    (void)d;
}

static bool irq_watched(struct virtio_device *d)
{
    (void)d;
    return true;
}

static void irq_tick(struct virtio_device *d)
{
    (void)d;
}

static void irq_lost(struct virtqueue *vq)
{
    (void)vq;
}

static unsigned irq_cpu(const struct virtqueue *vq)
{
    (void)vq;
    return 0;
}

const struct virtio_irq_ops fake_disk_irq_ops = {
    .setup = irq_setup,
    .teardown = irq_teardown,
    .watched = irq_watched,
    .tick = irq_tick,
    .lost = irq_lost,
    .cpu = irq_cpu,
};

static uint8_t *at(const struct virtqueue_seg *piece)
{
    return (uint8_t *)(uintptr_t)piece->pa;
}

static void transfer(const struct fake_chain *chain, const struct virtio_blk_outhdr *hdr)
{
    uint8_t *pos = fake_disk.data + hdr->sector * 512;

    for (unsigned i = 1; i < chain->cnt - 1; i++) {
        const struct virtqueue_seg *piece = &chain->pieces[i];

        assert_int_equal(piece->len % 512, 0);
        assert_true(pos + piece->len <= fake_disk.data + sizeof(fake_disk.data));
        if (hdr->type == VIRTIO_BLK_T_IN)
            memcpy(at(piece), pos, piece->len);
        else
            memcpy(pos, at(piece), piece->len);
        pos += piece->len;
    }
}

static void erase(const struct fake_chain *chain)
{
    struct virtio_blk_discard_write_zeroes range;

    assert_int_equal(chain->cnt, 3);
    assert_int_equal(chain->pieces[1].len, sizeof(range));
    memcpy(&range, at(&chain->pieces[1]), sizeof(range));
    assert_int_equal(range.flags, 0);
    memset(fake_disk.data + range.sector * 512, 0, range.num_sectors * 512ull);
    fake_disk.erases++;
}

/* The chain as it would be without any layout: header, data, status. */
static void unfold(struct fake_chain *chain)
{
    struct virtqueue_seg *out = &chain->pieces[0], *in = &chain->pieces[1];
    uint32_t hdr_len = sizeof(struct virtio_blk_outhdr);

    assert_int_equal(chain->cnt, 2);
    assert_int_equal(chain->out_cnt, 1);
    if (out->len == hdr_len && in->len == 1)
        return;
    assert_true(out->len == hdr_len || in->len == 1);
    chain->cnt = 3;
    chain->pieces[2] = (struct virtqueue_seg){in->pa + in->len - 1, 1};
    if (out->len == hdr_len) {
        in->len--;
        return;
    }
    *in = (struct virtqueue_seg){out->pa + hdr_len, out->len - hdr_len};
    out->len = hdr_len;
    chain->out_cnt = 2;
}

static void get_id(const struct fake_chain *chain)
{
    assert_int_equal(chain->cnt, 3);
    assert_int_equal(chain->pieces[1].len, VIRTIO_BLK_ID_BYTES);
    memcpy(at(&chain->pieces[1]),
           "A\x01"
           "C45678901234567890",
           VIRTIO_BLK_ID_BYTES);
}

/* No data, and no place (5.2.6.1). */
static void flush(const struct fake_chain *chain, const struct virtio_blk_outhdr *hdr)
{
    assert_int_equal(chain->cnt, 2);
    assert_int_equal(hdr->sector, 0);
    fake_disk.flushes++;
}

static void serve(unsigned queue, const struct fake_chain *chain)
{
    const struct virtqueue_seg *last = &chain->pieces[chain->cnt - 1];
    struct virtio_blk_outhdr hdr;

    assert_int_equal(chain->pieces[0].len, sizeof(hdr));
    assert_int_equal(last->len, 1);
    assert_true(*at(last) > VIRTIO_BLK_S_UNSUPP); /* preset to what no device answers */
    memcpy(&hdr, at(&chain->pieces[0]), sizeof(hdr));
    assert_int_equal(chain->out_cnt, hdr.type == VIRTIO_BLK_T_IN || hdr.type == VIRTIO_BLK_T_GET_ID
                                         ? 1
                                         : chain->cnt - 1);
    if (hdr.type == VIRTIO_BLK_T_IN || hdr.type == VIRTIO_BLK_T_OUT)
        transfer(chain, &hdr);
    else if (hdr.type == VIRTIO_BLK_T_GET_ID)
        get_id(chain);
    else if (hdr.type == VIRTIO_BLK_T_FLUSH)
        flush(chain, &hdr);
    else
        erase(chain);
    fake_disk.requests++;
    if (!fake_disk.status_unwritten)
        *at(last) = fake_disk.status >= 0 ? (uint8_t)fake_disk.status : VIRTIO_BLK_S_OK;
    fake_ring_use(&fake_disk_rings[queue], chain->head,
                  fake_disk.used_len != 0 ? fake_disk.used_len : chain->writable_len);
}

void fake_disk_serve(unsigned queue, const struct fake_chain *chain)
{
    struct fake_chain unfolded = *chain;

    if (fake_disk.any_framing)
        unfold(&unfolded);
    serve(queue, &unfolded);
}

static void step_queue(unsigned queue)
{
    struct fake_ring *ring = &fake_disk_rings[queue];
    unsigned before = ring->interrupts, cnt = 0, cpu = cpu_this()->id;
    struct fake_chain chain;

    while (!fake_disk.silent && fake_ring_pop(ring, &chain)) {
        fake_disk_serve(queue, &chain);
        cnt++;
    }
    if (cnt > fake_disk.max_batch)
        fake_disk.max_batch = cnt;
    fake_ring_want_notify(ring, 0);
    if (ring->interrupts == before || fake_disk.quiet)
        return;
    cpu_this()->id = fake_disk.shared ? 0 : queue;
    virtqueue_interrupt(fake_disk_dev.queues[queue]);
    cpu_this()->id = cpu;
}

void fake_disk_step(void)
{
    for (unsigned i = 0; i < fake_disk_dev.queue_cnt; i++)
        step_queue(i);
    fake_work_run();
}

void thread_sleep_ns(uint64_t ns)
{
    fake_disk_step();
    fake_clock_advance(ns);
}

void fake_disk_reset(void)
{
    fake_wait_step = fake_disk_step;
    memset(&fake_disk, 0, sizeof(fake_disk));
    fake_disk.status = -1;
    fake_disk.cpus = 1;
    cpu_this()->id = 0;
    for (unsigned i = 0; i < sizeof(fake_disk.data); i++)
        fake_disk.data[i] = (uint8_t)(i * 7 + i / 512);
    memset(&fake_disk_dev, 0, sizeof(fake_disk_dev));
    list_init(&fake_disk_dev.link);
    fake_disk_dev.bus_name = "00:04.0";
    fake_disk_dev.device_id = VIRTIO_ID_BLOCK;
    fake_disk_dev.transport = &fake_virtio_ops;
}
