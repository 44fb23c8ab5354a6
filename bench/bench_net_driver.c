/* The measurement server straight on the driver's batch calls: frames are answered in the buffers
 * they came in. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "arch/cpu.h"
#include "bench/bench_net.h"
#include "drivers/netdev.h"
#include "kernel/console.h"
#include "kernel/thread.h"

#define BATCH          32u
#define WAIT_NS        100000000ull /* between two looks for Ctrl-C */
#define RETRY_NS       20000u
#define PATIENCE_NS    10000000000ull /* for a device that makes no room */
#define MAC_LEN        6
#define FRAME_MIN      60u
#define ETHERTYPE_IPV4 0x0008 /* as read from the wire on a little-endian machine */
#define ETHERTYPE_ARP  0x0608
#define ARP_REQUEST    0x0100
#define ARP_REPLY      0x0200
#define IP_PROTO_UDP   17

struct ethernet {
    uint8_t to[MAC_LEN], from[MAC_LEN];
    uint16_t type;
} __attribute__((packed));

struct arp {
    struct ethernet eth;
    uint16_t hardware, protocol;
    uint8_t hardware_len, protocol_len;
    uint16_t operation;
    uint8_t from_mac[MAC_LEN];
    uint32_t from_ip;
    uint8_t to_mac[MAC_LEN];
    uint32_t to_ip;
} __attribute__((packed));
_Static_assert(sizeof(struct arp) == 42, "wire format");

/* Without IP options, which the peer does not use. */
struct datagram {
    struct ethernet eth;
    uint8_t version_len, tos;
    uint16_t total_len, id, fragment;
    uint8_t ttl, proto;
    uint16_t ip_sum;
    uint32_t from_ip, to_ip;
    uint16_t from_port, to_port, udp_len, udp_sum;
    struct bench_net_message message;
} __attribute__((packed));
_Static_assert(offsetof(struct datagram, message) == 42, "wire format");

struct server {
    struct netdev *dev;
    struct bench_net_counts *counts;
    uint32_t address;
    bool done;
    bool stalled;       /* the device has sent nothing for too long */
    uint64_t waited_ns; /* since it last made room */
    struct netbuf *replies[BATCH];
    unsigned reply_cnt;
};

static inline uint16_t swap16(uint16_t value)
{
    return (uint16_t)(value << 8 | value >> 8);
}

/* The device has no room: a short sleep. False when there is no point in another try. */
static bool wait_for_room(struct server *s)
{
    if (console_interrupted() || !netdev_link_up(s->dev))
        return false;
    if (s->waited_ns >= PATIENCE_NS) {
        s->stalled = true;
        return false;
    }
    thread_sleep_ns(RETRY_NS);
    s->waited_ns += RETRY_NS;
    return true;
}

/* Sends what waits, with one notification unless the ring is full; what cannot be sent is freed. */
static void flush(struct server *s)
{
    unsigned sent = 0;
    int n;

    do {
        n = netdev_send(s->dev, s->replies + sent, s->reply_cnt - sent);
        if (n > 0) {
            sent += (unsigned)n;
            s->waited_ns = 0;
        }
    } while (sent < s->reply_cnt && (n > 0 || wait_for_room(s)));
    s->counts->sent += sent;
    for (unsigned i = sent; i < s->reply_cnt; i++)
        netdev_buf_free(s->replies[i]);
    s->reply_cnt = 0;
}

static void reply(struct server *s, struct netbuf *buf)
{
    s->replies[s->reply_cnt++] = buf;
}

static bool answer_arp(struct server *s, struct netbuf *buf)
{
    struct arp *arp = (struct arp *)buf->data;

    if (buf->len < sizeof(*arp) || arp->operation != ARP_REQUEST || arp->to_ip != s->address)
        return false;
    memcpy(arp->to_mac, arp->from_mac, MAC_LEN);
    arp->to_ip = arp->from_ip;
    memcpy(arp->from_mac, netdev_info(s->dev)->mac, MAC_LEN);
    arp->from_ip = s->address;
    arp->operation = ARP_REPLY;
    memcpy(arp->eth.to, arp->to_mac, MAC_LEN);
    memcpy(arp->eth.from, arp->from_mac, MAC_LEN);
    reply(s, buf);
    return true;
}

/* Back to where it came from. Sums over both addresses and both ports do not change by swapping
 * them. */
static void turn_around(struct server *s, struct datagram *d)
{
    uint32_t ip = d->from_ip;
    uint16_t port = d->from_port;

    memcpy(d->eth.to, d->eth.from, MAC_LEN);
    memcpy(d->eth.from, netdev_info(s->dev)->mac, MAC_LEN);
    d->from_ip = d->to_ip;
    d->to_ip = ip;
    d->from_port = d->to_port;
    d->to_port = port;
}

