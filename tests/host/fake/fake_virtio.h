/* A virtio transport of host tests: registers are a struct, every access is noted in order, and the
 * device can refuse. Link tests/host/fake/fake_virtio.c. */
#ifndef FAKE_VIRTIO_H
#define FAKE_VIRTIO_H

#include <stdbool.h>
#include <stdint.h>

#include "virtio/virtio.h"

#define FAKE_VIRTIO_QUEUES VIRTIO_QUEUE_MAX

struct fake_virtio {
    uint8_t status;
    uint64_t offered, accepted;
    uint8_t config[64];
    int queue_size[FAKE_VIRTIO_QUEUES]; /* 0: absent, negative: in use */
    bool queue_live[FAKE_VIRTIO_QUEUES];
    uint16_t queue_entry[FAKE_VIRTIO_QUEUES];
    uint16_t config_entry;
    bool refuse_config_entry;
    int refuse_queue_entry; /* index of the queue whose entry is refused, -1: none */
    uint16_t refuse_as;     /* what a refused entry reads back as */
    unsigned refuse_cnt;    /* how often */
    int refuse_queue_set;   /* index of the queue whose ring is refused, -1: none */
    bool refuse_features, reset_hangs;
    unsigned config_reads_change; /* that many reads give other bytes than before */
    unsigned notifies;
    uint8_t isr;
    unsigned isr_reads;
    bool gone; /* ISR is not cleared by reading: all-ones for ever, once it is read as that */
};

/* The one device, and what happened to it: "reset status:1 status:3 features ..." */
extern struct fake_virtio fake_virtio;
extern struct virtio_transport_ops fake_virtio_ops;

void fake_virtio_reset(void);

/* Adds a word to the trace. */
void fake_virtio_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
const char *fake_virtio_trace(void);
void fake_virtio_trace_clear(void);

#endif
