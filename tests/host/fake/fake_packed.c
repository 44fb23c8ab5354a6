/* The device's end of a packed ring, behind the functions of fake_ring.h: one ring at a time. It
 * fails the test when the driver breaks a rule of virtio 1.3, 2.8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "fake_ring.h"
#include "virtio/vring_packed.h"

#define LAP    VRING_PACKED_DESC_F_LAP
#define ID_MAX VIRTQUEUE_SIZE_MAX

static struct vring_packed_desc *desc;
static const struct vring_packed_event *driver_event;
static struct vring_packed_event *device_event;
static struct {
    uint32_t id, len;
} used_puts[ID_MAX];
static uint16_t slots_of[ID_MAX]; /* that a chain took, by its id */
static uint16_t order[ID_MAX];    /* ids as they were taken; a ring of them */
static unsigned order_put, order_get;
static unsigned avail_pos, used_pos;
static uint16_t avail_wrap, used_wrap; /* VRING_PACKED_WRAP or 0 */

void fake_ring_attach(struct fake_ring *ring, const struct virtqueue *vq, bool event_idx)
{
    struct virtqueue_layout layout;

    virtqueue_layout(vq, &layout);
    assert_int_equal(layout.desc_pa % 16, 0);
    assert_int_equal(layout.avail_pa % 4 + layout.used_pa % 4, 0);
    assert_true(layout.desc_pa + 16u * vq->size <= layout.avail_pa);
    assert_true(layout.avail_pa + 4 <= layout.used_pa);
    assert_true(layout.used_pa + 4 <= layout.desc_pa + layout.len);
    memset(ring, 0, sizeof(*ring));
    desc = (void *)(uintptr_t)layout.desc_pa;
    driver_event = (void *)(uintptr_t)layout.avail_pa;
    device_event = (void *)(uintptr_t)layout.used_pa;
    ring->desc = (void *)desc;
    ring->size = vq->size;
    ring->event_idx = event_idx;
    order_put = order_get = avail_pos = used_pos = 0;
    avail_wrap = used_wrap = VRING_PACKED_WRAP;
}

static void move(const struct fake_ring *ring, unsigned *pos, uint16_t *wrap, unsigned cnt)
{
    *pos += cnt;
    if (*pos >= ring->size) {
        *pos -= ring->size;
        *wrap ^= VRING_PACKED_WRAP;
    }
}

static bool available(const struct vring_packed_desc *d)
{
    uint16_t bits = avail_wrap != 0 ? VRING_PACKED_DESC_F_AVAIL : VRING_PACKED_DESC_F_USED;

    return (d->flags & LAP) == bits;
}

static void add_piece(struct fake_chain *chain, const struct vring_packed_desc *d)
{
    bool writable = d->flags & VRING_DESC_F_WRITE;

    assert_true(chain->cnt < FAKE_RING_PIECE_MAX);
    assert_true(d->len > 0);
    assert_true(writable || chain->out_cnt == chain->cnt); /* 2.8.17 */
    chain->pieces[chain->cnt++] = (struct virtqueue_seg){.pa = d->addr, .len = d->len};
    if (writable)
        chain->writable_len += d->len;
    else
        chain->out_cnt++;
}

/* 2.8.19: a table alone, no more than the ring has, of descriptors that have WRITE only. */
static void walk_table(const struct fake_ring *ring, const struct vring_packed_desc *d,
                       struct fake_chain *chain)
{
    const struct vring_packed_desc *table = (void *)(uintptr_t)d->addr;

    assert_int_equal(d->flags & ~LAP, VRING_DESC_F_INDIRECT);
    assert_int_equal(d->len % sizeof(*d), 0);
    assert_true(d->len > 0 && d->len / sizeof(*d) <= ring->size);
    for (unsigned i = 0; i < d->len / sizeof(*d); i++) {
        assert_int_equal(table[i].flags & ~VRING_DESC_F_WRITE, 0);
        add_piece(chain, &table[i]);
    }
}

