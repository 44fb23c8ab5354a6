/* A checking load on a block device: its start and end, over all its CPUs. */
#include "drivers/blk_soak.h"

#include <errno.h>
#include <stdlib.h>

#include "arch/barrier.h"
#include "arch/clock.h"
#include "drivers/blk_soak_private.h"
#include "kernel/format.h"

#define REQUEST_LEN 4096u

static void capacity_changed(struct block_device *dev, void *arg)
{
    struct soak *soak = arg;
    uint64_t sectors = block_info(dev)->sector_cnt;

    if (sectors < soak->sector_min)
        WRITE_ONCE(soak->sector_min, sectors);
}

static uint32_t request_len(const struct block_info *info)
{
    uint32_t len = info->block_size > REQUEST_LEN ? info->block_size : REQUEST_LEN;

    return len <= info->request_len_max && len <= info->seg_len_max ? len : info->block_size;
}

static void lane_free(struct soak_lane *lane)
{
    free(lane->data);
    free(lane->batch);
    free(lane->slots);
}

static int lane_setup(struct soak *soak, unsigned cpu)
{
    struct soak_lane *lane = &soak->lanes[cpu];
    unsigned depth = soak->params.depth, lanes = soak->params.cpu_cnt;
    uint32_t len = soak->req_sectors * BLOCK_SECTOR_SIZE;
    uint64_t limit = soak->params.limit;

    lane->soak = soak;
    lane->cpu = cpu;
    lane->random = cpu + 1;
    lane->eio_low = UINT64_MAX;
    lane->left = limit == UINT64_MAX ? limit : limit / lanes + (cpu < limit % lanes);
    wait_queue_init(&lane->wake);
    lane->slots = aligned_alloc(64, (depth * sizeof(*lane->slots) + 63) & ~(size_t)63);
    lane->batch = calloc(depth, sizeof(struct block_request *));
    lane->data = calloc(depth, len);
    if (lane->slots == NULL || lane->batch == NULL || lane->data == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < depth; i++) {
        lane->slots[i] = (struct soak_slot){
            .seg = {.data = lane->data + (size_t)i * len, .len = len},
            .lane = lane,
            .number = cpu * depth + i,
            .next = lane->ready,
        };
        lane->ready = &lane->slots[i];
    }
    return 0;
}

static int lane_start(struct soak_lane *lane)
{
    char name[THREAD_NAME_MAX];

    format(name, sizeof(name), "soak-%s/%u", block_info(lane->soak->params.dev)->name, lane->cpu);
    lane->thread = thread_create_on(lane->cpu, name, soak_lane_run, lane, 0);
    return lane->thread != NULL ? 0 : -ENOMEM;
}

int soak_start(const struct soak_params *params, struct soak **result)
{
    const struct block_info *info = block_info(params->dev);
    struct soak *soak = calloc(1, sizeof(*soak));
    struct soak_counts counts;
    int err = 0;

    if (soak == NULL)
        return -ENOMEM;
    soak->params = *params;
    soak->slot_cnt = params->cpu_cnt * params->depth;
    soak->req_sectors = request_len(info) / BLOCK_SECTOR_SIZE;
    soak->sector_min = info->sector_cnt;
    wait_queue_init(&soak->ended);
    if (soak->sector_min / soak->req_sectors < soak->slot_cnt) {
        free(soak);
        return -ERANGE;
    }
    soak->lanes = calloc(params->cpu_cnt, sizeof(*soak->lanes));
    if (soak->lanes == NULL || block_watch(params->dev, capacity_changed, soak) != 0) {
        free(soak->lanes);
        free(soak);
        return -ENOMEM;
    }
    for (unsigned i = 0; i < params->cpu_cnt && err == 0; i++)
        err = lane_setup(soak, i);
    for (unsigned i = 0; i < params->cpu_cnt && err == 0; i++)
        err = lane_start(&soak->lanes[i]);
    if (err != 0) {
        soak_stop(soak, &counts);
        return err;
    }
    *result = soak;
    return 0;
}

bool soak_finished(const struct soak *soak)
{
    for (unsigned i = 0; i < soak->params.cpu_cnt; i++) {
        const struct soak_lane *lane = &soak->lanes[i];

        if (lane->thread != NULL && !__atomic_load_n(&lane->ended, __ATOMIC_ACQUIRE))
            return false;
    }
    return true;
}

void soak_wait(struct soak *soak, uint64_t ns)
{
    WAIT_UNTIL(&soak->ended, clock_ns() + ns, soak_finished(soak));
}

static void add_counts(struct soak_counts *counts, const struct soak *soak,
                       const struct soak_lane *lane)
{
    const struct soak_counts *more = &lane->counts;

    counts->done += more->done;
    counts->lost += more->lost;
    counts->doubled += more->doubled;
    counts->bad += more->bad;
    counts->eio += more->eio;
    counts->failed += more->failed + (lane->eio_low <= soak->sector_min);
    counts->elsewhere += more->elsewhere;
}

void soak_stop(struct soak *soak, struct soak_counts *counts)
{
    *counts = (struct soak_counts){0};
    WRITE_ONCE(soak->stop, true);
    for (unsigned i = 0; i < soak->params.cpu_cnt; i++) {
        if (soak->lanes[i].thread != NULL)
            thread_join(soak->lanes[i].thread);
    }
    block_unwatch(soak->params.dev, capacity_changed, soak);
    for (unsigned i = 0; i < soak->params.cpu_cnt; i++)
        add_counts(counts, soak, &soak->lanes[i]);
    if (counts->lost > 0) /* the device may still write to the buffers */
        return;
    for (unsigned i = 0; i < soak->params.cpu_cnt; i++)
        lane_free(&soak->lanes[i]);
    free(soak->lanes);
    free(soak);
}
