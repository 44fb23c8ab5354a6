/* Command: ping, by ICMP or ICMPv6 over a raw socket. */
#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "arch/clock.h"
#include "kernel/console.h"
#include "kernel/log.h"
#include "kernel/thread.h"
#include "lwip/inet_chksum.h"
#include "lwip/prot/icmp.h"
#include "lwip/prot/icmp6.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "net/interface.h"

#define PING_DATA_LEN    56
#define PING_COUNT_MAX   1000000
#define PING_REPLY_NS    1000000000ull /* an answer must come within */
#define PING_INTERVAL_NS 200000000ull
#define ADDRESS_WAIT_MS  10000
#define NS_PER_US        1000u

struct ping {
    int fd;
    bool v6;
    u16_t id;
    struct sockaddr_storage to;
    socklen_t to_len;
    char text[48];
};

struct packet {
    struct icmp_echo_hdr hdr;
    char data[PING_DATA_LEN];
};

/* A link-local address without an interface is one on the first. */
static void default_zone(struct ping *ping)
{
    struct sockaddr_in6 *to = (struct sockaddr_in6 *)&ping->to;

    if (ping->v6 && to->sin6_scope_id == 0 && to->sin6_addr.s6_addr[0] == 0xfe &&
        (to->sin6_addr.s6_addr[1] & 0xc0) == 0x80 && interface_cnt > 0)
        to->sin6_scope_id = netif_get_index(&interfaces[0]->netif);
}

static int resolve(struct ping *ping, const char *name)
{
    struct addrinfo *found = NULL;
    int rc = getaddrinfo(name, NULL, NULL, &found);

    if (rc != 0 &&
        address_settle(false, ADDRESS_WAIT_MS)) /* the name server comes with the lease */
        rc = getaddrinfo(name, NULL, NULL, &found);
    if (rc != 0)
        return console_fail(-ENOENT, "%s: no address and no name that the DNS server knows", name);
    memcpy(&ping->to, found->ai_addr, found->ai_addrlen);
    ping->to_len = found->ai_addrlen;
    ping->v6 = found->ai_family == AF_INET6;
    default_zone(ping);
    getnameinfo(found->ai_addr, found->ai_addrlen, ping->text, sizeof(ping->text), NULL, 0, 0);
    freeaddrinfo(found);
    return 0;
}

static int open_socket(struct ping *ping)
{
    const struct timeval timeout = {.tv_usec = 100000};

    ping->fd = ping->v6 ? socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6)
                        : socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
    if (ping->fd < 0)
        return console_fail(-errno, "no socket: %s", strerror(errno));
    setsockopt(ping->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    return 0;
}

static int send_packet(const struct ping *ping, const struct packet *packet)
{
    ssize_t sent =
        sendto(ping->fd, packet, sizeof(*packet), 0, (const void *)&ping->to, ping->to_len);

    return sent < 0 ? -errno : 0;
}

static int send_request(const struct ping *ping, u16_t seq)
{
    struct packet packet = {.hdr = {
                                .type = ping->v6 ? ICMP6_TYPE_EREQ : ICMP_ECHO,
                                .id = ping->id,
                                .seqno = lwip_htons(seq),
                            }};
    int rc;

    for (unsigned i = 0; i < PING_DATA_LEN; i++)
        packet.data[i] = (char)i;
    if (!ping->v6) /* the stack computes ICMPv6's, which covers addresses */
        packet.hdr.chksum = inet_chksum(&packet, sizeof(packet));
    rc = send_packet(ping, &packet);
    if (rc == -EHOSTUNREACH && address_settle(ping->v6, ADDRESS_WAIT_MS))
        rc = send_packet(ping, &packet);
    return rc;
}

/* Is what came our answer? Raw sockets see every ICMP message, with its IP header. */
static bool is_reply(const struct ping *ping, const uint8_t *data, size_t len, u16_t seq)
{
    struct icmp_echo_hdr hdr;
    size_t skip;

    if (len < IP_HLEN)
        return false;
    skip = ping->v6 ? IP6_HLEN : IPH_HL_BYTES((const struct ip_hdr *)data);
    if (len < skip + sizeof(hdr))
        return false;
    memcpy(&hdr, data + skip, sizeof(hdr));
    return hdr.type == (ping->v6 ? ICMP6_TYPE_EREP : ICMP_ER) && hdr.id == ping->id &&
           hdr.seqno == lwip_htons(seq);
}

