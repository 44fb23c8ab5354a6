/*
 * Frames between network devices and lwIP. Received ones are not copied: the pbuf's descriptor lies
 * in the netbuf itself. Frames to be sent are gathered into a netbuf, their only copy behind the
 * socket, and go out in batches.
 */
#include "arch/clock.h"
#include "kernel/list.h"
#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/igmp.h"
#include "lwip/mld6.h"
#include "lwip/pbuf.h"
#include "lwip/prot/ip.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/prot/tcp.h"
#include "lwip/tcpip.h"
#include "net/hooks.h"
#include "net/interface.h"

#include <string.h>

#define RX_BATCH 32
#define MTU_MAX  (NETDEV_FRAME_MAX - SIZEOF_ETH_HDR)

/*
 * A frame waits until its sender blocks and the net thread sends the whole batch with one
 * notification; should the sender compute on instead, until the timer does.
 */
#define TX_DELAY_NS 200000u

/* The descriptor of a received frame's piece; lives in netbuf.user. */
struct rx_pbuf {
    struct pbuf_custom custom;
    struct interface *iface;
};
_Static_assert(sizeof(struct rx_pbuf) <= sizeof(((struct netbuf *)0)->user),
               "does not fit netbuf.user");

/* ---- receiving ---- */

static void rx_pbuf_free(struct pbuf *p)
{
    struct rx_pbuf *rx = (struct rx_pbuf *)p;

    __atomic_fetch_sub(&rx->iface->held_cnt, 1, __ATOMIC_RELAXED);
    netdev_buf_free(CONTAINER_OF((void *)rx, struct netbuf, user));
}

/* Makes pbufs of a frame's buffers; they give the buffers back when they are freed. */
static struct pbuf *wrap_frame(struct interface *iface, struct netbuf *buf)
{
    struct pbuf *frame = NULL;

    while (buf != NULL) {
        struct netbuf *next = buf->next;
        struct rx_pbuf *rx = (struct rx_pbuf *)buf->user;
        struct pbuf *piece;

        buf->next = NULL;
        buf->frag_cnt = 0;
        rx->iface = iface;
        rx->custom.custom_free_function = rx_pbuf_free;
        piece = pbuf_alloced_custom(PBUF_RAW, (u16_t)buf->len, PBUF_REF, &rx->custom, buf->data,
                                    (u16_t)buf->len);
        __atomic_fetch_add(&iface->held_cnt, 1, __ATOMIC_RELAXED);
        if (frame == NULL)
            frame = piece;
        else
            pbuf_cat(frame, piece);
        buf = next;
    }
    return frame;
}

/* For when sockets hold so many buffers that the device might run dry. Frees @buf. */
static struct pbuf *copy_frame(struct netbuf *buf)
{
    struct pbuf *frame;
    size_t len = 0;

    for (const struct netbuf *piece = buf; piece != NULL; piece = piece->next)
        len += piece->len;
    frame = pbuf_alloc(PBUF_RAW, (u16_t)len, PBUF_RAM);
    if (frame != NULL) {
        char *to = frame->payload;

        for (const struct netbuf *piece = buf; piece != NULL; to += piece->len, piece = piece->next)
            memcpy(to, piece->data, piece->len);
    }
    netdev_buf_free(buf);
    return frame;
}

/* A device cannot vouch for a checksum over a datagram of which it saw a part. */
static bool is_fragment(const struct netbuf *buf)
{
    const struct eth_hdr *eth = (const void *)buf->data;
    const struct ip_hdr *ip4 = (const void *)(eth + 1);
    const struct ip6_hdr *ip6 = (const void *)(eth + 1);

    if (buf->len < SIZEOF_ETH_HDR + sizeof(*ip6))
        return eth->type == PP_HTONS(ETHTYPE_IPV6) || buf->len < SIZEOF_ETH_HDR + sizeof(*ip4);
    if (eth->type == PP_HTONS(ETHTYPE_IPV6))
        return IP6H_NEXTH(ip6) == IP6_NEXTH_FRAGMENT || IP6H_NEXTH(ip6) == IP6_NEXTH_HOPBYHOP;
    return (IPH_OFFSET(ip4) & PP_HTONS(IP_OFFMASK | IP_MF)) != 0;
}

static void receive_frame(struct interface *iface, struct netbuf *buf)
{
    const u16_t transport = NETIF_CHECKSUM_CHECK_UDP | NETIF_CHECKSUM_CHECK_TCP;
    struct netif *netif = &iface->netif;
    struct pbuf *frame;

    if (buf->csum == NETBUF_CSUM_NONE || is_fragment(buf))
        netif->chksum_flags |= transport;
    else
        netif->chksum_flags &= (u16_t)~transport;
    frame = __atomic_load_n(&iface->held_cnt, __ATOMIC_RELAXED) < iface->held_max
                ? wrap_frame(iface, buf)
                : copy_frame(buf);
    if (frame != NULL && netif->input(frame, netif) != ERR_OK)
        pbuf_free(frame);
}

