/* The measurement server over BSD sockets: what a frame costs through the whole IP stack. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arch/cpu.h"
#include "bench/bench_net.h"
#include "kernel/console.h"
#include "kernel/thread.h"

#define POLL_US     100000
#define HEADERS_LEN 42 /* Ethernet, IPv4, UDP */
#define PAYLOAD_MAX 1472
#define RETRY_NS    20000u
#define TRIES_MAX   500000u /* 10 s */

struct socket_server {
    int fd;
    struct bench_net_counts *counts;
    struct sockaddr_in peer;
    socklen_t peer_len;
    uint32_t retries;
    union {
        struct bench_net_message message;
        uint8_t bytes[PAYLOAD_MAX];
    } payload;
};

/* A full ring or an empty pool passes; anything else, Ctrl-C, or too many tries end the attempt. */
static bool send_payload(struct socket_server *s, size_t len)
{
    for (unsigned tries = 0; tries < TRIES_MAX; tries++) {
        if (sendto(s->fd, s->payload.bytes, len, 0, (struct sockaddr *)&s->peer, s->peer_len) >=
            0) {
            s->counts->sent++;
            return true;
        }
        if ((errno != ENOMEM && errno != ENOBUFS && errno != EAGAIN) || console_interrupted())
            return false;
        s->retries++;
        thread_sleep_ns(RETRY_NS);
    }
    return false;
}

static void socket_flood(struct socket_server *s)
{
    uint32_t cnt = s->payload.message.a, frame_len = s->payload.message.b;
    size_t len = frame_len > HEADERS_LEN ? frame_len - HEADERS_LEN : 0;
    bool going = true;

    if (len < sizeof(s->payload.message))
        len = sizeof(s->payload.message);
    if (len > PAYLOAD_MAX)
        len = PAYLOAD_MAX;
    s->retries = 0;
    s->payload.message.op = BENCH_NET_FLOOD_DATA;
    cpu_mark(3);
    for (uint32_t i = 0; i < cnt && going; i++) {
        s->payload.message.seq = i;
        going = send_payload(s, len);
    }
    s->payload.message.op = BENCH_NET_FLOOD_END;
    s->payload.message.b = s->retries;
    if (going)
        send_payload(s, len);
    cpu_mark(4);
}

/* False when the peer said exit. */
static bool serve_message(struct socket_server *s, size_t len)
{
    struct bench_net_message *message = &s->payload.message;

    if (len < sizeof(*message))
        return true;
    switch (bench_net_message_in(s->counts, message, (uint32_t)len + HEADERS_LEN)) {
    case BENCH_NET_ANSWER_MESSAGE:
        send_payload(s, len);
        return true;
    case BENCH_NET_ANSWER_FLOOD:
        socket_flood(s);
        return true;
    case BENCH_NET_ANSWER_EXIT:
        return false;
    default:
        return true;
    }
}

static void socket_serve(struct socket_server *s)
{
    struct timeval wait = {.tv_usec = POLL_US};

    setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    for (;;) {
        ssize_t len;

        s->peer_len = sizeof(s->peer);
        len = recvfrom(s->fd, s->payload.bytes, sizeof(s->payload), 0, (struct sockaddr *)&s->peer,
                       &s->peer_len);
        if (len < 0) {
            if (console_interrupted())
                return;
            continue;
        }
        s->counts->received++;
        if (!serve_message(s, (size_t)len))
            return;
    }
}

int bench_net_sockets(struct bench_net_counts *counts)
{
    static struct socket_server server; /* too large for a stack that others share in size */
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(BENCH_NET_PORT)};

    memset(&server, 0, sizeof(server));
    server.counts = counts;
    server.fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (server.fd < 0)
        return console_fail(-errno, "no socket");
    if (bind(server.fd, (struct sockaddr *)&any, sizeof(any)) != 0) {
        int err = -errno;

        close(server.fd);
        return console_fail(err, "UDP port %u is taken", BENCH_NET_PORT);
    }
    socket_serve(&server);
    close(server.fd);
    return 0;
}
