/* One CPU's part of a checking load: sends requests, checks what came back. */
#include <errno.h>
#include <string.h>

#include "arch/barrier.h"
#include "arch/clock.h"
#include "drivers/blk_soak_private.h"

#define LOST_NS        60000000000ull /* longer than the driver waits for a silent device */
#define RETRY_NS       5000000ull     /* no room in the ring, or no place on the disk */
#define BREATH_NS      1000000ull     /* after EIO: lets the news of a new capacity through */
#define EIO_IN_ROW_MAX 1000u
#define ODD            0x9e3779b97f4a7c15ull

static void request_done(struct block_request *req)
{
    struct soak_slot *slot = req->user;
    struct soak_lane *lane = slot->lane;

    spin_acquire(&lane->lock);
    if (slot->in_flight) {
        slot->in_flight = false;
        lane->in_flight--;
        lane->counts.elsewhere += cpu_this()->id != lane->cpu;
        slot->next = lane->completed;
        lane->completed = slot;
        wait_queue_wake_one(&lane->wake);
    } else {
        lane->counts.doubled++;
    }
    spin_release(&lane->lock);
}

static uint64_t pattern_start(const struct soak_slot *slot)
{
    return ((uint64_t)slot->number << 40 | slot->seq) * ODD;
}

static void write_pattern(const struct soak_slot *slot)
{
    uint64_t *words = slot->seg.data, value = pattern_start(slot);

    for (size_t i = 0; i < slot->seg.len / sizeof(*words); i++)
        words[i] = value += ODD;
}

static bool is_pattern(const struct soak_slot *slot)
{
    const uint64_t *words = slot->seg.data;
    uint64_t value = pattern_start(slot), wrong = 0;

    for (size_t i = 0; i < slot->seg.len / sizeof(*words); i++)
        wrong |= words[i] ^ (value += ODD);
    return wrong == 0;
}

static uint64_t sum(const struct soak_slot *slot)
{
    const uint64_t *words = slot->seg.data;
    uint64_t value = ODD;

    for (size_t i = 0; i < slot->seg.len / sizeof(*words); i++)
        value = (value ^ words[i]) * ODD;
    return value;
}

/* Chooses one of @slot's own places; false when the disk is too small to have one. */
static bool choose_place(struct soak_slot *slot)
{
    struct soak *soak = slot->lane->soak;
    uint64_t places = READ_ONCE(block_info(soak->params.dev)->sector_cnt) / soak->req_sectors;
    uint64_t mine = (places + soak->slot_cnt - 1 - slot->number) / soak->slot_cnt;
    uint64_t x = slot->lane->random;

    if (places <= slot->number)
        return false;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    slot->lane->random = x;
    slot->place = x % mine * soak->slot_cnt + slot->number;
    return true;
}

static bool prepare(struct soak_slot *slot)
{
    bool write = slot->lane->soak->params.write && !slot->second;

    if (!slot->second && !choose_place(slot))
        return false;
    if (write) {
        slot->seq++;
        write_pattern(slot);
    } else {
        memset(slot->seg.data, slot->second ? 0xcc : 0x33, slot->seg.len);
    }
    slot->req.op = write ? BLOCK_WRITE : BLOCK_READ;
    slot->req.sector = slot->place * slot->lane->soak->req_sectors;
    slot->req.segs = &slot->seg;
    slot->req.seg_cnt = 1;
    slot->req.done = request_done;
    slot->req.user = slot;
    return true;
}

static void set_in_flight(struct soak_lane *lane, unsigned first, unsigned cnt, bool in_flight)
{
    uint64_t irq = spin_lock(&lane->lock);

    for (unsigned i = first; i < cnt; i++) {
        struct soak_slot *slot = lane->batch[i]->user;

        slot->in_flight = in_flight;
    }
    lane->in_flight = in_flight ? lane->in_flight + (cnt - first) : lane->in_flight - (cnt - first);
    spin_unlock(&lane->lock, irq);
}

