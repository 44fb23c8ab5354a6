/* Frame buffers: pools, lending, and the checksum that a device does not offer to compute. */
#include <errno.h>
#include <stdlib.h>

#include "drivers/netdev.h"
#include "kernel/page.h"

int netbuf_pool_init(struct netdev_pair *pair, unsigned cnt)
{
    struct netbuf_pool *pool = &pair->pool;
    uint64_t pa;

    pool->bufs = calloc(cnt, sizeof(*pool->bufs));
    if (pool->bufs == NULL)
        return -ENOMEM;
    pool->memory = dma_alloc((size_t)cnt * NETDEV_BUF_SIZE, 0, &pa);
    if (pool->memory == NULL) {
        free(pool->bufs);
        pool->bufs = NULL;
        return -ENOMEM;
    }
    pool->total_cnt = cnt;
    for (unsigned i = cnt; i-- > 0;) {
        struct netbuf *buf = &pool->bufs[i];

        buf->dev = pair->dev;
        buf->pair = pair;
        buf->base = (uint8_t *)pool->memory + (size_t)i * NETDEV_BUF_SIZE;
        buf->pa = pa + (uint64_t)i * NETDEV_BUF_SIZE;
        netbuf_give(pool, buf);
    }
    return 0;
}

bool netbuf_pool_free(struct netdev_pair *pair, unsigned *lent)
{
    struct netbuf_pool *pool = &pair->pool;
    uint64_t irq = spin_lock(&pair->lock);
    struct netbuf_pool old = *pool;

    *lent = old.total_cnt - old.free_cnt;
    if (*lent == 0)
        *pool = (struct netbuf_pool){0};
    spin_unlock(&pair->lock, irq);
    if (*lent != 0)
        return false;
    if (old.memory != NULL)
        dma_free(old.memory, (size_t)old.total_cnt * NETDEV_BUF_SIZE);
    free(old.bufs);
    return true;
}

struct netbuf *netdev_buf_alloc(struct netdev *dev)
{
    struct netdev_pair *pair = netdev_this_pair(dev);
    uint64_t irq = spin_lock(&pair->lock);
    struct netbuf *buf = netbuf_take(&pair->pool);

    spin_unlock(&pair->lock, irq);
    if (buf == NULL)
        return NULL;
    buf->data = buf->base + NETDEV_HEADROOM;
    buf->len = 0;
    buf->csum = NETBUF_CSUM_NONE;
    buf->frag_cnt = 0;
    buf->next = NULL;
    return buf;
}

/* A chain is of one pair mostly, whose lock is taken once then. */
void netdev_buf_free(struct netbuf *buf)
{
    while (buf != NULL) {
        struct netdev_pair *pair = buf->pair;
        uint64_t irq = spin_lock(&pair->lock);

        do {
            struct netbuf *next = buf->next;

            netbuf_give(&pair->pool, buf);
            buf = next;
        } while (buf != NULL && buf->pair == pair);
        if (__builtin_expect(pair->starved, 0))
            pair->dev->ops->refill(pair);
        spin_unlock(&pair->lock, irq);
    }
}

void netbuf_put_aside(struct netbuf **list, struct netbuf *buf)
{
    struct netbuf *last = buf;

    while (last->next != NULL)
        last = last->next;
    last->next = *list;
    *list = buf;
}

bool netbuf_checksum(struct netbuf *buf)
{
    const uint8_t *data;
    uint8_t *field;
    uint32_t len, sum = 0;

    if ((uint32_t)buf->csum_start + buf->csum_off + 2 > buf->len)
        return false;
    data = buf->data + buf->csum_start;
    field = buf->data + buf->csum_start + buf->csum_off;
    len = buf->len - buf->csum_start;
    for (; len > 1; len -= 2, data += 2)
        sum += (uint32_t)data[0] << 8 | data[1];
    if (len == 1)
        sum += (uint32_t)data[0] << 8;
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    sum ^= 0xffff;
    if (sum == 0)
        sum = 0xffff; /* 0 would say "no checksum" in UDP; both are zero in one's complement */
    field[0] = (uint8_t)(sum >> 8);
    field[1] = (uint8_t)sum;
    buf->csum = NETBUF_CSUM_NONE;
    return true;
}