/* Round-trip time in ns, or -ETIMEDOUT, -EINTR. */
static int64_t wait_reply(const struct ping *ping, u16_t seq)
{
    uint64_t start = clock_ns();
    uint8_t data[128];

    do {
        ssize_t len = recv(ping->fd, data, sizeof(data), 0);

        if (len > 0 && is_reply(ping, data, (size_t)len, seq))
            return (int64_t)(clock_ns() - start);
        if (console_interrupted())
            return -EINTR;
    } while (clock_ns() - start < PING_REPLY_NS);
    return -ETIMEDOUT;
}

struct tally {
    unsigned long long sent, received;
    int64_t sum, min, max;
};

static int ping_once(const struct ping *ping, struct tally *tally)
{
    u16_t seq = (u16_t)++tally->sent;
    int rc = send_request(ping, seq);
    int64_t rtt;

    /* The way there was known once: a link that went down may come back. */
    if (rc != 0 && tally->sent > 1) {
        print("%s: request %u not sent: %s\n", ping->text, seq, strerror(-rc));
        return 0;
    }
    if (rc != 0)
        return console_fail(rc, "cannot send to %s: %s", ping->text, strerror(-rc));
    rtt = wait_reply(ping, seq);
    if (rtt == -EINTR)
        return console_fail(-EINTR, "interrupted");
    if (rtt < 0) {
        print("%s: no reply to request %u\n", ping->text, seq);
        return 0;
    }
    tally->received++;
    tally->sum += rtt;
    if (tally->min == 0 || rtt < tally->min)
        tally->min = rtt;
    if (rtt > tally->max)
        tally->max = rtt;
    print("%s: reply to request %u after %lld us\n", ping->text, seq, (long long)rtt / NS_PER_US);
    return 0;
}

static int run_ping(const struct ping *ping, unsigned long long count, struct tally *tally)
{
    for (unsigned long long i = 0; i < count; i++) {
        int rc = ping_once(ping, tally);

        if (rc != 0)
            return rc;
        if (i + 1 < count)
            thread_sleep_ns(PING_INTERVAL_NS);
        if (console_interrupted())
            return console_fail(-EINTR, "interrupted");
    }
    return 0;
}

static int report_tally(const struct ping *ping, const struct tally *tally)
{
    if (tally->received > 0) {
        at_line("result", "name=ping.rtt value=%lld unit=us",
                (long long)tally->sum / (long long)tally->received / NS_PER_US);
        print("fastest %lld us, slowest %lld us\n", (long long)tally->min / NS_PER_US,
              (long long)tally->max / NS_PER_US);
    }
    at_line("result", "name=ping.received value=%llu unit=replies", tally->received);
    if (tally->received == 0)
        return console_fail(-ETIMEDOUT, "%s: no reply to %llu requests", ping->text, tally->sent);
    return 0;
}

static int cmd_ping(int argc, char **argv)
{
    static u16_t last_id;
    const char *count_text = console_option(argc, argv, "count");
    unsigned long long count = 4;
    struct ping ping = {.id = ++last_id};
    struct tally tally = {0};
    int rc;

    if (argc < 2 || strchr(argv[1], '=') != NULL)
        return console_fail(-EINVAL, "usage: ping ADDR|NAME [count=N]");
    if (count_text != NULL && console_number(count_text, "count", &count) != 0)
        return -EINVAL;
    if (count < 1 || count > PING_COUNT_MAX)
        return console_fail(-EINVAL, "count must be 1 to %u", PING_COUNT_MAX);
    rc = resolve(&ping, argv[1]);
    if (rc == 0)
        rc = open_socket(&ping);
    if (rc != 0)
        return rc;
    rc = run_ping(&ping, count, &tally);
    close(ping.fd);
    if (rc == 0)
        rc = report_tally(&ping, &tally);
    return rc;
}

CONSOLE_COMMAND(ping, .name = "ping", .usage = "ping ADDR|NAME [count=4]",
                .summary = "send echo requests, show round-trip times", .run = cmd_ping);
