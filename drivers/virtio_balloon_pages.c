/* Inflating and deflating: pages for the host, and back, a batch at a time, to the number that the
 * host wants and memory allows. */
#include <errno.h>
#include <stdlib.h>

#include "arch/clock.h"
#include "drivers/virtio_balloon.h"
#include "kernel/log.h"
#include "kernel/page.h"

#define BATCH         256u
#define ANSWER_NS     10000000000ull
#define LOOK_AGAIN_NS 1000000000ull /* whether memory has become free */

enum step {
    STEP_DONE,  /* nothing to do, or nothing that can be done */
    STEP_AGAIN, /* there is more */
    STEP_DEAD
};

static struct virtio_balloon_leaf *last_leaf(struct virtio_balloon *b)
{
    return list_empty(&b->leaves) ? NULL
                                  : CONTAINER_OF(b->leaves.prev, struct virtio_balloon_leaf, link);
}

static bool answered(struct virtio_balloon *b, struct virtqueue *vq)
{
    uint64_t irq = spin_lock(&b->lock);
    uint32_t len;
    bool found = virtqueue_get(vq, &len) != NULL;

    spin_unlock(&b->lock, irq);
    return found || vq->broken != NULL;
}

/* Tells the device of @cnt page numbers and waits for its answer. False: it is given up. */
static bool tell(struct virtio_balloon *b, struct virtqueue *vq, const uint32_t *pfns, uint32_t cnt)
{
    struct virtqueue_seg seg = {.pa = virt_to_phys(pfns), .len = cnt * (uint32_t)sizeof(*pfns)};
    const char *reason = "a request was not answered in time";
    uint64_t irq = spin_lock(&b->lock);
    int err = virtqueue_add(vq, &seg, 1, 0, b);

    if (err == 0)
        virtqueue_kick(vq);
    spin_unlock(&b->lock, irq);
    if (err == 0)
        err = WAIT_UNTIL(&b->wait, clock_ns() + ANSWER_NS, answered(b, vq));
    if (err == 0 && vq->broken == NULL)
        return true;
    virtio_device_kill(b->dev, vq->broken != NULL ? vq->broken : reason);
    return false;
}

static void write_actual(struct virtio_balloon *b)
{
    virtio_config_write32(b->dev, VIRTIO_BALLOON_CFG_ACTUAL, b->recorded);
}

/* The leaf for the next pages, NULL without memory. A new one counts as none of ours. */
static struct virtio_balloon_leaf *open_leaf(struct virtio_balloon *b)
{
    struct virtio_balloon_leaf *leaf = last_leaf(b);
    uint64_t irq;

    if (leaf != NULL && leaf->recorded < VIRTIO_BALLOON_LEAF_PAGES)
        return leaf;
    leaf = calloc(1, sizeof(*leaf)); /* the heap is where no pages are taken for the host */
    if (leaf == NULL)
        return NULL;
    irq = spin_lock(&b->lock);
    list_append(&b->leaves, &leaf->link);
    spin_unlock(&b->lock, irq);
    return leaf;
}

static void close_leaf(struct virtio_balloon *b, struct virtio_balloon_leaf *leaf)
{
    uint64_t irq = spin_lock(&b->lock);
    bool empty = leaf->recorded == 0;

    if (empty)
        list_remove(&leaf->link);
    spin_unlock(&b->lock, irq);
    if (empty)
        free(leaf);
}

/* Numbers of free pages, as many as may be had of @wanted, written behind what the leaf has. */
static uint32_t fill_leaf(struct virtio_balloon_leaf *leaf, uint32_t wanted)
{
    struct page_stats stats;
    uint32_t cnt = 0;

    if (wanted > VIRTIO_BALLOON_LEAF_PAGES - leaf->recorded)
        wanted = VIRTIO_BALLOON_LEAF_PAGES - leaf->recorded;
    page_stats(&stats);
    if (stats.free_cnt <= VIRTIO_BALLOON_RESERVE_PAGES)
        return 0;
    if (wanted > stats.free_cnt - VIRTIO_BALLOON_RESERVE_PAGES)
        wanted = (uint32_t)(stats.free_cnt - VIRTIO_BALLOON_RESERVE_PAGES);
    while (cnt < wanted) {
        uint64_t pa = page_alloc(1, 1);

        if (pa == 0)
            break;
        leaf->pfns[leaf->recorded + cnt++] = (uint32_t)(pa >> VIRTIO_BALLOON_PFN_SHIFT);
    }
    return cnt;
}

/* While this runs nothing is reclaimed, so the host never has a page that is in use here. */
static enum step inflate(struct virtio_balloon *b, uint32_t wanted)
{
    struct virtio_balloon_leaf *leaf = open_leaf(b);
    enum step step = STEP_DONE;
    uint32_t cnt;
    uint64_t irq;

    if (leaf == NULL)
        return STEP_DONE;
    cnt = fill_leaf(leaf, wanted < BATCH ? wanted : BATCH);
    if (cnt > 0) {
        irq = spin_lock(&b->lock);
        leaf->recorded = leaf->given = leaf->recorded + cnt;
        b->recorded = b->given = b->recorded + cnt;
        spin_unlock(&b->lock, irq);
        step =
            tell(b, b->inflateq, &leaf->pfns[leaf->recorded - cnt], cnt) ? STEP_AGAIN : STEP_DEAD;
    }
    close_leaf(b, leaf);
    return step;
}

