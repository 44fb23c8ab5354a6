/* A virtio network device of host tests that does, and says, what the test wants; with the driver
 * in it. Link tests/host/fake/fake_net_device.c and what it includes. */
#ifndef FAKE_NET_DEVICE_H
#define FAKE_NET_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "drivers/virtio_net.h"
#include "fake_ring.h"

#define BIT(n)          (1ull << (n))
#define FAKE_NET_RING   16u
#define FAKE_NET_POOL   (FAKE_NET_RING * 5 / 2 + 64)
#define FAKE_NET_MODERN (BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_RING_F_EVENT_IDX))

extern struct virtio_device fake_net_dev;
extern struct fake_ring fake_net_rings[VIRTIO_QUEUE_MAX]; /* by queue */
extern struct netdev *fake_net;                           /* what the driver made of it */

/* The first pair. */
#define fake_net_rx   (fake_net_rings[VIRTIO_NET_RXQ(0)])
#define fake_net_tx   (fake_net_rings[VIRTIO_NET_TXQ(0)])
#define fake_net_pair (fake_net->pairs[0])

/* A new device that offers FAKE_NET_MODERN, MAC and STATUS, its link up; and its end, after which
 * nothing may be left allocated. For cmocka. */
int fake_net_setup(void **state);
int fake_net_teardown(void **state);

/* Adds the device with @more features. */
void fake_net_start(uint64_t more);
void fake_net_start_legacy(uint64_t more);

/* Fills the next receive chain with a header (NULL: none) and @len bytes that follow from @seed,
 * and writes a used entry of @used_len; -1: of what was written. */
void fake_net_fill(unsigned slot, const struct virtio_net_hdr *hdr, unsigned len, uint8_t seed,
                   int64_t used_len);

/* Publishes @cnt filled chains; the interrupt arrives if it was asked for. */
void fake_net_publish(unsigned cnt);

/* A sound frame. */
void fake_net_deliver(unsigned len, uint8_t seed);

/* Do @len bytes at @data follow from @seed, from its @from'th byte on? */
void fake_net_check(const uint8_t *data, unsigned len, uint8_t seed, unsigned from);

/* Fails the test unless every buffer that the receive ring has room for is in it. */
void fake_net_check_refilled(void);

/* Receives one frame that must be there and sound, and gives it back. */
void fake_net_expect_frame(unsigned len, uint8_t seed);

/* An empty buffer with @len bytes that follow from @seed. */
struct netbuf *fake_net_make(unsigned len, uint8_t seed);

/* One whose checksum at @off behind @start is still to be finished. */
struct netbuf *fake_net_make_partial(unsigned len, uint8_t seed, uint16_t start, uint16_t off);

/* Opens the device with a callback that counts. */
extern unsigned fake_net_rx_calls;
void fake_net_open(void);

/* Sends one. */
int fake_net_send(struct netbuf *buf);

struct fake_net_frame {
    struct virtio_net_hdr hdr;
    uint8_t data[2048];
    unsigned len, piece_cnt, head;
};

/* Takes the next frame that was sent; false when there is none. */
bool fake_net_take(struct fake_net_frame *frame);

/* Says it is sent; the interrupt arrives if it was asked for. */
void fake_net_sent(const struct fake_net_frame *frame);

/* Both for all frames; how many. */
unsigned fake_net_send_all(void);

#endif
