/* The device's end of a split ring. */
#include "fake_ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static uint16_t *used_event(const struct fake_ring *ring)
{
    return &ring->avail->ring[ring->size];
}

static uint16_t *avail_event(const struct fake_ring *ring)
{
    return (uint16_t *)&ring->used->ring[ring->size];
}

void fake_ring_attach(struct fake_ring *ring, const struct virtqueue *vq, bool event_idx)
{
    struct virtqueue_layout layout;

    virtqueue_layout(vq, &layout);
    memset(ring, 0, sizeof(*ring));
    ring->desc = (void *)(uintptr_t)layout.desc_pa;
    ring->avail = (void *)(uintptr_t)layout.avail_pa;
    ring->used = (void *)(uintptr_t)layout.used_pa;
    ring->size = vq->size;
    ring->event_idx = event_idx;
}

static void add_piece(struct fake_chain *chain, const struct vring_desc *desc)
{
    bool writable = desc->flags & VRING_DESC_F_WRITE;

    assert_true(chain->cnt < FAKE_RING_PIECE_MAX);
    assert_true(desc->len > 0);
    /* 2.7.4.2: what the device may write comes last. */
    assert_true(writable || chain->out_cnt == chain->cnt);
    chain->pieces[chain->cnt++] = (struct virtqueue_seg){.pa = desc->addr, .len = desc->len};
    if (writable)
        chain->writable_len += desc->len;
    else
        chain->out_cnt++;
}

static void walk(const struct vring_desc *table, unsigned size, unsigned idx,
                 struct fake_chain *chain)
{
    for (unsigned steps = 0;; steps++) {
        const struct vring_desc *desc;

        assert_true(idx < size);
        assert_true(steps < size); /* 2.7.5.2: no loop */
        desc = &table[idx];
        assert_false(desc->flags & VRING_DESC_F_INDIRECT);
        add_piece(chain, desc);
        if ((desc->flags & VRING_DESC_F_NEXT) == 0)
            return;
        idx = desc->next;
    }
}

bool fake_ring_pop(struct fake_ring *ring, struct fake_chain *chain)
{
    const struct vring_desc *desc;

    memset(chain, 0, sizeof(*chain));
    if (ring->avail_seen == ring->avail->idx)
        return false;
    chain->head = ring->avail->ring[ring->avail_seen++ % ring->size];
    assert_true(chain->head < ring->size);
    desc = &ring->desc[chain->head];
    chain->indirect = desc->flags & VRING_DESC_F_INDIRECT;
    if (!chain->indirect) {
        walk(ring->desc, ring->size, chain->head, chain);
        return true;
    }
    /* 2.7.5.3.1: a table alone, of whole descriptors, no more than the ring has. */
    assert_int_equal(desc->flags, VRING_DESC_F_INDIRECT);
    assert_int_equal(desc->len % sizeof(*desc), 0);
    assert_true(desc->len / sizeof(*desc) <= ring->size);
    walk((const struct vring_desc *)(uintptr_t)desc->addr, desc->len / sizeof(*desc), 0, chain);
    assert_int_equal(chain->cnt, desc->len / sizeof(*desc));
    return true;
}

void fake_ring_put(struct fake_ring *ring, unsigned slot, uint32_t id, uint32_t len)
{
    struct vring_used_elem *elem =
        &ring->used->ring[(uint16_t)(ring->used_idx + slot) % ring->size];

    elem->id = id;
    elem->len = len;
}

void fake_ring_publish(struct fake_ring *ring, unsigned cnt)
{
    uint16_t before = ring->used_idx;

    ring->used_idx = (uint16_t)(before + cnt);
    ring->used->idx = ring->used_idx;
    if (ring->event_idx) {
        assert_int_equal(ring->avail->flags, 0); /* 2.7.7.1 */
        ring->interrupts += vring_need_event(*used_event(ring), ring->used_idx, before) != 0;
    } else {
        assert_true(ring->avail->flags <= VRING_AVAIL_F_NO_INTERRUPT);
        ring->interrupts += ring->avail->flags == 0;
    }
}

void fake_ring_use(struct fake_ring *ring, uint32_t id, uint32_t len)
{
    fake_ring_put(ring, 0, id, len);
    fake_ring_publish(ring, 1);
}

void fake_ring_use_batch(struct fake_ring *ring, uint32_t id, uint32_t len, unsigned cnt)
{
    fake_ring_put(ring, 0, id, len);
    fake_ring_publish(ring, cnt);
}

void fake_ring_want_notify(struct fake_ring *ring, uint16_t lag)
{
    if (ring->event_idx)
        *avail_event(ring) = (uint16_t)(ring->avail_seen + lag);
    else
        ring->used->flags = lag == 0 ? 0 : VRING_USED_F_NO_NOTIFY;
}
