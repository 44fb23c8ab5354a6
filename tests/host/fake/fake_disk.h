/* A virtio disk of host tests, in memory, that can misbehave; it works while the driver's only
 * thread waits. It pretends several CPUs: cpu_host_block.id says which one is acting. Link
 * tests/host/fake/fake_disk.c and what it includes. */
#ifndef FAKE_DISK_H
#define FAKE_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "fake_ring.h"
#include "virtio/virtio.h"

#define FAKE_DISK_SECTORS 1024u

struct fake_disk {
    uint8_t data[FAKE_DISK_SECTORS * 512];
    bool silent; /* answers nothing */
    bool quiet;  /* answers, but no interrupt arrives */
    bool shared; /* CPU 0 gets the interrupts of all queues, else CPU i those of queue i */
    unsigned cpus;
    int status; /* of every request, -1: what is right */
    bool status_unwritten;
    uint32_t used_len; /* 0: the right one */
    bool any_framing;  /* takes header and data, or data and status, as one piece */
    unsigned requests, flushes, erases, max_batch;
};

extern struct fake_disk fake_disk;
extern struct virtio_device fake_disk_dev;
extern struct fake_ring fake_disk_rings[];
extern const struct virtio_irq_ops fake_disk_irq_ops;

/* A sound disk with known contents, and a device object that no driver has seen. */
void fake_disk_reset(void);

/* Answers one request of queue @queue. */
void fake_disk_serve(unsigned queue, const struct fake_chain *chain);

/* Lets the device answer all it was given, and the interrupts arrive, each on its CPU. */
void fake_disk_step(void);

#endif
