/*
 * A load that checks itself: a thread on each of several CPUs keeps requests in flight, and follows
 * every one of them. Each request in flight has places on the disk of its own; it writes a pattern
 * that no other request writes and reads it back, or, where it may not write, reads twice and
 * compares. Buffers are overwritten before each read.
 */
#ifndef DRIVERS_BLK_SOAK_H
#define DRIVERS_BLK_SOAK_H

#include <stdbool.h>
#include <stdint.h>

#include "vring0/block.h"

#define SOAK_DEPTH_MAX 256u

struct soak;

struct soak_params {
    struct block_device *dev;
    unsigned cpu_cnt; /* CPUs 0 to cpu_cnt - 1, at least one */
    unsigned depth;   /* requests in flight from each, 1 to SOAK_DEPTH_MAX */
    uint64_t limit;   /* requests in all; UINT64_MAX: until stopped */
    bool write;       /* what is on the disk is lost */
};

struct soak_counts {
    uint64_t done;      /* completed, however they ended */
    uint64_t lost;      /* not completed a minute after the last one was */
    uint64_t doubled;   /* completions of what was not in flight */
    uint64_t bad;       /* wrong data, read or found again */
    uint64_t eio;       /* failed with EIO: no fault where the disk shrank meanwhile */
    uint64_t failed;    /* failed otherwise; and, as one, EIO inside the disk */
    uint64_t elsewhere; /* completed on another CPU than the one that submitted */
};

/* Starts the threads. 0 and *@result, -ENOMEM, -ERANGE (the disk has no place for so many). Thread
 * context. */
int soak_start(const struct soak_params *params, struct soak **result);

/* All threads have ended by themselves: the limit is reached, or all fails. Any context. */
bool soak_finished(const struct soak *soak);

/* Waits until soak_finished(), or for @ns. Thread context. */
void soak_wait(struct soak *soak, uint64_t ns);

/* Lets no further request begin, waits for those in flight, and frees @soak. Thread context. */
void soak_stop(struct soak *soak, struct soak_counts *counts);

#endif
