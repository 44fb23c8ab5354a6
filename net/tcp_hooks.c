/* TCP where lwIP's own needs help: initial sequence numbers, ports used again, closed windows. */
#include <stdint.h>
#include <string.h>

#include "arch/clock.h"
#include "kernel/entropy.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/tcp.h"
#include "net/hooks.h"

unsigned net_random(void)
{
    unsigned value;

    entropy_get_weak(&value, sizeof(value));
    return value;
}

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32) + v[3];
    v[2] += v[1];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

/* SipHash-2-4 of whole words: short, and made for keyed hashes of short input. */
static uint64_t sip_hash(const uint64_t key[2], const uint64_t *words, unsigned cnt)
{
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575ull, key[1] ^ 0x646f72616e646f6dull,
                     key[0] ^ 0x6c7967656e657261ull, key[1] ^ 0x7465646279746573ull};

    for (unsigned i = 0; i <= cnt; i++) {
        uint64_t word = i < cnt ? words[i] : (uint64_t)cnt << 59;

        v[3] ^= word;
        sip_round(v);
        sip_round(v);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    for (unsigned i = 0; i < 4; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static void address_words(const ip_addr_t *ip, uint64_t words[2])
{
    if (IP_IS_V6(ip))
        memcpy(words, ip_2_ip6(ip)->addr, 16);
    else
        words[0] = ip4_addr_get_u32(ip_2_ip4(ip));
}

u32_t net_tcp_isn(const ip_addr_t *local_ip, u16_t local_port, const ip_addr_t *remote_ip,
                  u16_t remote_port)
{
    static uint64_t key[2];
    uint64_t words[5] = {0};

    if (key[0] == 0)
        entropy_get_weak(key, sizeof(key));
    address_words(local_ip, words);
    address_words(remote_ip, words + 2);
    words[4] = (uint64_t)local_port << 16 | remote_port;
    return (u32_t)(sip_hash(key, words, 5) + clock_ns() / 4096);
}

/*
 * A client may use a port again while we still remember its last connection (RFC 1122, 4.2.2.13);
 * lwIP would refuse it for two minutes. The segment is put back as it came, and finds the listening
 * socket now.
 */
static err_t reopen(struct tcp_pcb *pcb, struct tcp_hdr *hdr, struct pbuf *data)
{
    size_t len = TCPH_HDRLEN_BYTES(hdr);

    if (TCPH_FLAGS(hdr) != TCP_SYN || !TCP_SEQ_GT(hdr->seqno, pcb->rcv_nxt) ||
        (const u8_t *)data->payload != (const u8_t *)hdr + len)
        return ERR_OK;
    tcp_pcb_remove(&tcp_tw_pcbs, pcb);
    tcp_free(pcb);
    hdr->src = lwip_htons(hdr->src);
    hdr->dest = lwip_htons(hdr->dest);
    hdr->seqno = lwip_htonl(hdr->seqno);
    hdr->ackno = lwip_htonl(hdr->ackno);
    hdr->wnd = lwip_htons(hdr->wnd);
    pbuf_add_header_force(data, len);
    pbuf_ref(data);
    tcp_input(data, ip_current_input_netif());
    return ERR_ABRT;
}

/*
 * With its receive window closed, lwIP acknowledges even an acknowledgement, so two such ends would
 * do so for ever. One that says nothing new is dropped; it shows all the same that the other end is
 * there.
 */
static err_t drop_echo(struct tcp_pcb *pcb, const struct tcp_hdr *hdr, const struct pbuf *data)
{
    if (data->tot_len != 0 || TCPH_FLAGS(hdr) != TCP_ACK || hdr->seqno != pcb->rcv_nxt ||
        hdr->ackno != pcb->lastack || hdr->wnd != pcb->snd_wnd || pcb->unacked != NULL)
        return ERR_OK;
    pcb->tmr = tcp_ticks;
    pcb->keep_cnt_sent = 0;
    pcb->persist_probe = 0;
    return ERR_ABRT;
}

err_t net_tcp_input(struct tcp_pcb *pcb, struct tcp_hdr *hdr, struct pbuf *data)
{
    if (pcb->state == LISTEN)
        return ERR_OK;
    if (pcb->state == TIME_WAIT)
        return reopen(pcb, hdr, data);
    return pcb->rcv_wnd == 0 ? drop_echo(pcb, hdr, data) : ERR_OK;
}