/* Sends the ready slots as one batch; those for which there is no room or place stay ready. */
static void send(struct soak_lane *lane)
{
    struct soak_slot *slots = lane->ready;
    unsigned cnt = 0, sent;

    lane->ready = NULL;
    while (slots != NULL) {
        struct soak_slot *slot = slots;

        slots = slot->next;
        if (lane->left > cnt && prepare(slot)) {
            lane->batch[cnt++] = &slot->req;
        } else {
            slot->next = lane->ready;
            lane->ready = slot;
        }
    }
    if (cnt == 0)
        return;
    set_in_flight(lane, 0, cnt, true);
    sent = block_submit(lane->soak->params.dev, lane->batch, cnt);
    set_in_flight(lane, sent, cnt, false);
    lane->left -= lane->left != UINT64_MAX ? sent : 0;
    for (unsigned i = sent; i < cnt; i++) {
        struct soak_slot *slot = lane->batch[i]->user;

        slot->next = lane->ready;
        lane->ready = slot;
    }
}

/* What a completed request brought. */
static void check(struct soak_slot *slot)
{
    struct soak_lane *lane = slot->lane;
    struct soak *soak = lane->soak;
    uint64_t end = slot->req.sector + soak->req_sectors;
    bool second = slot->second, right = true;

    lane->counts.done++;
    slot->second = false;
    if (slot->req.status == -EIO) {
        lane->counts.eio++;
        lane->eio_in_row++;
        if (end < lane->eio_low)
            lane->eio_low = end;
        return;
    }
    lane->eio_in_row = 0;
    if (slot->req.status != 0) {
        lane->counts.failed++;
        return;
    }
    slot->second = !second;
    if (second && soak->params.write)
        right = is_pattern(slot);
    else if (second)
        right = sum(slot) == slot->sum;
    else if (!soak->params.write)
        slot->sum = sum(slot);
    if (right)
        return;
    /* What lay beyond the end for a while is gone, which reads as zeroes when the disk has grown
     * again. */
    if (end > READ_ONCE(soak->sector_min))
        lane->counts.eio++;
    else
        lane->counts.bad++;
}

/* Waits for completions and checks them. False when those in flight do not come. */
static bool collect(struct soak_lane *lane, bool more)
{
    struct soak_slot *slots;
    uint64_t irq, deadline_ns;
    unsigned eio = lane->eio_in_row;
    int rc = 0;

    deadline_ns = clock_ns() + (more && lane->ready != NULL ? RETRY_NS : LOST_NS);
    irq = spin_lock(&lane->lock);
    while (lane->completed == NULL && rc == 0)
        rc = wait_queue_sleep_locked(&lane->wake, &lane->lock, deadline_ns);
    slots = lane->completed;
    lane->completed = NULL;
    spin_unlock(&lane->lock, irq);
    if (slots == NULL)
        return more && lane->ready != NULL;
    while (slots != NULL) {
        struct soak_slot *slot = slots;

        slots = slot->next;
        check(slot);
        slot->next = lane->ready;
        lane->ready = slot;
    }
    if (lane->eio_in_row > eio)
        thread_sleep_ns(BREATH_NS);
    return true;
}

static bool wants_more(const struct soak_lane *lane)
{
    return !READ_ONCE(lane->soak->stop) && lane->left > 0 && lane->eio_in_row < EIO_IN_ROW_MAX;
}

void soak_lane_run(void *arg)
{
    struct soak_lane *lane = arg;
    bool more;

    while ((more = wants_more(lane)) || READ_ONCE(lane->in_flight) > 0 ||
           READ_ONCE(lane->completed) != NULL) {
        if (more)
            send(lane);
        if (!collect(lane, more)) {
            lane->counts.lost = lane->in_flight;
            break;
        }
        thread_yield();
    }
    __atomic_store_n(&lane->ended, true, __ATOMIC_RELEASE);
    wait_queue_wake_all(&lane->soak->ended);
}
