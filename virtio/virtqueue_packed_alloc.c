/* Making and freeing a packed ring: its memory, where its parts lie in it, and its state at the
 * start. */
#include <stdlib.h>

#include "kernel/page.h"
#include "virtio/virtqueue_packed.h"

void virtqueue_packed_layout(const struct virtqueue *vq, struct virtqueue_layout *layout)
{
    const struct packed *s = to_packed(vq);

    layout->desc_pa = s->desc_pa;
    layout->avail_pa = s->desc_pa + vring_packed_driver_off(vq->size);
    layout->used_pa = s->desc_pa + vring_packed_device_off(vq->size);
    layout->len = vring_packed_size(vq->size);
}

/* Also for objects that are only half built. */
void virtqueue_packed_free(struct virtqueue *vq)
{
    struct packed *s = to_packed(vq);

    if (s->tables != NULL)
        dma_free(s->tables, (size_t)vq->size * s->table_len);
    if (s->desc != NULL)
        dma_free(s->desc, vring_packed_size(vq->size));
    free(s->chains);
    free(s);
}

static bool packed_alloc_memory(struct packed *s, const struct virtqueue_params *params)
{
    unsigned size = params->size;

    s->chains = calloc(size, sizeof(*s->chains));
    s->desc = dma_alloc(vring_packed_size(size), params->ring_limit_pa, &s->desc_pa);
    if (s->chains == NULL || s->desc == NULL)
        return false;
    s->table_cnt = 1;
    if (!params->indirect || params->indirect_max < 2)
        return true;
    s->table_cnt = params->indirect_max < size ? params->indirect_max : size;
    s->table_len = s->table_cnt * (uint32_t)sizeof(*s->tables);
    s->tables = dma_alloc((size_t)size * s->table_len, 0, &s->tables_pa);
    return s->tables != NULL;
}

/* Both wrap counters start at 1 (2.8.1). */
static void packed_start(struct packed *s, const struct virtqueue_params *params)
{
    unsigned size = params->size;

    s->driver = (void *)((char *)s->desc + vring_packed_driver_off(size));
    s->device = (void *)((char *)s->desc + vring_packed_device_off(size));
    s->avail_bits = (uint64_t)VRING_PACKED_DESC_F_AVAIL << 48;
    s->used_bits = VRING_PACKED_DESC_F_LAP;
    for (unsigned i = 0; i < size; i++)
        s->chains[i].next = (uint16_t)(i + 1 < size ? i + 1 : 0);
    s->event_idx = params->event_idx;
    s->auto_arm = true;
    if (params->callback == NULL)
        virtqueue_disable_cb(&s->vq);
    else
        (void)virtqueue_enable_cb(&s->vq);
}

struct virtqueue *virtqueue_packed_alloc(const struct virtqueue_params *params)
{
    const struct virtqueue_ops *ops =
        params->in_order ? &virtqueue_packed_in_order_ops : &virtqueue_packed_ops;
    struct packed *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return NULL;
    if (!virtqueue_setup(&s->vq, ops, params)) {
        free(s);
        return NULL;
    }
    if (!packed_alloc_memory(s, params)) {
        virtqueue_packed_free(&s->vq);
        return NULL;
    }
    packed_start(s, params);
    return &s->vq;
}