static uint16_t header_sum(const struct datagram *d)
{
    const uint16_t *words = (const void *)&d->version_len;
    uint32_t sum = 0;

    for (unsigned i = 0; i < 10; i++)
        sum += words[i];
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* An answer of @frame_len bytes, complete but for its message. */
static void make_answer(struct server *s, struct datagram *d, uint32_t frame_len)
{
    turn_around(s, d);
    d->total_len = swap16((uint16_t)(frame_len - sizeof(struct ethernet)));
    d->udp_len = swap16((uint16_t)(frame_len - offsetof(struct datagram, from_port)));
    d->udp_sum = 0;
    d->ip_sum = 0;
    d->ip_sum = header_sum(d);
}

static bool send_copy(struct server *s, const struct datagram *d, uint32_t frame_len)
{
    struct netbuf *buf = netdev_buf_alloc(s->dev);

    while (buf == NULL) {
        flush(s);
        if (!wait_for_room(s))
            return false;
        buf = netdev_buf_alloc(s->dev);
    }
    s->waited_ns = 0;
    memcpy(buf->data, d, sizeof(*d));
    if (frame_len > sizeof(*d))
        memset(buf->data + sizeof(*d), 0, frame_len - sizeof(*d));
    buf->len = frame_len;
    reply(s, buf);
    if (s->reply_cnt == BATCH)
        flush(s);
    return true;
}

static void flood(struct server *s, const struct datagram *request)
{
    uint32_t cnt = request->message.a, len = request->message.b;
    struct datagram d = *request;
    bool going = true;

    if (len < FRAME_MIN)
        len = FRAME_MIN;
    if (len > NETDEV_FRAME_MAX)
        len = NETDEV_FRAME_MAX;
    make_answer(s, &d, len);
    d.message.op = BENCH_NET_FLOOD_DATA;
    flush(s);
    cpu_mark(3);
    for (d.message.seq = 0; d.message.seq < cnt && going; d.message.seq++)
        going = send_copy(s, &d, len);
    d.message.op = BENCH_NET_FLOOD_END;
    d.message.b = 0;
    if (going)
        send_copy(s, &d, len);
    flush(s);
    cpu_mark(4);
}

/* True when @buf was taken for an answer. */
static bool answer_message(struct server *s, struct netbuf *buf, struct datagram *d)
{
    switch (bench_net_message_in(s->counts, &d->message, buf->len)) {
    case BENCH_NET_ANSWER_MESSAGE:
        d->udp_sum = 0; /* none: the message may have changed */
        turn_around(s, d);
        reply(s, buf);
        return true;
    case BENCH_NET_ANSWER_FLOOD:
        flood(s, d);
        return false;
    case BENCH_NET_ANSWER_EXIT:
        s->done = true;
        return false;
    default:
        return false;
    }
}

static bool answer(struct server *s, struct netbuf *buf)
{
    struct datagram *d = (struct datagram *)buf->data;

    if (buf->frag_cnt != 0 || buf->len < sizeof(struct ethernet))
        return false;
    if (d->eth.type == ETHERTYPE_ARP)
        return answer_arp(s, buf);
    if (buf->len < sizeof(*d) || d->eth.type != ETHERTYPE_IPV4 || d->version_len != 0x45 ||
        d->proto != IP_PROTO_UDP || d->to_ip != s->address || d->to_port != swap16(BENCH_NET_PORT))
        return false;
    return answer_message(s, buf, d);
}

static void serve_batch(struct server *s)
{
    struct netbuf *bufs[BATCH];
    unsigned cnt = netdev_receive(s->dev, bufs, BATCH);

    if (cnt == 0) {
        netdev_wait(s->dev, WAIT_NS);
        return;
    }
    s->counts->received += cnt;
    for (unsigned i = 0; i < cnt; i++) {
        bufs[i]->csum = NETBUF_CSUM_NONE;
        if (!answer(s, bufs[i]))
            netdev_buf_free(bufs[i]);
    }
    flush(s);
}

int bench_net_driver(struct netdev *dev, uint32_t address, struct bench_net_counts *counts)
{
    struct server server = {.dev = dev, .address = address, .counts = counts};
    int err = netdev_open(dev, NULL, NULL, NULL);

    if (err != 0)
        return console_fail(err, "%s is in use", netdev_info(dev)->name);
    while (!server.done && !server.stalled && !console_interrupted())
        serve_batch(&server);
    netdev_close(dev);
    if (server.stalled)
        return console_fail(-ETIMEDOUT, "%s sends nothing any more", netdev_info(dev)->name);
    return 0;
}
