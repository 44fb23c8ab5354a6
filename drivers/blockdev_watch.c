/* A block device's capacity while it is in use: what changes, and who is told. */
#include <errno.h>
#include <stdlib.h>

#include "arch/barrier.h"
#include "drivers/blockdev.h"
#include "kernel/log.h"

struct watch {
    struct list link;
    void (*fn)(struct block_device *dev, void *arg); /* NULL: taken back while all are told */
    void *arg;
};

void block_watch_init(struct block_device *dev)
{
    list_init(&dev->watches);
    dev->telling = false;
    mutex_init(&dev->lock);
}

int block_watch(struct block_device *dev, void (*fn)(struct block_device *dev, void *arg),
                void *arg)
{
    struct watch *watch = malloc(sizeof(*watch));

    if (watch == NULL)
        return -ENOMEM;
    watch->fn = fn;
    watch->arg = arg;
    mutex_lock(&dev->lock);
    list_append(&dev->watches, &watch->link);
    mutex_unlock(&dev->lock);
    return 0;
}

void block_unwatch(struct block_device *dev, void (*fn)(struct block_device *dev, void *arg),
                   void *arg)
{
    struct watch *found = NULL;

    mutex_lock(&dev->lock);
    LIST_FOR_EACH(it, &dev->watches) {
        struct watch *watch = CONTAINER_OF(it, struct watch, link);

        if (watch->fn == fn && watch->arg == arg)
            found = watch;
    }
    /* Whoever holds the lock while all are told is one of them: the walk needs its place. */
    if (found != NULL && dev->telling) {
        found->fn = NULL;
        found = NULL;
    } else if (found != NULL) {
        list_remove(&found->link);
    }
    mutex_unlock(&dev->lock);
    free(found);
}

/* With the lock. */
static void tell_all(struct block_device *dev)
{
    dev->telling = true;
    LIST_FOR_EACH(it, &dev->watches) {
        struct watch *watch = CONTAINER_OF(it, struct watch, link);

        if (watch->fn != NULL)
            watch->fn(dev, watch->arg);
    }
    dev->telling = false;
    LIST_FOR_EACH_SAFE(it, tmp, &dev->watches) {
        struct watch *watch = CONTAINER_OF(it, struct watch, link);

        if (watch->fn == NULL) {
            list_remove(it);
            free(watch);
        }
    }
}

void block_set_capacity(struct block_device *dev, uint64_t sectors)
{
    mutex_lock(&dev->lock);
    if (sectors != dev->info.sector_cnt) {
        if (sectors > dev->sector_max)
            WRITE_ONCE(dev->sector_max, sectors);
        WRITE_ONCE(dev->info.sector_cnt, sectors);
        at_line("event", "name=%s kind=resize sectors=%llu capacity=%llu", dev->info.name,
                (unsigned long long)sectors, (unsigned long long)sectors);
        tell_all(dev);
    }
    mutex_unlock(&dev->lock);
}
