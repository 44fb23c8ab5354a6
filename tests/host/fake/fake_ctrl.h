/* The device's end of a network device's control queue, for tests with several queue pairs: answers
 * while the driver waits, and notes what it was told. */
#ifndef FAKE_CTRL_H
#define FAKE_CTRL_H

#include <stdbool.h>
#include <stdint.h>

#include "drivers/virtio_net_spec.h"

#define MQ       (BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_MQ))
#define ANNOUNCE (BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_GUEST_ANNOUNCE))

#define FAKE_CTRL_SILENT (-1) /* the device never answers */

struct fake_ctrl {
    unsigned queue;
    int ack;
    uint32_t used_len;
    uint32_t used_id_off;
    unsigned cnt;
    uint8_t class, command;
    unsigned data_len;
    uint16_t value;
    bool ack_was_invalid;
    bool dies; /* is given up instead of answering */
};

extern struct fake_ctrl fake_ctrl;

int fake_ctrl_setup(void **state);

/* A device with @max pairs, started on @cpus CPUs. */
void fake_ctrl_start(unsigned max, unsigned cpus);

/* There was a "@fallback" line for queue pairs: "from=4 to=1". */
void fake_ctrl_expect_fallback(const char *from_to, const char *reason);

/* The device goes on with one pair. */
void fake_ctrl_expect_one_pair(void);

#endif
