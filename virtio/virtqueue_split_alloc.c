/* Making and freeing a split ring: its memory, where its parts lie in it, and its state at the
 * start. */
#include <stdlib.h>

#include "kernel/page.h"
#include "virtio/virtqueue_split.h"

void virtqueue_split_layout(const struct virtqueue *vq, struct virtqueue_layout *layout)
{
    const struct split *s = to_split(vq);

    layout->desc_pa = s->desc_pa;
    layout->avail_pa = s->desc_pa + vring_avail_off(vq->size);
    layout->used_pa = s->desc_pa + vring_used_off(vq->size);
    layout->len = vring_size(vq->size);
}

/* Also for objects that are only half built. */
void virtqueue_split_free(struct virtqueue *vq)
{
    struct split *s = to_split(vq);

    if (s->tables != NULL)
        dma_free(s->tables, (size_t)vq->size * s->table_len);
    if (s->desc != NULL)
        dma_free(s->desc, vring_size(vq->size));
    free(s->next);
    free(s->chains);
    free(s);
}

static bool split_alloc_memory(struct split *s, const struct virtqueue_params *params)
{
    unsigned size = params->size;

    s->chains = calloc(size, sizeof(*s->chains));
    s->next = calloc(size, sizeof(*s->next));
    s->desc = dma_alloc(vring_size(size), params->ring_limit_pa, &s->desc_pa);
    if (s->chains == NULL || s->next == NULL || s->desc == NULL)
        return false;
    s->table_cnt = 1;
    if (!params->indirect || params->indirect_max < 2)
        return true;
    s->table_cnt = params->indirect_max < size ? params->indirect_max : size;
    s->table_len = s->table_cnt * (uint32_t)sizeof(*s->tables);
    s->tables = dma_alloc((size_t)size * s->table_len, 0, &s->tables_pa);
    return s->tables != NULL;
}

struct virtqueue *virtqueue_split_alloc(const struct virtqueue_params *params)
{
    const struct virtqueue_ops *ops =
        params->in_order ? &virtqueue_split_in_order_ops : &virtqueue_split_ops;
    struct split *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return NULL;
    /* Positions in the ring are indices modulo its size. */
    if ((params->size & (params->size - 1)) != 0 || !virtqueue_setup(&s->vq, ops, params)) {
        free(s);
        return NULL;
    }
    if (!split_alloc_memory(s, params)) {
        virtqueue_split_free(&s->vq);
        return NULL;
    }
    s->avail = (void *)((char *)s->desc + vring_avail_off(params->size));
    s->used = (void *)((char *)s->desc + vring_used_off(params->size));
    s->mask = (uint16_t)(params->size - 1);
    for (unsigned i = 0; i < params->size; i++)
        s->next[i] = (uint16_t)(i + 1 < params->size ? i + 1 : 0);
    s->event_idx = params->event_idx;
    s->auto_arm = true;
    if (params->callback == NULL)
        virtqueue_disable_cb(&s->vq);
    return &s->vq;
}
