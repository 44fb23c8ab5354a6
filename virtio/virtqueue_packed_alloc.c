/* Making and freeing a packed ring: its memory, where its parts lie in it, and its state at the
 * start. */
#include <stdlib.h>

#include "kernel/page.h"
#include "virtio/virtqueue_packed.h"

void virtqueue_packed_layout(const struct virtqueue *vq, struct virtqueue_layout *layout)
{
    const struct packed *p = to_packed(vq);

    layout->desc_pa = p->desc_pa;
    layout->avail_pa = p->desc_pa + vring_packed_driver_off(vq->size);
    layout->used_pa = p->desc_pa + vring_packed_device_off(vq->size);
    layout->len = vring_packed_size(vq->size);
}

/* Also for objects that are only half built. */
void virtqueue_packed_free(struct virtqueue *vq)
{
    struct packed *p = to_packed(vq);

    if (p->tables != NULL)
        dma_free(p->tables, (size_t)vq->size * p->table_len);
    if (p->desc != NULL)
        dma_free(p->desc, vring_packed_size(vq->size));
    free(p->chains);
    free(p);
}

static bool packed_alloc_memory(struct packed *p, const struct virtqueue_params *params)
{
    unsigned size = params->size;

    p->chains = calloc(size, sizeof(*p->chains));
    p->desc = dma_alloc(vring_packed_size(size), params->ring_limit_pa, &p->desc_pa);
    if (p->chains == NULL || p->desc == NULL)
        return false;
    p->table_cnt = 1;
    if (!params->indirect || params->indirect_max < 2)
        return true;
    p->table_cnt = params->indirect_max < size ? params->indirect_max : size;
    p->table_len = p->table_cnt * (uint32_t)sizeof(*p->tables);
    p->tables = dma_alloc((size_t)size * p->table_len, 0, &p->tables_pa);
    return p->tables != NULL;
}

/* Both wrap counters are 1 at the start (2.8.1): the first lap's descriptors are made available by
 * AVAIL alone. */
static void packed_start(struct packed *p, const struct virtqueue_params *params)
{
    unsigned size = params->size;

    p->driver_event = (void *)((char *)p->desc + vring_packed_driver_off(size));
    p->device_event = (void *)((char *)p->desc + vring_packed_device_off(size));
    p->avail_bits = (uint64_t)VRING_PACKED_DESC_F_AVAIL << 48;
    p->used_at = VRING_PACKED_AT(0, 1);
    p->published_at = p->used_at;
    /* In order the ids go round and are never linked anew. */
    for (unsigned i = 0; i < size; i++)
        p->chains[i].next = (uint16_t)(i + 1 == size ? 0 : i + 1);
    p->event_idx = params->event_idx;
    p->auto_arm = true;
    if (params->callback == NULL)
        virtqueue_disable_cb(&p->vq);
    else
        virtqueue_enable_cb(&p->vq);
}

struct virtqueue *virtqueue_packed_alloc(const struct virtqueue_params *params)
{
    struct packed *p = calloc(1, sizeof(*p));

    if (p == NULL)
        return NULL;
    if (!virtqueue_setup(&p->vq,
                         params->in_order ? &virtqueue_packed_in_order_ops : &virtqueue_packed_ops,
                         params)) {
        free(p);
        return NULL;
    }
    if (!packed_alloc_memory(p, params)) {
        virtqueue_packed_free(&p->vq);
        return NULL;
    }
    packed_start(p, params);
    return &p->vq;
}
