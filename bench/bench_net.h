/*
 * The guest side of a network measurement: a passive server on UDP port 7 that a peer on the host
 * commands. Payload, little endian, 18 bytes or more; see the opcodes.
 */
#ifndef BENCH_BENCH_NET_H
#define BENCH_BENCH_NET_H

#include <stdbool.h>
#include <stdint.h>

#define BENCH_NET_PORT    7
#define BENCH_NET_ADDRESS "10.9.0.2" /* when no static address is configured */

#define BENCH_NET_ECHO    'E' /* send the payload back */
#define BENCH_NET_DISCARD 'D' /* count it, answer nothing */
#define BENCH_NET_QUERY \
    'Q' /* echo with a = frames discarded since the last query, b = their bytes */
#define BENCH_NET_FLOOD                                                      \
    'F' /* send a frames of b bytes with FLOOD_DATA, then one with FLOOD_END \
         */
#define BENCH_NET_FLOOD_DATA 'S'
#define BENCH_NET_FLOOD_END  'T'
#define BENCH_NET_MARK       'M' /* run marker a (1..4), echo */
#define BENCH_NET_EXIT       'X' /* end of the measurement */

struct bench_net_message {
    uint8_t op;
    uint8_t pad[3];
    uint32_t seq;
    uint32_t a;
    uint32_t b;
} __attribute__((packed));
_Static_assert(sizeof(struct bench_net_message) == 16, "wire format");

/* What a run counts. */
struct bench_net_counts {
    uint64_t received, sent;
    uint32_t discarded, discarded_bytes; /* since the last query */
};

enum bench_net_answer {
    BENCH_NET_ANSWER_NOTHING,
    BENCH_NET_ANSWER_MESSAGE, /* the message as it is now, back to the sender */
    BENCH_NET_ANSWER_FLOOD,
    BENCH_NET_ANSWER_EXIT,
};

/* Counts @message, which came in a frame of @frame_len bytes, and says what it asks for. */
enum bench_net_answer bench_net_message_in(struct bench_net_counts *counts,
                                           struct bench_net_message *message, uint32_t frame_len);

struct netdev;

/* Each serves until the peer says exit or Ctrl-C; @address in network byte order. 0, or
 * console_fail(). */
int bench_net_driver(struct netdev *dev, uint32_t address, struct bench_net_counts *counts);
int bench_net_sockets(struct bench_net_counts *counts);

#endif
