/* Memory that lwIP asks for by size: packets on their way out, connections' odds and ends. Bounded,
 * and cheap to reuse. */
#include <stdlib.h>
#include <string.h>

#include "arch/memory.h"
#include "arch/spinlock.h"
#include "kernel/page.h"
#include "net/hooks.h"

/* A header, and a frame with its pbuf, fit the two sizes that are kept for reuse. */
#define SMALL_LEN    256u
#define LARGE_LEN    1792u
#define MEMORY_SHARE 8
#define MEMORY_MIN   (512 * 1024ul)

struct block {
    struct block *next; /* in a free list */
    size_t len;         /* of the data */
    char data[] __attribute__((aligned(16)));
};

static struct spinlock lock; /* guards what follows; every CPU's threads come here */
static struct block *small_free, *large_free;
static size_t used;

size_t net_memory_used(void)
{
    return used;
}

size_t net_memory_max(void)
{
    static size_t max; /* whoever comes first finds the same */

    if (max == 0) {
        struct page_stats stats;
        size_t share;

        page_stats(&stats);
        share = stats.total_cnt * PAGE_SIZE / MEMORY_SHARE;
        max = share < MEMORY_MIN ? MEMORY_MIN : share;
    }
    return max;
}

static struct block **free_list(size_t len)
{
    return len == SMALL_LEN ? &small_free : len == LARGE_LEN ? &large_free : NULL;
}

/* Counts @room bytes as used if there are that many, and takes a block off @list, which may be
 * NULL.
 */
static bool reserve(size_t room, struct block **list, struct block **block)
{
    size_t max = net_memory_max();
    uint64_t irq = spin_lock(&lock);
    bool fits = room <= max - used;

    *block = NULL;
    if (fits) {
        used += room;
        if (list != NULL && *list != NULL) {
            *block = *list;
            *list = (*block)->next;
        }
    }
    spin_unlock(&lock, irq);
    return fits;
}

static void unreserve(size_t room, struct block **list, struct block *block)
{
    uint64_t irq = spin_lock(&lock);

    used -= room;
    if (block != NULL) {
        block->next = *list;
        *list = block;
    }
    spin_unlock(&lock, irq);
}

void *net_malloc(size_t len)
{
    size_t room = len <= SMALL_LEN ? SMALL_LEN : len <= LARGE_LEN ? LARGE_LEN : len;
    struct block **list = free_list(room);
    struct block *block;

    if (!reserve(room, list, &block))
        return NULL;
    if (block == NULL) {
        block = malloc(sizeof(*block) + room);
        if (block == NULL) {
            unreserve(room, NULL, NULL);
            return NULL;
        }
        block->len = room;
    }
    return block->data;
}

void *net_calloc(size_t cnt, size_t len)
{
    void *data = len != 0 && cnt > SIZE_MAX / len ? NULL : net_malloc(cnt * len);

    if (data != NULL)
        memset(data, 0, cnt * len);
    return data;
}

void net_free(void *data)
{
    struct block *block;
    struct block **list;

    if (data == NULL)
        return;
    block = (struct block *)((char *)data - offsetof(struct block, data));
    list = free_list(block->len);
    unreserve(block->len, list, list != NULL ? block : NULL);
    if (list == NULL)
        free(block);
}