bool fake_ring_pop(struct fake_ring *ring, struct fake_chain *chain)
{
    const struct vring_packed_desc *d = &desc[avail_pos];
    unsigned slots = 0;
    bool more;

    memset(chain, 0, sizeof(*chain));
    if (!available(d))
        return false;
    chain->indirect = d->flags & VRING_DESC_F_INDIRECT;
    do {
        d = &desc[avail_pos];
        assert_true(available(d)); /* the head comes last */
        assert_true(++slots <= ring->size);
        more = d->flags & VRING_DESC_F_NEXT;
        chain->head = d->id;
        if (d->flags & VRING_DESC_F_INDIRECT)
            walk_table(ring, d, chain);
        else
            add_piece(chain, d);
        move(ring, &avail_pos, &avail_wrap, 1);
    } while (more);
    assert_true(chain->head < ring->size);
    slots_of[chain->head] = (uint16_t)slots;
    order[order_put++ % ID_MAX] = (uint16_t)chain->head;
    ring->avail_seen++;
    return true;
}

void fake_ring_put(struct fake_ring *ring, unsigned slot, uint32_t id, uint32_t len)
{
    (void)ring;
    used_puts[slot].id = id;
    used_puts[slot].len = len;
}

/* A used descriptor, for the @moved slots from used_pos. */
static void write_used(struct fake_ring *ring, uint32_t id, uint32_t len, unsigned moved)
{
    struct vring_packed_desc *d = &desc[used_pos];

    d->id = (uint16_t)id;
    d->len = len;
    d->flags = used_wrap != 0 ? LAP : 0;
    move(ring, &used_pos, &used_wrap, moved);
}

static void interrupt(struct fake_ring *ring, unsigned moved)
{
    uint16_t flags = driver_event->flags;

    if (flags == VRING_PACKED_EVENT_FLAG_DISABLE)
        return;
    assert_int_equal(flags, ring->event_idx ? VRING_PACKED_EVENT_FLAG_DESC
                                            : VRING_PACKED_EVENT_FLAG_ENABLE);
    ring->interrupts +=
        !ring->event_idx || vring_packed_need_event(ring->size, driver_event->off_wrap,
                                                    (uint16_t)used_pos, used_wrap, (uint16_t)moved);
}

void fake_ring_publish(struct fake_ring *ring, unsigned cnt)
{
    unsigned moved = 0;

    for (unsigned i = 0; i < cnt; i++) {
        unsigned slots = used_puts[i].id < ring->size ? slots_of[used_puts[i].id] : 1;

        write_used(ring, used_puts[i].id, used_puts[i].len, slots);
        moved += slots;
    }
    interrupt(ring, moved);
}

void fake_ring_use(struct fake_ring *ring, uint32_t id, uint32_t len)
{
    fake_ring_put(ring, 0, id, len);
    fake_ring_publish(ring, 1);
}

void fake_ring_use_batch(struct fake_ring *ring, uint32_t id, uint32_t len, unsigned cnt)
{
    unsigned moved = 0;

    while (cnt-- > 0)
        moved += slots_of[order[order_get++ % ID_MAX]];
    write_used(ring, id, len, moved);
    interrupt(ring, moved);
}

void fake_ring_want_notify(struct fake_ring *ring, uint16_t lag)
{
    unsigned pos = avail_pos;
    uint16_t wrap = avail_wrap;

    if (!ring->event_idx) {
        device_event->flags =
            lag == 0 ? VRING_PACKED_EVENT_FLAG_ENABLE : VRING_PACKED_EVENT_FLAG_DISABLE;
        return;
    }
    move(ring, &pos, &wrap, lag);
    device_event->off_wrap = (uint16_t)(pos | wrap);
    device_event->flags = VRING_PACKED_EVENT_FLAG_DESC;
}