bool vring_receive(struct interface *iface)
{
    struct netbuf *bufs[RX_BATCH];
    unsigned cnt;

    /* The device's callback may run again from the moment a call returns 0 on. */
    if (!iface->attached || !__atomic_exchange_n(&iface->rx_waiting, false, __ATOMIC_SEQ_CST))
        return false;
    cnt = netdev_receive(iface->dev, bufs, RX_BATCH);
    for (unsigned i = 0; i < cnt; i++)
        receive_frame(iface, bufs[i]);
    if (cnt > 0)
        __atomic_store_n(&iface->rx_waiting, true, __ATOMIC_SEQ_CST);
    return cnt > 0;
}

/* ---- sending ---- */

static void drop_waiting(struct interface *iface)
{
    for (unsigned i = 0; i < iface->tx_cnt; i++)
        netdev_buf_free(iface->tx[i]);
    iface->tx_cnt = 0;
}

static bool flush(struct interface *iface)
{
    uint64_t irq = spin_lock(&iface->tx_lock);
    int sent = iface->attached ? netdev_send(iface->dev, iface->tx, iface->tx_cnt) : -ENETDOWN;
    bool waiting;

    if (sent < 0) {
        drop_waiting(iface);
    } else {
        iface->tx_cnt -= (unsigned)sent;
        memmove(iface->tx, iface->tx + sent, iface->tx_cnt * sizeof(struct netbuf *));
    }
    waiting = iface->tx_cnt > 0;
    spin_unlock(&iface->tx_lock, irq);
    return waiting;
}

/*
 * Should another CPU have armed the timer just now, its frame goes out all the same: the net thread
 * has been woken for it.
 */
bool vring_flush(struct interface *iface)
{
    bool waiting;

    if (__atomic_load_n(&iface->tx_cnt, __ATOMIC_RELAXED) == 0)
        return false;
    waiting = flush(iface);
    timer_cancel(&iface->tx_timer);
    return waiting;
}

/* The sender did not block: send from the timer's interrupt, or leave it to the net thread if the
 * ring is full. */
static void tx_timer_fn(void *arg)
{
    if (flush(arg))
        net_wake();
}

static void tx_enqueue(struct interface *iface, struct netbuf *buf)
{
    uint64_t irq = spin_lock(&iface->tx_lock);
    bool first = iface->tx_cnt == 0 && !net_in_batch();

    iface->tx[iface->tx_cnt++] = buf;
    spin_unlock(&iface->tx_lock, irq);
    if (first) {
        net_wake();
        timer_arm(&iface->tx_timer, clock_ns() + TX_DELAY_NS);
    }
}

/* Sum over the pseudo header, which the device continues over header and data. */
static u16_t pseudo_sum(const void *addresses, int len, unsigned proto, unsigned tcp_len)
{
    u32_t sum = net_checksum(addresses, len) + (u32_t)PP_HTONS(proto) + lwip_htons((u16_t)tcp_len);

    sum = (sum & 0xffff) + (sum >> 16);
    return (u16_t)(sum + (sum >> 16));
}

/*
 * Leaves a TCP segment's checksum to the device. TCP only: lwIP never fragments it, while a UDP
 * datagram may be sent in parts that no device can sum up.
 */
static void offload_checksum(struct netbuf *buf)
{
    const struct eth_hdr *eth = (const void *)buf->data;
    const struct ip_hdr *ip4 = (const void *)(eth + 1);
    const struct ip6_hdr *ip6 = (const void *)(eth + 1);
    unsigned start;
    u16_t sum;

    if (eth->type == PP_HTONS(ETHTYPE_IP) && IPH_PROTO(ip4) == IP_PROTO_TCP) {
        start = SIZEOF_ETH_HDR + IPH_HL_BYTES(ip4);
        sum = pseudo_sum(&ip4->src, 8, IP_PROTO_TCP, buf->len - start);
    } else if (eth->type == PP_HTONS(ETHTYPE_IPV6) && IP6H_NEXTH(ip6) == IP6_NEXTH_TCP) {
        start = SIZEOF_ETH_HDR + IP6_HLEN;
        sum = pseudo_sum(&ip6->src, 32, IP6_NEXTH_TCP, buf->len - start);
    } else {
        return;
    }
    buf->csum = NETBUF_CSUM_PARTIAL;
    buf->csum_start = (u16_t)start;
    buf->csum_off = offsetof(struct tcp_hdr, chksum);
    memcpy(buf->data + start + buf->csum_off, &sum, sizeof(sum));
}

static struct netbuf *tx_buffer(struct interface *iface)
{
    struct netbuf *buf;

