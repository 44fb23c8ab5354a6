/* Shared by the two files of the block devices' checking load. */
#ifndef DRIVERS_BLK_SOAK_PRIVATE_H
#define DRIVERS_BLK_SOAK_PRIVATE_H

#include "arch/spinlock.h"
#include "drivers/blk_soak.h"
#include "kernel/thread.h"

/* A request that is sent again and again. */
struct soak_slot {
    struct block_request req;
    struct block_segment seg;
    struct soak_lane *lane;
    struct soak_slot *next; /* in the lane's list of completed or of ready ones */
    unsigned number;        /* among all slots of the soak */
    bool second;            /* this pass reads what the one before wrote or read */
    bool in_flight;         /* guarded by the lane's lock */
    uint64_t place;         /* in requests' lengths from the start of the disk */
    uint64_t seq;           /* of the pattern */
    uint64_t sum;           /* of what the first pass read */
};

/* One CPU's thread. */
struct soak_lane {
    struct soak *soak;
    struct thread *thread; /* NULL: could not be made */
    unsigned cpu;
    struct soak_slot *slots;
    struct block_request **batch;
    char *data;

    struct soak_slot *ready; /* the thread's */
    uint64_t left;           /* requests to begin */
    uint64_t random;
    unsigned eio_in_row;
    uint64_t eio_low; /* lowest end of a request that failed with EIO */
    bool ended;

    struct spinlock lock; /* what follows is shared with completions on any CPU */
    struct wait_queue wake;
    struct soak_slot *completed;
    unsigned in_flight;
    struct soak_counts counts;
};

struct soak {
    struct soak_params params;
    unsigned slot_cnt;    /* of all lanes */
    uint32_t req_sectors; /* length of a request */
    uint64_t sector_min;  /* smallest capacity since the start */
    bool stop;
    struct wait_queue ended;
    struct soak_lane *lanes;
};

/* Body of a lane's thread; @arg is the lane. */
void soak_lane_run(void *arg);

#endif
