/* Frame buffers: pools, lending, and the checksum that a device does not offer to compute. */
#include <errno.h>
#include <stdlib.h>

#include "arch/cpu.h"
#include "drivers/netdev.h"
#include "kernel/log.h"
#include "kernel/page.h"

int netbuf_pool_init(struct netdev *dev, unsigned cnt)
{
    struct netbuf_pool *pool = &dev->pool;
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

        buf->dev = dev;
        buf->base = (uint8_t *)pool->memory + (size_t)i * NETDEV_BUF_SIZE;
        buf->pa = pa + (uint64_t)i * NETDEV_BUF_SIZE;
        netbuf_give(pool, buf);
    }
    return 0;
}

bool netbuf_pool_free(struct netdev *dev)
{
    struct netbuf_pool *pool = &dev->pool;

    if (pool->free_cnt != pool->total_cnt) {
        log_warn("%s: %u buffers are still lent out, their memory is kept", dev->info.name,
                 pool->total_cnt - pool->free_cnt);
        return false;
    }
    if (pool->memory != NULL)
        dma_free(pool->memory, (size_t)pool->total_cnt * NETDEV_BUF_SIZE);
    free(pool->bufs);
    *pool = (struct netbuf_pool){0};
    return true;
}

struct netbuf *netdev_buf_alloc(struct netdev *dev)
{
    uint64_t irq = cpu_irq_save();
    struct netbuf *buf = netbuf_take(&dev->pool);

    cpu_irq_restore(irq);
    if (buf == NULL)
        return NULL;
    buf->data = buf->base + NETDEV_HEADROOM;
    buf->len = 0;
    buf->csum = NETBUF_CSUM_NONE;
    buf->frag_cnt = 0;
    buf->next = NULL;
    return buf;
}

void netdev_buf_free(struct netbuf *buf)
{
    struct netdev *dev = buf->dev;
    uint64_t irq = cpu_irq_save();

    while (buf != NULL) {
        struct netbuf *next = buf->next;

        netbuf_give(&dev->pool, buf);
        buf = next;
    }
    if (__builtin_expect(dev->starved, 0))
        dev->ops->refill(dev);
    cpu_irq_restore(irq);
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