    if (iface->tx_cnt == INTERFACE_TX_BATCH && vring_flush(iface) &&
        iface->tx_cnt == INTERFACE_TX_BATCH)
        return NULL;
    buf = netdev_buf_alloc(iface->dev);
    if (buf == NULL && iface->tx_cnt > 0) {
        vring_flush(iface);
        buf = netdev_buf_alloc(iface->dev);
    }
    return buf;
}

static err_t vring_output(struct netif *netif, struct pbuf *p)
{
    struct interface *iface = netif->state;
    struct netbuf *buf;
    uint8_t *to;

    if (!iface->attached)
        return ERR_IF;
    if (p->tot_len > NETDEV_FRAME_MAX)
        return ERR_VAL;
    buf = tx_buffer(iface);
    if (buf == NULL)
        return ERR_BUF;
    to = buf->data;
    for (const struct pbuf *q = p;; q = q->next) {
        memcpy(to, q->payload, q->len);
        to += q->len;
        if (q->tot_len == q->len)
            break;
    }
    buf->len = p->tot_len;
    buf->csum = NETBUF_CSUM_NONE;
    buf->frag_cnt = 0;
    if ((netif->chksum_flags & NETIF_CHECKSUM_GEN_TCP) == 0)
        offload_checksum(buf);
    tx_enqueue(iface, buf);
    return ERR_OK;
}

/* ---- the interface ---- */

/* Frames wait in their queue pair, whichever CPU heard of them, until the net thread takes a batch:
 * one wake-up for all that arrive until it looks. */
static void rx_arrived(void *arg)
{
    struct interface *iface = arg;

    if (!__atomic_exchange_n(&iface->rx_waiting, true, __ATOMIC_SEQ_CST))
        net_wake();
}

/* Peers and switches learn where we are now, as lwIP tells them when a link comes up. */
static void announce(struct interface *iface)
{
    struct netif *netif = &iface->netif;

    if (!iface->attached || !netif_is_link_up(netif))
        return;
    if (!ip4_addr_isany_val(*netif_ip4_addr(netif)))
        etharp_gratuitous(netif);
    igmp_report_groups(netif);
    mld6_report_groups(netif);
}

/* With the core lock. */
static void update_link(struct interface *iface)
{
    /* Down and up again in between: the stack must notice, for the wire may lead elsewhere now, and
     * the card have another address. */
    netif_set_link_down(&iface->netif);
    memcpy(iface->netif.hwaddr, netdev_info(iface->dev)->mac, ETH_HWADDR_LEN);
    if (iface->attached && netdev_link_up(iface->dev))
        netif_set_link_up(&iface->netif);
}

static void device_event(void *arg, enum netdev_event event)
{
    struct interface *iface = arg;

    LOCK_TCPIP_CORE();
    if (event == NETDEV_ANNOUNCE)
        announce(iface);
    else
        update_link(iface);
    vring_flush(iface);
    UNLOCK_TCPIP_CORE();
}

int vring_open(struct interface *iface)
{
    int rc = netdev_open(iface->dev, rx_arrived, device_event, iface);

    if (rc != 0)
        return rc;
    LOCK_TCPIP_CORE();
    iface->attached = true;
    update_link(iface);
    UNLOCK_TCPIP_CORE();
    /* Frames may have come before. */
    __atomic_store_n(&iface->rx_waiting, true, __ATOMIC_SEQ_CST);
    net_wake();
    return 0;
}

void vring_close(struct interface *iface)
{
    LOCK_TCPIP_CORE();
    vring_flush(iface);
    iface->attached = false;
    update_link(iface); /* from here on no event takes it up again */
    vring_flush(iface); /* drops what the ring did not take */
    UNLOCK_TCPIP_CORE();
    netdev_close(iface->dev);
}

err_t vring_netif_init(struct netif *netif)
{
    struct interface *iface = netif->state;
    const struct netdev_info *info = netdev_info(iface->dev);

    timer_setup(&iface->tx_timer, tx_timer_fn, iface);
    iface->name = info->name;
    iface->held_max = info->rx_ring / 2;
    netif->name[0] = 'n';
    netif->name[1] = 'e';
    netif->hostname = "vring0";
    netif->mtu = info->mtu != 0 && info->mtu < MTU_MAX ? info->mtu : MTU_MAX;
    netif->hwaddr_len = ETH_HWADDR_LEN;
    memcpy(netif->hwaddr, info->mac, ETH_HWADDR_LEN);
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET |
                   NETIF_FLAG_IGMP | NETIF_FLAG_MLD6;
    netif->output = etharp_output;
    netif->output_ip6 = ethip6_output;
    netif->linkoutput = vring_output;
    netif->chksum_flags = NETIF_CHECKSUM_ENABLE_ALL;
    if (info->csum_tx)
        netif->chksum_flags &= (u16_t)~NETIF_CHECKSUM_GEN_TCP;
    return ERR_OK;
}