static void free_pages(const uint32_t *pfns, uint32_t cnt)
{
    for (uint32_t i = 0; i < cnt; i++)
        page_free((uint64_t)pfns[i] << VIRTIO_BALLOON_PFN_SHIFT, 1);
}

/* Up to @wanted pages back, or those that the host was not told of yet. Used again only when it has
 * been told (5.5.6.1.1). */
static enum step deflate(struct virtio_balloon *b, uint32_t wanted)
{
    struct virtio_balloon_leaf *leaf = last_leaf(b);
    uint64_t irq = spin_lock(&b->lock);
    bool owed = leaf->given < leaf->recorded;
    uint32_t cnt = owed ? leaf->recorded - leaf->given : leaf->given;
    const uint32_t *pfns;
    bool told;

    if (cnt > BATCH)
        cnt = BATCH;
    if (!owed) {
        if (cnt > wanted)
            cnt = wanted;
        leaf->given -= cnt;
        b->given -= cnt;
    }
    spin_unlock(&b->lock, irq);
    pfns = &leaf->pfns[leaf->recorded - cnt];
    told = tell(b, b->deflateq, pfns, cnt);
    if (!owed) /* told or not: a device that did not answer has been reset */
        free_pages(pfns, cnt);
    irq = spin_lock(&b->lock);
    leaf->recorded -= cnt;
    b->recorded -= cnt;
    spin_unlock(&b->lock, irq);
    close_leaf(b, leaf);
    return told ? STEP_AGAIN : STEP_DEAD;
}

/* One batch towards what the host wants. */
static enum step one_step(struct virtio_balloon *b)
{
    uint64_t irq = spin_lock(&b->lock);
    bool grow = b->given == b->recorded && b->given < b->target && !b->reclaimed;
    bool shrink = b->given < b->recorded || b->given > b->target;
    uint32_t wanted = grow ? b->target - b->given : b->given - b->target;
    enum step step = STEP_DONE;

    b->inflating = grow;
    spin_unlock(&b->lock, irq);
    if (grow)
        step = inflate(b, wanted);
    else if (shrink)
        step = deflate(b, wanted);
    irq = spin_lock(&b->lock);
    b->inflating = false;
    spin_unlock(&b->lock, irq);
    if (step == STEP_AGAIN)
        write_actual(b);
    return step;
}

static bool woken(struct virtio_balloon *b)
{
    uint64_t irq = spin_lock(&b->lock);
    bool due = b->look || b->stop || b->given < b->recorded || b->dev->dead != NULL;

    spin_unlock(&b->lock, irq);
    return due;
}

/* False: the end. */
static bool wait_for_work(struct virtio_balloon *b)
{
    bool wanting = b->given < b->target && !b->reclaimed;
    uint64_t irq;
    bool look;

    WAIT_UNTIL(&b->wait, wanting ? clock_ns() + LOOK_AGAIN_NS : WAIT_FOREVER, woken(b));
    irq = spin_lock(&b->lock);
    look = b->look;
    b->look = false;
    spin_unlock(&b->lock, irq);
    if (look) {
        uint32_t target = virtio_config_read32(b->dev, VIRTIO_BALLOON_CFG_NUM_PAGES);

        if (target != b->target)
            b->reclaimed = false;
        b->target = target;
    }
    return !b->stop && b->dev->dead == NULL;
}

void virtio_balloon_run(void *balloon)
{
    struct virtio_balloon *b = balloon;
    uint32_t said = 0, said_target = 0;

    while (wait_for_work(b)) {
        enum step step;

        do {
            step = one_step(b);
        } while (step == STEP_AGAIN && !b->stop && !b->look);
        if (step == STEP_DEAD)
            return;
        if (step == STEP_AGAIN || (b->recorded == said && b->target == said_target))
            continue;
        said = b->recorded;
        said_target = b->target;
        at_line("event", "name=%s kind=balloon pages=%u target=%u", b->dev->name, said,
                said_target);
    }
}

/* With the lock. */
static size_t reclaim_from(struct virtio_balloon *b, struct virtio_balloon_leaf *leaf, size_t cnt)
{
    uint32_t part = leaf->given < cnt ? leaf->given : (uint32_t)cnt;

    leaf->given -= part;
    b->given -= part;
    free_pages(&leaf->pfns[leaf->given], part);
    return part;
}

size_t virtio_balloon_reclaim(struct virtio_balloon *b, size_t cnt)
{
    uint64_t irq = spin_lock(&b->lock);
    struct page_stats stats;
    size_t done = 0;
    bool is_short;

    page_stats(&stats);
    is_short = stats.free_cnt < cnt + VIRTIO_BALLOON_RESERVE_PAGES;
    if (cnt < BATCH)
        cnt = BATCH;
    if (is_short && b->reclaims && !b->inflating) {
        for (struct list *it = b->leaves.prev; it != &b->leaves && done < cnt; it = it->prev)
            done += reclaim_from(b, CONTAINER_OF(it, struct virtio_balloon_leaf, link), cnt - done);
    }
    if (done > 0)
        b->reclaimed = true;
    spin_unlock(&b->lock, irq);
    if (done > 0)
        wait_queue_wake_all(&b->wait);
    return done;
}

void virtio_balloon_empty(struct virtio_balloon *b)
{
    struct virtio_balloon_leaf *leaf;

    while ((leaf = last_leaf(b)) != NULL) {
        free_pages(leaf->pfns, leaf->given);
        leaf->recorded = leaf->given = 0;
        close_leaf(b, leaf);
    }
    b->recorded = b->given = 0;
}
